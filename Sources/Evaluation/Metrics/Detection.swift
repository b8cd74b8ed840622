/// How well scores tell the anomalous from the normal; larger scores mean more unusual.
public struct Detection: Sendable, Equatable {
    /// The probability that a score of an anomalous sample exceeds one of a normal sample, ties counted half.
    public let areaUnderCurve: Double
    /// Σ (recall gained) · (precision there) over the distinct scores as thresholds, from high to low.
    public let averagePrecision: Double
    /// The score that at least 95 % of the anomalous samples reach: their ⌈0.95·n⌉-th largest.
    public let threshold: Double
    /// The share of normal samples that reach it.
    public let falseAlarms: Double

    /// The figures of scores of which at least one is of an anomalous and one of a normal sample; nil otherwise.
    public init?(_ scores: [Double], anomalous: [Bool]) {
        precondition(scores.count == anomalous.count, "\(scores.count) scores for \(anomalous.count) samples")
        let (positives, negatives) = (anomalous.count { $0 }, anomalous.count { !$0 })
        guard positives > 0, negatives > 0, scores.allSatisfy({ !$0.isNaN }) else { return nil }
        let order = scores.indices.sorted { scores[$0] > scores[$1] }
        var (found, alarms) = (0, 0)
        var (area, precision) = (0.0, 0.0)
        var start = 0
        while start < order.count {
            var end = start
            while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
            let hits = order[start..<end].count { anomalous[$0] }
            let misses = end - start - hits
            area += Double(misses) * (Double(found) + 0.5 * Double(hits))
            (found, alarms) = (found + hits, alarms + misses)
            precision += Double(hits) * Double(found) / Double(found + alarms)
            start = end
        }
        areaUnderCurve = area / (Double(positives) * Double(negatives))
        averagePrecision = precision / Double(positives)
        // ⌈0.95·n⌉ in integers, free of rounding.
        let threshold = order.filter { anomalous[$0] }.map { scores[$0] }[(95 * positives + 99) / 100 - 1]
        self.threshold = threshold
        falseAlarms = Double(scores.indices.count { !anomalous[$0] && scores[$0] >= threshold }) / Double(negatives)
    }
}
