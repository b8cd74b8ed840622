import Evaluation
import Foundation
package import RecipeSchema
import Reporting

extension RunReport {
    /// Scores beside those of raw pixels and of the network without training, and the sentence that answers.
    var help: HTML {
        let groups = ProbeComparison.all(record.scores)
        guard !groups.isEmpty else {
            return HTML.element(
                "p", [("class", "missing")],
                .text(
                    "Nobody has measured it yet. Where some pictures have labels, this compares with the untrained network:"
                ))
                + HTML.command("pretrain probe \(place)")
        }
        let kinds = ProbeComparison.kinds
        let rows = groups.map { group in
            [group.title] + kinds.map { group.cell($0) } + [group.gain, group.pictures]
        }
        let table = HTML.table(
            ["protocol"] + ["pretrained", "untrained", "raw pixels"] + ["gain over untrained", "test pictures"], rows,
            caption:
                "Share of test pictures that were right, of label maps the mean overlap of regions, in percent, with 95 % intervals for the "
                + "drawing of the test pictures"
        )
        let draws =
            groups.contains { $0.hasSpread }
            ? HTML.paragraph(
                "“draws” is the deviation over draws of the training pictures, another thing than the interval.")
            : HTML()
        let seen = record.scores.compactMap { $0["test_seen_in_pretraining"]?.int }.max() ?? 0
        let warning =
            seen > 0
            ? HTML.element(
                "p", [("class", "alarm")],
                .text("\(seen) of the test pictures were seen, without labels, in pretraining; others may score lower.")
            )
            : HTML()
        return HTML.element("p", [("class", "answer")], .text(ProbeComparison.answer(groups))) + table + draws + warning
            + HTML.details("The command", HTML.command("pretrain probe \(place)"))
    }
}

/// The scores of one protocol with the same settings on the same data, of several kinds of features.
package struct ProbeComparison {
    /// The kinds of features, the run's own first.
    package static let kinds = ["pretrained", "random-init", "raw-pixels"]

    private var rows: [String: JSONValue] = [:]
    /// The name of the protocol, with what tells it from others of the same name.
    package private(set) var title: String

    /// The comparisons that rows of `probes.json` allow, in the order of their first rows.
    package static func all(_ rows: [JSONValue]) -> [ProbeComparison] {
        var (order, groups): ([String], [String: ProbeComparison]) = ([], [:])
        for row in rows {
            let kind = row["features"]?.string ?? ""
            guard kinds.contains(kind) else { continue }
            let identity = identity(of: row)
            if groups[identity] == nil {
                order.append(identity)
                groups[identity] = ProbeComparison(title: title(of: row))
            }
            groups[identity]?.rows[kind] = row
        }
        return order.compactMap { groups[$0] }
    }

    /// What tells the protocol, settings and data of a row from others.
    static func identity(of row: JSONValue) -> String {
        ["protocol", "options", "train_data", "test_data"].map { row[$0]?.text() ?? "" }
            .joined(separator: "\n") + (row["chosen"]?["shots"]?.text() ?? "")
    }

    /// The data of a row, in short: where they lie, how they are divided, and how the digest of the test part begins.
    static func data(of row: JSONValue) -> String {
        let data = row["data"]
        let place = data?["path"]?.string ?? data?["kind"]?.string ?? "other data"
        let split = data?["split"].flatMap { $0.isNull ? nil : ", split \($0.text())" } ?? ""
        return "\(place)\(split), test \(row["test_data"]?.string?.prefix(6) ?? "–")"
    }

    static func title(of row: JSONValue) -> String {
        let shots = row["chosen"]?["shots"]?.int.map { ", \($0) a class" } ?? ""
        let options = (row["options"]?.members ?? []).map { ", \($0.name) \($0.value.brief)" }.joined()
        let unit = row["mean_iou"] == nil ? "" : ", mean IoU"
        return (row["protocol"]?.string ?? "") + unit + shots + options
    }

    private func accuracy(_ kind: String) -> Double? { rows[kind]?.score }

    private func interval(_ kind: String) -> ClosedRange<Double>? {
        guard let ends = rows[kind]?["interval"]?.array?.compactMap(\.double), ends.count == 2, ends[0] <= ends[1]
        else {
            return nil
        }
        return ends[0]...ends[1]
    }

    /// Whether scores are means over draws.
    var hasSpread: Bool { rows.values.contains { $0["spread"]?.double != nil } }

    /// The score of a kind of features with its interval.
    package func cell(_ kind: String) -> String {
        guard let accuracy = accuracy(kind) else { return "–" }
        let half = interval(kind).map { " ± \(percent(($0.upperBound - $0.lowerBound) / 2))" } ?? ""
        let spread = rows[kind]?["spread"]?.double.map { ", draws ± \(percent($0))" } ?? ""
        return percent(accuracy) + half + spread
    }

    /// How much better the pretrained features are than those of the untrained network, in points.
    package var gain: String {
        guard let own = accuracy("pretrained"), let other = accuracy("random-init") else { return "–" }
        return String(format: "%+.1f", 100 * (own - other))
    }

    /// How many test pictures there were.
    var pictures: String {
        rows["pretrained"]?["test"]?.int.map(String.init) ?? rows.values.first?["test"]?.int.map(String.init) ?? "–"
    }

    /// The sentence for all protocols together: better, worse, or not to be told.
    package static func answer(_ groups: [ProbeComparison]) -> String {
        let judged = groups.filter { $0.accuracy("pretrained") != nil && $0.rows.count > 1 }
        guard !judged.isEmpty else {
            return
                "There is nothing to compare with: probe all kinds of features, the untrained network and raw pixels, too."
        }
        let better = judged.filter { group in group.baselines.allSatisfy { group.isAbove($0) } }
        let worse = judged.filter { group in group.baselines.contains { group.isBelow($0) } }
        let of = judged.count == 1 ? "the one protocol" : "\(judged.count) protocols"
        if better.count == judged.count {
            return
                "Yes: by \(judged.count == 1 ? "the one protocol" : "each of \(of)") the pretrained features are better than "
                + "the baselines, beyond what the drawing of the test pictures explains."
        }
        if better.isEmpty, worse.isEmpty {
            return
                "Not shown: by none of \(of) are the pretrained features better or worse than the baselines beyond what "
                + "the drawing of the test pictures explains."
        }
        var parts: [String] = []
        if !better.isEmpty { parts.append("better by \(better.map(\.title).joined(separator: "; "))") }
        if !worse.isEmpty { parts.append("worse than a baseline by \(worse.map(\.title).joined(separator: "; "))") }
        let open = judged.count - better.count - worse.count
        if open > 0 { parts.append("undecided by \(open) of \(judged.count)") }
        return (better.isEmpty ? "No" : "In part") + ": the pretrained features are " + parts.joined(separator: ", ")
            + "."
    }

    private var baselines: [String] { Self.kinds.dropFirst().filter { accuracy($0) != nil } }

    private func isAbove(_ other: String) -> Bool {
        guard let own = interval("pretrained"), let theirs = interval(other) else { return false }
        return own.lowerBound > theirs.upperBound
    }

    private func isBelow(_ other: String) -> Bool {
        guard let own = interval("pretrained"), let theirs = interval(other) else { return false }
        return own.upperBound < theirs.lowerBound
    }
}
