import Foundation

/// A quantity that changes from optimiser step to optimiser step.
public protocol StepSchedule: Sendable {
    /// The value for a step, counted from 0.
    func value(at step: Int) -> Double
}

/// The same value at every step.
public struct ConstantSchedule: StepSchedule, Equatable {
    private let constant: Double

    /// Always that value.
    public init(_ value: Double) { constant = value }

    /// The value.
    public func value(at step: Int) -> Double { constant }
}

/// A rate by fractional epochs, taken at the first batch of each step.
public struct EpochSchedule: StepSchedule, Equatable {
    /// The rate over epochs.
    public var rate: LearningRateSchedule
    /// Steps of an epoch; a fraction where a case counts micro-batches.
    public var stepsPerEpoch: Double

    /// The schedule on a number of steps an epoch.
    public init(_ rate: LearningRateSchedule, stepsPerEpoch: Double) {
        self.rate = rate
        self.stepsPerEpoch = stepsPerEpoch
    }

    /// The rate at epoch step/stepsPerEpoch.
    public func value(at step: Int) -> Double { rate.rate(at: Double(step) / stepsPerEpoch) }
}

/// CAE's learning rate: a warm-up that ends on the peak, then half a cosine that begins on it, or a part of one (CAPI).
///
/// Steps i < W: start + (peak − start)·i/(W − 1), the start alone for W = 1; then, with j = i − W,
/// min + ½(peak − min)(1 + cos(πcj/(T − W))), c = 1 but for a part (Chen et al., arXiv 2202.03026; Darcet et al., arXiv 2502.08769;
/// their code).
public struct ClosedWarmupCosine: StepSchedule, Equatable {
    /// The rate of the last step of the warm-up and of the one behind it.
    public var peak: Double
    /// The rate that the cosine would reach at step T.
    public var minimum: Double
    /// The rate of the first step of the warm-up.
    public var warmupStart: Double
    /// Steps of warm-up, W.
    public var warmupSteps: Int
    /// Steps of the run, T.
    public var steps: Int
    /// The share of the half cosine that the run goes through, c.
    public var share: Double

    /// A schedule of a run of `steps`.
    public init(
        peak: Double, minimum: Double, warmupStart: Double, warmupSteps: Int, steps: Int, share: Double = 1
    ) {
        self.peak = peak
        self.minimum = minimum
        self.warmupStart = warmupStart
        self.warmupSteps = warmupSteps
        self.steps = steps
        self.share = share
    }

    /// The rate of a step, counted from 0; the minimum from T on.
    public func value(at step: Int) -> Double {
        if step < warmupSteps {
            return warmupStart + (peak - warmupStart) * Double(step) / Double(max(1, warmupSteps - 1))
        }
        guard step < steps else { return minimum }
        let passed = share * Double(step - warmupSteps) / Double(steps - warmupSteps)
        return minimum + 0.5 * (peak - minimum) * (1 + cos(.pi * passed))
    }
}

/// I-JEPA's learning rate: linear warm-up from a start rate, then half a cosine on the steps that remain.
///
/// With s = step + 1: s < W: start + (s/W)(peak − start), else max(end, end + (peak − end)·½(1 + cos(π(s − W)/max(1, T − W))))
/// (Assran et al., arXiv 2301.08243; its code).
public struct WarmupCosine: StepSchedule, Equatable {
    /// The rate at the end of the warm-up.
    public var peak: Double
    /// The rate at step T.
    public var end: Double
    /// The rate before the first step.
    public var start: Double
    /// Steps of warm-up, W.
    public var warmupSteps: Int
    /// Steps of the schedule, T; more than those of the run where it is stretched.
    public var steps: Int

    /// A schedule of `steps`.
    public init(peak: Double, end: Double, start: Double, warmupSteps: Int, steps: Int) {
        self.peak = peak
        self.end = end
        self.start = start
        self.warmupSteps = warmupSteps
        self.steps = steps
    }

    /// The rate of a step, counted from 0.
    public func value(at step: Int) -> Double {
        let s = step + 1
        if s < warmupSteps { return start + Double(s) / Double(warmupSteps) * (peak - start) }
        let share = Double(s - warmupSteps) / Double(max(1, steps - warmupSteps))
        return max(end, end + (peak - end) * 0.5 * (1 + cos(.pi * share)))
    }
}

/// A weight decay that goes from one value to another along half a cosine, without warm-up, and never beyond the other.
///
/// wd_end + (wd − wd_end)·½(1 + cos(πs/T)), s = step + 1 (I-JEPA's code).
public struct CosineDecay: StepSchedule, Equatable {
    /// The value at the beginning.
    public var start: Double
    /// The value at step T.
    public var end: Double
    /// Steps of the schedule, T.
    public var steps: Int

    /// A schedule of `steps`.
    public init(start: Double, end: Double, steps: Int) {
        self.start = start
        self.end = end
        self.steps = steps
    }

    /// The value of a step, counted from 0.
    public func value(at step: Int) -> Double {
        let value = end + (start - end) * 0.5 * (1 + cos(.pi * Double(step + 1) / Double(steps)))
        return end <= start ? max(end, value) : min(end, value)
    }
}
