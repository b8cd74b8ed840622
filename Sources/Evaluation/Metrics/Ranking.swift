/// Predictions from scores [rows, classes]; equal scores go to the lower class.
package enum Ranking {
    /// The class with the largest score of each row.
    package static func best(_ scores: [Double], classes: Int) -> [Int] {
        (0..<(scores.count / max(classes, 1))).map { row in
            var best = 0
            for c in 1..<max(classes, 1) where scores[row * classes + c] > scores[row * classes + best] { best = c }
            return best
        }
    }

    /// Whether the label of each row is among its `ranks` largest scores.
    package static func hits(_ scores: [Double], classes: Int, labels: [Int], ranks: Int) -> [Bool] {
        labels.enumerated().map { row, label in
            guard label < classes else { return false }
            let own = scores[row * classes + label]
            var before = 0
            for c in 0..<classes {
                let other = scores[row * classes + c]
                if other > own || (other == own && c < label) { before += 1 }
            }
            return before < ranks
        }
    }

    /// Share of truths.
    package static func share(_ hits: [Bool]) -> Double {
        Double(hits.count { $0 }) / Double(max(hits.count, 1))
    }
}
