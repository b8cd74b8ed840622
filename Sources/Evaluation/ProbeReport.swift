import Foundation
public import RandomStreams
public import RecipeSchema

/// The scores of several kinds of features by the same probes, side by side.
public struct ProbeReport: Sendable {
    /// Scores of one kind of features.
    public struct Column: Sendable {
        /// Whose features: `pretrained`, `random-init`, `raw-pixels`.
        public var features: String
        /// The scores, in the order of the probes.
        public var scores: [ProbeScore]

        /// The scores of some features.
        public init(features: String, scores: [ProbeScore]) {
            self.features = features
            self.scores = scores
        }
    }

    /// The columns; the first is compared with each of the others.
    public var columns: [Column]

    /// A report of columns that were made by the same probes, or by some of those of the first.
    public init(_ columns: [Column]) {
        self.columns = columns
    }

    /// The rows of `probe --json` and of `probes.json`.
    public var rows: [JSONValue] {
        columns.flatMap { column in column.scores.map { $0.row(features: column.features) } }
    }

    /// A table of accuracies in percent with half widths of their intervals, and a sentence for each comparison.
    ///
    /// A difference has the interval of a paired bootstrap where both scores have outcomes of the same pictures.
    public func text(random: RandomStream) -> String {
        guard let first = columns.first else { return "" }
        var cells = [["protocol"] + columns.map(\.features)]
        var sentences: [String] = []
        for score in first.scores {
            let label = Self.label(score)
            func same(_ column: Column) -> ProbeScore? { column.scores.first { Self.label($0) == label } }
            cells.append([label] + columns.map { same($0).map(Self.cell) ?? "–" })
            for other in columns.dropFirst() {
                guard let theirs = same(other) else { continue }
                sentences.append(
                    "\(label): \(first.features) \(Self.comparison(score, theirs, random)) \(other.features)")
            }
        }
        return (TextTable.lines(cells) + sentences + Self.regions(first) + Self.remarks(first.scores)).joined(
            separator: "\n")
    }

    /// The classes of scores of regions, a sentence each.
    private static func regions(_ column: Column) -> [String] {
        column.scores.compactMap { score in
            guard let regions = score.regions else { return nil }
            let shares = zip(regions.names, regions.intersectionOverUnion).map { name, share in
                "\(name) \(share.map(percent) ?? "–")"
            }
            let shown = shares.prefix(24).joined(separator: ", ") + (shares.count > 24 ? ", …" : "")
            return
                "\(score.name): IoU of \(column.features) by class: \(shown); \(percent(regions.pixelAccuracy)) % of the pixels are "
                + "right"
        }
    }

    /// What was not computed as the names of the protocols say, a sentence each.
    private static func remarks(_ scores: [ProbeScore]) -> [String] {
        var sentences: [String] = []
        func list(_ value: JSONValue?) -> String? {
            value?.array.map { $0.map { $0.string ?? $0.text() }.joined(separator: ", ") }
        }
        for score in scores {
            for note in score.chosen["notes"]?.array?.compactMap(\.string) ?? [] {
                sentences.append("\(score.name): \(note)")
            }
            if let tooMany = list(score.chosen["k_beyond_the_pictures"]) {
                sentences.append(
                    "\(score.name): k = \(tooMany) left out, more than the pictures there are to choose on")
            }
            if let tooMany = list(score.chosen["shots_beyond_the_smallest_class"]) {
                sentences.append("\(score.name): \(tooMany) a class left out, more than the smallest class has")
            }
            if let classes = list(score.chosen["classes_without_training"]),
                let count = score.chosen["test_pictures_of_them"]?.int
            {
                sentences.append(
                    "\(count) of \(score.test) test pictures are of classes that no training picture has (\(classes)): they "
                        + "count as wrong")
            }
        }
        var told = Set<String>()
        return sentences.filter { told.insert($0).inserted }
    }

    /// The name of a row; scores of one protocol with several numbers of shots are told apart.
    private static func label(_ score: ProbeScore) -> String {
        if score.regions != nil { return "\(score.name), mean IoU" }
        return score.chosen["shots"]?.int.map { "\(score.name), \($0) a class" } ?? score.name
    }

    private static func cell(_ score: ProbeScore) -> String {
        let half = (score.interval.upperBound - score.interval.lowerBound) / 2
        // Two kinds of doubt: which test pictures were drawn, and which training pictures.
        let spread = score.spread.map { ", draws ± \(percent($0))" } ?? ""
        return "\(percent(score.accuracy)) ± \(percent(half))\(spread)"
    }

    private static func comparison(_ a: ProbeScore, _ b: ProbeScore, _ random: RandomStream) -> String {
        let difference = a.accuracy - b.accuracy
        if percent(abs(difference)) == percent(0) { return "is as good, to a tenth of a point, as" }
        let words = difference < 0 ? "is worse by \(percent(-difference))" : "is better by \(percent(difference))"
        func half(_ interval: Uncertainty.Interval) -> String { percent((interval.high - interval.low) / 2) }
        if let ours = a.regions, let theirs = b.regions {
            let interval = RegionOverlap.pairedDifference(theirs, ours, random: random)
            return interval.map { "\(words) ± \(half($0)) points than" } ?? "\(words) points than"
        }
        guard !a.outcomes.isEmpty, a.outcomes.count == b.outcomes.count else { return "\(words) points than" }
        let interval = Uncertainty.pairedDifference(b.outcomes, a.outcomes, random: random)
        return "\(words) ± \(half(interval)) points than"
    }
}
