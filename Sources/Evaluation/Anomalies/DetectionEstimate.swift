package import Autodiff
package import RandomStreams

/// How well scores tell anomalous pictures from normal ones, with intervals over pictures.
public struct DetectionEstimate: Sendable {
    /// The figures of the test pictures.
    public let detection: Detection
    /// The 95 % interval of the area under the curve.
    public let areaUnderCurve: Uncertainty.Interval
    /// The 95 % interval of the average precision.
    public let averagePrecision: Uncertainty.Interval
    /// The 95 % interval of the share of false alarms at 95 % of the anomalous found.
    public let falseAlarms: Uncertainty.Interval

    /// Resamples of the bootstrap.
    public static let resamples = 1000

    /// The figures and their percentile intervals: the normal and the anomalous pictures are resampled apart, so that each resample has
    /// as many of both. Nil where either is missing or a score is no number.
    package init?(_ scores: [Double], anomalous: [Bool], random: RandomStream, on engine: Engine) {
        guard let detection = Detection(scores, anomalous: anomalous) else { return nil }
        let groups = [true, false].map { kind in scores.indices.filter { anomalous[$0] == kind } }
        let flags = groups.flatMap { group in group.map { anomalous[$0] } }
        var figures = [Double](repeating: 0, count: 3 * Self.resamples)
        figures.withUnsafeMutableBufferPointer { figures in
            guard let base = figures.baseAddress else { return }
            engine.forEach(Self.resamples) { resample in
                var stream = random.child(resample)
                let drawn = groups.flatMap { group in
                    group.indices.map { _ in scores[group[stream.integer(below: group.count)]] }
                }
                guard let made = Detection(drawn, anomalous: flags) else { return }
                base[3 * resample] = made.areaUnderCurve
                base[3 * resample + 1] = made.averagePrecision
                base[3 * resample + 2] = made.falseAlarms
            }
        }
        func interval(_ figure: Int) -> Uncertainty.Interval {
            Uncertainty.percentile((0..<Self.resamples).map { figures[3 * $0 + figure] })
        }
        self.detection = detection
        areaUnderCurve = interval(0)
        averagePrecision = interval(1)
        falseAlarms = interval(2)
    }
}
