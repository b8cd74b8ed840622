import Foundation
public import RecipeSchema

// Schedules counted in micro-batches, whose scheduler moves after the optimiser: a step uses the rate of the micro-batch that ended
// the step before it (SimMIM's code, which MFM's inherits).

/// MFM's learning rate: linear warm-up, beside a cosine that runs over the whole run.
///
/// lr(t) = lr_w + t(lr_b − lr_w)/W for t < W, else lr_min + ½(lr_b − lr_min)(1 + cos(πt/T)), lr_min from T on, t in micro-batches
/// (Xie et al., arXiv 2206.07706; its code).
public struct WholeRunCosine: StepSchedule, Equatable {
    /// The rate lr_b that the warm-up leads to.
    public var peak: Double
    /// The rate lr_min at the end.
    public var minimum: Double
    /// The rate lr_w at the start.
    public var warmupStart: Double
    private let warmup: Int
    private let total: Double
    private let run: RunLength

    /// A schedule over a run.
    public init(peak: Double, minimum: Double, warmupStart: Double, warmupEpochs: Double, _ run: RunLength) {
        self.peak = peak
        self.minimum = minimum
        self.warmupStart = warmupStart
        self.run = run
        warmup = Int(min(warmupEpochs * run.microBatchesPerEpoch, 1e18))
        total = run.epochs * run.microBatchesPerEpoch
    }

    /// The rate of a step, counted from 0.
    public func value(at step: Int) -> Double {
        let batch = run.microBatch(behind: step)
        if batch < warmup { return warmupStart + Double(batch) * (peak - warmupStart) / Double(warmup) }
        guard Double(batch) < total else { return minimum }
        return minimum + 0.5 * (peak - minimum) * (1 + cos(.pi * Double(batch) / total))
    }
}

/// SimMIM's learning rate: a linear warm-up, then the peak, multiplied by gamma at every milestone (Xie et al., arXiv 2111.09886; its
/// code).
public struct MultiStep: StepSchedule, Equatable {
    /// The rate that the warm-up leads to.
    public var peak: Double
    /// The rate at the start.
    public var warmupStart: Double
    /// What the rate is multiplied with at a milestone.
    public var gamma: Double
    private let warmup: Int
    private let milestones: [Double]
    private let run: RunLength

    /// A schedule over a run, its milestones in epochs.
    public init(
        peak: Double, warmupStart: Double, warmupEpochs: Double, milestones: [Double], gamma: Double, _ run: RunLength
    ) {
        self.peak = peak
        self.warmupStart = warmupStart
        self.gamma = gamma
        self.run = run
        warmup = Int(min(warmupEpochs * run.microBatchesPerEpoch, 1e18))
        self.milestones = milestones.map { $0 * run.microBatchesPerEpoch }
    }

    /// The rate of a step, counted from 0.
    public func value(at step: Int) -> Double {
        let batch = run.microBatch(behind: step)
        if batch < warmup { return warmupStart + Double(batch) * (peak - warmupStart) / Double(warmup) }
        let passed = milestones.count { $0 <= Double(batch) }
        return (0..<passed).reduce(peak) { rate, _ in rate * gamma }
    }
}

/// SimMIM's schedule: the section `train.schedule`.
public struct MultiStepOptions: ScheduleOptions {
    /// The name in recipes.
    public static let name = "multistep"
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0
    /// Epochs at which the rate falls; nil: once, behind seven eighths of the run.
    public var milestones: [Double]?
    /// What it is multiplied with then.
    public var gamma = 0.1

    /// No warm-up, down to a tenth for the last eighth of the run.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] =
        warmupFields + [
            Field(
                "milestones", \.milestones,
                in: .list(
                    0...64, of: .above(0, upTo: 1_000_000), "each above the one before it",
                    { zip($0, $0.dropFirst()).allSatisfy { $0 < $1 } }),
                "Epochs at which the rate falls; null: once, behind seven eighths of them."),
            Field("gamma", \.gamma, in: .above(0, upTo: 1), "What the rate is multiplied with at a milestone."),
        ]

    /// The warm-up ends before the rate falls.
    public func check() -> [String] {
        guard let first = milestones?.first, first < warmupEpochs else { return [] }
        return [
            "milestones begin at epoch \(first), within the \(warmupEpochs) of warmup_epochs; raise it, or lower those"
        ]
    }

    /// It has no end of its own.
    public var endLearningRate: Double? { nil }

    /// By micro-batches.
    public func rates(peak: Double, over run: RunLength) -> any StepSchedule {
        MultiStep(
            peak: peak, warmupStart: warmupLearningRate, warmupEpochs: warmupEpochs,
            milestones: milestones ?? [0.875 * run.epochs], gamma: gamma, run)
    }
}

/// CAPI's: a linear warm-up whose last step has the peak, then the first part of half a cosine (Darcet et al., arXiv 2502.08769; its
/// code).
public struct TruncatedCosineOptions: FallingScheduleOptions {
    /// The name in recipes.
    public static let name = "truncated_cosine"
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0
    /// Where the whole half cosine would end.
    public var minLearningRate = 0.0
    /// The share of the half cosine that the run goes through.
    public var cosineEnd = 0.8

    /// No warm-up, four fifths of the way to 0.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] =
        fallingFields + [
            Field(
                "cosine_end", \.cosineEnd, in: .above(0, upTo: 1),
                "Share of the half cosine that the run goes through: below 1 the rate never reaches its end.")
        ]

    /// By steps.
    public func rates(peak: Double, over run: RunLength) -> any StepSchedule {
        rates(start: warmupLearningRate, peak: peak, end: minLearningRate, over: run)
    }

    /// The same with other ends.
    public func rates(start: Double, peak: Double, end: Double, over run: RunLength) -> any StepSchedule {
        ClosedWarmupCosine(
            peak: peak, minimum: end, warmupStart: start, warmupSteps: run.steps(of: warmupEpochs), steps: run.steps(),
            share: cosineEnd)
    }
}
