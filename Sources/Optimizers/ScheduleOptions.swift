public import RecipeSchema

/// How long a run is, for schedules that go over all of it. Either may be a fraction: golden cases count in micro-batches.
public struct RunLength: Sendable, Equatable {
    /// Optimiser steps of an epoch.
    public var stepsPerEpoch: Double
    /// Epochs.
    public var epochs: Double
    /// Micro-batches of a step.
    public var accumulate: Int
    /// Micro-batches of an epoch; those of an incomplete last step count, and are thrown away.
    public var microBatchesPerEpoch: Double

    /// A run; without a number of micro-batches, all of them belong to steps.
    public init(stepsPerEpoch: Double, epochs: Double, accumulate: Int = 1, microBatchesPerEpoch: Double? = nil) {
        self.stepsPerEpoch = stepsPerEpoch
        self.epochs = epochs
        self.accumulate = accumulate
        self.microBatchesPerEpoch = microBatchesPerEpoch ?? stepsPerEpoch * Double(accumulate)
    }

    /// The micro-batch whose rate a step uses where the scheduler moves after the optimiser: the last one of the step before, 0 for
    /// the first.
    func microBatch(behind step: Int) -> Int {
        guard step > 0 else { return 0 }
        let steps = max(1, Int(microBatchesPerEpoch / Double(accumulate)))
        let (epoch, place) = (step - 1).quotientAndRemainder(dividingBy: steps)
        return Int(min(Double(epoch) * microBatchesPerEpoch, 1e18)) + (place + 1) * accumulate - 1
    }

    /// Optimiser steps of the run, stretched by a factor.
    func steps(stretched factor: Double = 1) -> Int { Int(min(factor * (epochs * stepsPerEpoch), 1e18)) }
    /// Optimiser steps of some epochs; no run has more than the limit.
    func steps(of epochs: Double) -> Int { Int(min(epochs * stepsPerEpoch, 1e18)) }
}

/// How the learning rate goes over a run: the section `train.schedule`.
public protocol ScheduleOptions: NamedSection {
    /// Epochs of warm-up; may be a fraction.
    var warmupEpochs: Double { get set }
    /// The rate where the warm-up starts.
    var warmupLearningRate: Double { get set }
    /// The rate where the schedule ends; nil: it stays at its peak.
    var endLearningRate: Double? { get }
    /// What stretches schedules, those of moving averages too, beyond the end of training; 1: nothing.
    var stretch: Double { get }
    /// The learning rate over a run.
    func rates(peak: Double, over run: RunLength) -> any StepSchedule
    /// The weight decay over a run.
    func decays(from start: Double, over run: RunLength) -> any StepSchedule
    /// The shape of the rate for a rate of a method's own.
    func rates(start: Double, peak: Double, end: Double, over run: RunLength) -> any StepSchedule
}

extension ScheduleOptions {
    /// Nothing is stretched.
    public var stretch: Double { 1 }
    /// The same at every step.
    public func decays(from start: Double, over run: RunLength) -> any StepSchedule { ConstantSchedule(start) }
    /// With the run's own ends, where the schedule knows no others.
    public func rates(start: Double, peak: Double, end: Double, over run: RunLength) -> any StepSchedule {
        rates(peak: peak, over: run)
    }

    static var warmupFields: [Field<Self>] {
        [
            Field(
                "warmup_epochs", \.warmupEpochs, in: .closed(0...1_000_000),
                "Epochs of linear warm-up; may be a fraction."),
            Field(
                "warmup_learning_rate", \.warmupLearningRate, in: .closed(0...1e38), "Rate where the warm-up starts."),
        ]
    }
}

/// A schedule that falls to a rate of its own.
protocol FallingScheduleOptions: ScheduleOptions {
    /// Where it ends.
    var minLearningRate: Double { get set }
}

extension FallingScheduleOptions {
    /// Where the cosine ends.
    public var endLearningRate: Double? { minLearningRate }

    static var fallingFields: [Field<Self>] {
        warmupFields + [
            Field("min_learning_rate", \.minLearningRate, in: .closed(0...1e38), "Rate where the cosine ends.")
        ]
    }
}

/// Every schedule that a recipe can name.
public let schedules = Catalogue<any ScheduleOptions.Type>(
    "schedule",
    [
        CosineOptions.self,
        ConstantOptions.self,
        WholeRunCosineOptions.self,
        WarmupCosineOptions.self,
        ClosedWarmupCosineOptions.self,
        TruncatedCosineOptions.self,
        MultiStepOptions.self,
    ], section: { $0 })

/// Linear warm-up, then half a cosine (MAE).
public struct CosineOptions: FallingScheduleOptions {
    /// The name in recipes.
    public static let name = "cosine"
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0
    /// Where the cosine ends.
    public var minLearningRate = 0.0

    /// No warm-up, down to 0.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = fallingFields

    /// By fractional epochs.
    public func rates(peak: Double, over run: RunLength) -> any StepSchedule {
        EpochSchedule(
            LearningRateSchedule(
                peak: peak, minimum: minLearningRate, epochs: run.epochs, warmupEpochs: warmupEpochs,
                warmupStart: warmupLearningRate), stepsPerEpoch: run.stepsPerEpoch)
    }
}

/// Linear warm-up, then the peak.
public struct ConstantOptions: ScheduleOptions {
    /// The name in recipes.
    public static let name = "constant"
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0

    /// No warm-up.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = warmupFields

    /// It stays at its peak.
    public var endLearningRate: Double? { nil }

    /// By fractional epochs.
    public func rates(peak: Double, over run: RunLength) -> any StepSchedule {
        EpochSchedule(
            LearningRateSchedule(
                peak: peak, epochs: run.epochs, warmupEpochs: warmupEpochs, warmupStart: warmupLearningRate,
                falls: false), stepsPerEpoch: run.stepsPerEpoch)
    }
}

/// MFM's: a linear warm-up in front of a cosine over the whole run.
public struct WholeRunCosineOptions: FallingScheduleOptions {
    /// The name in recipes.
    public static let name = "mfm_cosine"
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0
    /// Where the cosine ends.
    public var minLearningRate = 0.0

    /// No warm-up, down to 0.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = fallingFields

    /// By micro-batches.
    public func rates(peak: Double, over run: RunLength) -> any StepSchedule {
        WholeRunCosine(
            peak: peak, minimum: minLearningRate, warmupStart: warmupLearningRate, warmupEpochs: warmupEpochs, run)
    }
}

/// I-JEPA's: a linear warm-up, then half a cosine, counted in steps and stretched.
public struct WarmupCosineOptions: FallingScheduleOptions {
    /// The name in recipes.
    public static let name = "warmup_cosine"
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0
    /// Where the cosine ends.
    public var minLearningRate = 0.0
    /// What stretches this and the schedules of moving averages beyond the end of training.
    public var ipeScale = 1.0
    /// Where the weight decay ends; nil: it is constant.
    public var finalWeightDecay: Double?

    /// No warm-up, down to 0, not stretched.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] =
        fallingFields + [
            Field(
                "ipe_scale", \.ipeScale, in: .closed(1...1000),
                "Stretches this schedule and those of moving averages beyond the end of training."),
            Field(
                "final_weight_decay", \.finalWeightDecay, in: .closed(0...1000),
                "Weight decay at the end; null: constant."),
        ]

    /// As asked.
    public var stretch: Double { ipeScale }

    /// By steps.
    public func rates(peak: Double, over run: RunLength) -> any StepSchedule {
        WarmupCosine(
            peak: peak, end: minLearningRate, start: warmupLearningRate, warmupSteps: run.steps(of: warmupEpochs),
            steps: run.steps(stretched: ipeScale))
    }

    /// Half a cosine to the final decay, without warm-up.
    public func decays(from start: Double, over run: RunLength) -> any StepSchedule {
        guard let finalWeightDecay else { return ConstantSchedule(start) }
        return CosineDecay(start: start, end: finalWeightDecay, steps: run.steps(stretched: ipeScale))
    }
}

/// CAE's: a linear warm-up whose last step has the peak, then half a cosine.
public struct ClosedWarmupCosineOptions: FallingScheduleOptions {
    /// The name in recipes.
    public static let name = "cae_cosine"
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0
    /// Where the cosine ends.
    public var minLearningRate = 0.0

    /// No warm-up, down to 0.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = fallingFields

    /// By steps.
    public func rates(peak: Double, over run: RunLength) -> any StepSchedule {
        ClosedWarmupCosine(
            peak: peak, minimum: minLearningRate, warmupStart: warmupLearningRate,
            warmupSteps: run.steps(of: warmupEpochs), steps: run.steps())
    }
}
