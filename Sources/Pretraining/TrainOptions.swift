public import RecipeSchema

/// How the learning rate goes over a run.
public enum ScheduleKind: String, RecipeEnum {
    /// Linear warm-up, then half a cosine.
    case cosine
    /// Linear warm-up, then the peak.
    case constant
    /// MFM's: a linear warm-up in front of a cosine over the whole run.
    case mfmCosine = "mfm_cosine"
    /// I-JEPA's: a linear warm-up, then half a cosine, counted in steps; stretched by `ipe_scale`.
    case warmupCosine = "warmup_cosine"
    /// CAE's: a linear warm-up whose last step has the peak, then half a cosine.
    case caeCosine = "cae_cosine"
}

/// Optimisation: the section `train` of a recipe.
public struct TrainOptions: RecipeSection {
    /// Passes over the images; schedules run over all of them.
    public var epochs = 100
    /// Images of a micro-batch.
    public var batchSize = 256
    /// Micro-batches of an optimiser step.
    public var accumulate = 1
    /// The peak rate for 256 images of effective batch; 1.5e-4 where neither rate is given.
    public var baseLearningRate: Double?
    /// The peak rate itself.
    public var learningRate: Double?
    /// Where the cosine ends.
    public var minLearningRate = 0.0
    /// Epochs of warm-up.
    public var warmupEpochs = 0.0
    /// Where the warm-up starts.
    public var warmupLearningRate = 0.0
    /// How the rate goes.
    public var schedule = ScheduleKind.cosine
    /// What stretches the schedules of `warmup_cosine` and moving averages beyond the end of training.
    public var ipeScale = 1.0
    /// Decoupled weight decay.
    public var weightDecay = 0.05
    /// Where the weight decay ends, under `warmup_cosine`.
    public var finalWeightDecay: Double?
    /// Whether class token and mask token are decayed.
    public var decayTokens = true
    /// Decay rates of the two moments.
    public var betas = [0.9, 0.95]
    /// The ε of AdamW.
    public var eps = 1e-8
    /// Largest norm of all gradients together, if they are clipped.
    public var clipNorm: Double?
    /// Optimiser steps after which to stop, with schedules as for all epochs.
    public var maxSteps: Int?

    /// The published setting, for 100 epochs.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("epochs", \.epochs, in: .atLeast(1), "Passes over the images; schedules run over all of them."),
        Field("batch_size", \.batchSize, in: .atLeast(1), "Images of a micro-batch."),
        Field("accumulate", \.accumulate, in: .atLeast(1), "Micro-batches of an optimiser step."),
        Field("base_learning_rate", \.baseLearningRate, in: .above(0), "Peak rate for 256 images of effective batch."),
        Field("learning_rate", \.learningRate, in: .above(0), "Peak rate itself, instead of base_learning_rate."),
        Field("min_learning_rate", \.minLearningRate, in: .atLeast(0), "Rate where the cosine ends."),
        Field("warmup_epochs", \.warmupEpochs, in: .atLeast(0), "Epochs of linear warm-up; may be a fraction."),
        Field("warmup_learning_rate", \.warmupLearningRate, in: .atLeast(0), "Rate where the warm-up starts."),
        Field("schedule", \.schedule, "How the rate goes after the warm-up."),
        Field(
            "ipe_scale", \.ipeScale, in: .atLeast(1),
            "Stretches the schedules of warmup_cosine and of moving averages beyond the end of training."),
        Field("weight_decay", \.weightDecay, in: .atLeast(0), "Decoupled weight decay of matrices."),
        Field(
            "final_weight_decay", \.finalWeightDecay, in: .atLeast(0),
            "Weight decay at the end, under the schedule warmup_cosine; null: constant."),
        Field("decay_tokens", \.decayTokens, "Whether class token and mask token are decayed."),
        Field(
            "betas", \.betas,
            in: .list(2...2, of: .range(0..<1)),
            "Decay rates of AdamW's two moments."),
        Field("eps", \.eps, in: .above(0), "The ε of AdamW."),
        Field("clip_norm", \.clipNorm, in: .above(0), "Largest norm of all gradients together; null: not clipped."),
        Field("max_steps", \.maxSteps, in: .atLeast(1), "Optimiser steps after which to stop; null: all epochs."),
    ]

    /// One learning rate, and a warm-up within the run.
    public func check() -> [String] {
        var faults: [String] = []
        if baseLearningRate != nil && learningRate != nil {
            faults.append("both base_learning_rate and learning_rate are given; remove one")
        }
        if warmupEpochs > 0 && warmupEpochs >= Double(epochs) {
            faults.append("warmup_epochs \(warmupEpochs) is not below epochs \(epochs)")
        }
        if minLearningRate > peakLearningRate {
            faults.append("min_learning_rate \(minLearningRate) is above the peak \(peakLearningRate)")
        }
        if finalWeightDecay != nil && schedule != .warmupCosine {
            faults.append(
                "final_weight_decay needs the schedule \"warmup_cosine\"; under \"\(schedule.rawValue)\" the decay is "
                    + "constant")
        }
        return faults
    }

    /// Images behind an optimiser step.
    public var effectiveBatch: Int { batchSize * accumulate }

    /// The peak rate: given, or base rate × effective batch / 256.
    public var peakLearningRate: Double {
        learningRate ?? (baseLearningRate ?? 1.5e-4) * Double(effectiveBatch) / 256
    }
}

/// Logging and checkpoints: the section `log` of a recipe.
public struct LogOptions: RecipeSection {
    /// Optimiser steps between logged ones.
    public var everySteps = 20
    /// Epochs between checkpoints.
    public var checkpointEveryEpochs = 1
    /// Optimiser steps between checkpoints, besides those at the end of epochs.
    public var checkpointEverySteps: Int?
    /// Checkpoints that are kept.
    public var keep = 3

    /// A line every 20 steps, a checkpoint every epoch.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("every_steps", \.everySteps, in: .atLeast(1), "Optimiser steps between logged ones."),
        Field(
            "checkpoint_every_epochs", \.checkpointEveryEpochs, in: .atLeast(1), "Epochs between checkpoints."),
        Field(
            "checkpoint_every_steps", \.checkpointEverySteps, in: .atLeast(1),
            "Optimiser steps between checkpoints, besides those of epochs."),
        Field("keep", \.keep, in: .atLeast(1), "Checkpoints that are kept."),
    ]
}
