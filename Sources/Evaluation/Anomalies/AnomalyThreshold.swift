/// The score above which a picture raises an alarm, from normal pictures that nothing was fitted on.
public struct AnomalyThreshold: Sendable, Equatable {
    /// The score; nil where there are too few normal pictures for the rate.
    public let value: Double?
    /// Normal pictures that it was set on.
    public let heldOut: Int
    /// The share of normal pictures that may raise an alarm.
    public let falseAlarms: Double

    /// The ⌈(n + 1)(1 − rate)⌉-th smallest of n scores: a further normal picture is above it with a chance of at most the rate, whatever
    /// the scores are like (split conformal prediction; Vovk et al., *Algorithmic Learning in a Random World*, 2005).
    public init(_ scores: [Double], falseAlarms: Double) {
        heldOut = scores.count
        self.falseAlarms = falseAlarms
        let place = (Double(scores.count + 1) * (1 - falseAlarms) - 1e-9).rounded(.up)
        value = place >= 1 && Int(place) <= scores.count ? scores.sorted()[Int(place) - 1] : nil
    }

    /// Normal pictures that a rate needs at least.
    public static func fewest(for falseAlarms: Double) -> Int {
        Int(min(1 / falseAlarms - 1 - 1e-9, 1e15).rounded(.up))
    }

    /// Whether a score raises an alarm; nil without a threshold.
    public func isAlarm(_ score: Double) -> Bool? { value.map { score > $0 } }
}
