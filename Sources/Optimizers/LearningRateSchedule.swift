import Foundation

/// The learning rate over a run: linear warm-up, then half a cosine or a constant.
///
/// η(e) = start + (peak − start)·e/w for e < w, else min + (peak − min)·½(1 + cos(π(e − w)/(E − w))), with e the fractional
/// epoch (MAE, `lr_sched.py`; the warm-up's start as in mmengine).
public struct LearningRateSchedule: Sendable, Equatable {
    /// The rate at the end of the warm-up.
    public var peak: Double
    /// The rate at the end of the cosine.
    public var minimum: Double
    /// Epochs of the run, E.
    public var epochs: Double
    /// Epochs of warm-up, w.
    public var warmupEpochs: Double
    /// The rate at the start of the warm-up.
    public var warmupStart: Double
    /// Whether the rate falls after the warm-up; else it stays at the peak.
    public var falls: Bool

    /// A schedule; epochs may be fractions.
    public init(
        peak: Double, minimum: Double = 0, epochs: Double, warmupEpochs: Double = 0, warmupStart: Double = 0,
        falls: Bool = true
    ) {
        self.peak = peak
        self.minimum = minimum
        self.epochs = epochs
        self.warmupEpochs = warmupEpochs
        self.warmupStart = warmupStart
        self.falls = falls
    }

    /// The rate at a fractional epoch.
    public func rate(at epoch: Double) -> Double {
        if epoch < warmupEpochs { return warmupStart + (peak - warmupStart) * epoch / warmupEpochs }
        guard falls else { return peak }
        let share = (epoch - warmupEpochs) / (epochs - warmupEpochs)
        return minimum + (peak - minimum) * 0.5 * (1 + cos(.pi * share))
    }
}
