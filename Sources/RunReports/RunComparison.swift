import Evaluation
import Foundation
public import Pretraining
import RandomStreams
import RecipeSchema
public import Reporting

/// Several runs side by side: in what their recipes differ, what they cost and what they are worth.
///
/// Runs whose recipes differ in the seed alone stand together: the mean of their scores with its deviation over seeds, apart from
/// the interval for the drawing of the test pictures. Runs of one seed, too, are rows of their own: they say nothing of others.
public struct RunComparison {
    /// Runs of one recipe with several seeds.
    struct Group {
        var runs: [RunRecord]
        /// The name in tables.
        var name: String { runs.count == 1 ? runs[0].folder.path : "\(runs[0].recipe.name), \(runs.count) seeds" }
    }

    let groups: [Group]
    /// Key paths in which recipes differ, seeds, names and logs apart.
    let keys: [String]
    /// Scores that are there of at least one group.
    let protocols: [String]
    /// What could not be read, a sentence each.
    public let notes: [String]

    /// Reads runs; throws where one cannot be read, or the same one is named twice.
    public init(_ folders: [RunFolder]) throws {
        var groups: [Group] = []
        var notes: [String] = []
        for folder in folders {
            guard !groups.contains(where: { $0.runs.contains { $0.folder == folder } }) else {
                throw RunError(.usage, "\(folder.path) is named twice; name each run once")
            }
            let record = try RunRecord(folder)
            notes += record.faults.map { "\(folder.path): \($0)" }
            if let place = groups.firstIndex(where: { group in
                Self.keys(record.recipe, group.runs[0].recipe).isEmpty
                    && !group.runs.contains { $0.recipe.seed == record.recipe.seed }
            }) {
                groups[place].runs.append(record)
            } else {
                groups.append(Group(runs: [record]))
            }
        }
        self.groups = groups
        self.notes = notes
        var (keys, protocols): ([String], [String]) = ([], [])
        for group in groups {
            for key in Self.keys(group.runs[0].recipe, groups[0].runs[0].recipe) where !keys.contains(key) {
                keys.append(key)
            }
            for run in group.runs {
                for score in Score.all(of: run) where !protocols.contains(score.identity) {
                    protocols.append(score.identity)
                }
            }
        }
        self.keys = keys
        self.protocols = protocols
    }

    /// The paths in which two recipes differ, but for what tells runs of one recipe apart.
    private static func keys(_ one: Recipe, _ other: Recipe) -> [String] {
        one.differences(from: other).map(\.path).filter { path in
            path != "seed" && path != "name" && path != "log" && !path.hasPrefix("log.")
        }
    }

    /// A score of a pretrained encoder as `probes.json` has it.
    struct Score {
        var identity: String
        var title: String
        var accuracy: Double
        var half: Double
        var outcomes: [Bool]?
        /// The data that it is of, in short.
        var data: String

        static func all(of run: RunRecord) -> [Score] {
            run.scores.compactMap { row in
                guard row["features"]?.string == "pretrained", let accuracy = row.score else {
                    return nil
                }
                let ends = row["interval"]?.array?.compactMap(\.double) ?? []
                let outcomes = row["outcomes"]?.string.flatMap { text in
                    row["test"]?.int.flatMap { PackedOutcomes.outcomes(text, count: $0) }
                }
                return Score(
                    identity: ProbeComparison.identity(of: row), title: ProbeComparison.title(of: row),
                    accuracy: accuracy,
                    half: ends.count == 2 ? (ends[1] - ends[0]) / 2 : 0, outcomes: outcomes,
                    data: ProbeComparison.data(of: row))
            }
        }
    }

    private func scores(_ group: Group, _ identity: String) -> [Score] {
        group.runs.compactMap { run in Score.all(of: run).first { $0.identity == identity } }
    }

    /// The cell of a group's score.
    private func cell(_ scores: [Score]) -> String {
        guard let first = scores.first else { return "–" }
        guard scores.count > 1 else { return "\(percent(first.accuracy)) ± \(percent(first.half))" }
        let runs = Uncertainty.runs(scores.map(\.accuracy))
        let half = scores.map(\.half).reduce(0, +) / Double(scores.count)
        return "\(percent(runs.mean)), seeds ± \(percent(runs.deviation)), pictures ± \(percent(half))"
    }

    /// The table: a row a group, what differs, cost and scores as columns.
    public var table: (headings: [String], rows: [[String]]) {
        let plain = protocols.map { identity -> String in
            for group in groups { if let score = scores(group, identity).first { return score.title } }
            return identity
        }
        // Scores of one protocol on other data are other figures: columns of one name say of what they are.
        let titles = zip(protocols, plain).map { identity, title in
            guard plain.count(where: { $0 == title }) > 1 else { return title }
            let data = groups.lazy.compactMap { self.scores($0, identity).first?.data }.first ?? ""
            return "\(title), \(data)"
        }
        let rows = groups.map { group -> [String] in
            let run = group.runs[0]
            let values = keys.map { key in run.recipe.encoded.value(at: key)?.brief ?? "–" }
            let seconds = group.runs.map(\.seconds).reduce(0, +) / Double(group.runs.count)
            let loss = run.epochs.last?["loss"]?.double ?? run.steps.last?["loss"]?.double
            return [group.name] + values + [
                "\(run.step)" + (run.isFinished ? "" : ", not at its end"),
                seconds > 0 ? SpokenTime.span(seconds) : "–",
                loss.map { String(format: "%.4f", $0) } ?? "–",
            ] + protocols.map { cell(scores(group, $0)) }
        }
        return (["run"] + keys + ["steps", "time", "loss"] + titles, rows)
    }

    /// Each group against the first one, protocol by protocol, where both were scored on the same test pictures.
    public var sentences: [String] {
        guard let first = groups.first else { return [] }
        let random = RandomStream(seed: 0).child("compare")
        return protocols.flatMap { identity in
            groups.dropFirst().compactMap { group -> String? in
                guard let own = scores(group, identity).first, let other = scores(first, identity).first,
                    let a = other.outcomes, let b = own.outcomes, a.count == b.count
                else { return nil }
                let interval = Uncertainty.pairedDifference(a, b, random: random.child(identity))
                let test = Uncertainty.mcNemar(a, b)
                let difference = 100 * (own.accuracy - other.accuracy)
                let seeds =
                    group.runs.count > 1 || first.runs.count > 1 ? " (of the first seed of each)" : ""
                return String(
                    format:
                        "%@: %@ against %@%@: %+.1f points, 95 %% from %+.1f to %+.1f; %d pictures right only there, %d only here, "
                        + "McNemar p = %.3g", own.title, group.name, first.name, seeds, difference, 100 * interval.low,
                    100 * interval.high, test.onlyB, test.onlyA, test.p)
            }
        }
    }

    /// The page: table, sentences, curves over each other.
    public var page: Page {
        let (headings, rows) = table
        func line(_ key: String, _ rows: (RunRecord) -> [JSONValue]) -> [LinePlot.Series] {
            groups.prefix(8).map { group in
                LinePlot.Series(
                    group.name,
                    rows(group.runs[0]).compactMap { row in
                        guard let step = row["step"]?.double, let value = row[key]?.double else { return nil }
                        return (step, value)
                    })
            }
        }
        let plots = [
            LinePlot("Loss", horizontal: "step", vertical: "loss", line("loss") { $0.steps }),
            LinePlot(
                "Directions of the features", horizontal: "step", vertical: "effective number",
                line("covariance_rank") { $0.health }),
        ]
        let left = groups.count > 8 ? "The first eight of \(groups.count) are drawn. " : ""
        let count = groups.reduce(0) { $0 + $1.runs.count }
        return Page(
            count == 1 ? "One run" : "\(count) runs side by side",
            sections: [
                .init(
                    "Scores",
                    HTML.table(headings, rows) + (protocols.isEmpty ? HTML.paragraph(Self.missing) : HTML())
                        + notes.map { HTML.element("p", [("class", "alarm")], .text($0)) }.reduce(HTML(), +)),
                .init(
                    "Differences",
                    sentences.isEmpty
                        ? HTML.paragraph(
                            "No two runs have scores of the same protocol on the same test pictures, picture by picture."
                        )
                        : HTML.element("ul", [], sentences.map { HTML.element("li", [], .text($0)) })),
                .init(
                    "Curves",
                    HTML.paragraph(
                        left
                            + "Losses of different methods, targets or mask ratios measure different things; compare them "
                            + "only where the objective is the same.")
                        + HTML.element("div", [("class", "plots")], plots.map(\.figure))),
            ])
    }

    private static let missing =
        "None of the runs has been probed: pretrain probe RUN, for each of them, with the same protocols."
}

extension JSONValue {
    /// The value at a dotted path.
    fileprivate func value(at path: String) -> JSONValue? {
        path.split(separator: ".").reduce(self) { value, name in value?[String(name)] }
    }
}
