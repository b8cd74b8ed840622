public import Optimizers
public import RecipeSchema

/// Optimisation: the section `train` of a recipe.
public struct TrainOptions: RecipeSection {
    /// Passes over the images; schedules run over all of them.
    public var epochs = 100
    /// Images of a micro-batch.
    public var batchSize = 256
    /// Micro-batches of an optimiser step.
    public var accumulate = 1
    /// The peak rate for 256 images of effective batch.
    public var baseLearningRate: Double?
    /// The peak rate itself.
    public var learningRate: Double?
    /// How the rate goes.
    public var schedule: any ScheduleOptions = CosineOptions()
    /// What changes the parameters.
    public var optimizer: any OptimizerOptions = AdamWOptions()
    /// Weight decay of matrices.
    public var weightDecay = 0.05
    /// Whether class token and mask token are decayed.
    public var decayTokens = true
    /// The factor on the rate of the patch embedding.
    public var patchEmbedMultiplier: Double?
    /// The factor on the decay of the weights of norms.
    public var normDecayMultiplier: Double?
    /// Whether every trained parameter is decayed: norms and biases too; nil: no.
    public var decayAll: Bool?
    /// Largest norm of all gradients together, if they are clipped.
    public var clipNorm: Double?
    /// How the base rate follows the share of the hidden patches that is predicted; nil: not at all.
    public var predictionScale: PredictionScale?
    /// Whether blocks keep their input alone for the way back, and are computed again; nil: no.
    public var checkpointBlocks: Bool?
    /// Optimiser steps after which to stop, with schedules as for all epochs.
    public var maxSteps: Int?

    /// The published setting, for 100 epochs.
    public init() {}

    /// The base rate of a recipe that gives no rate at all.
    public static let usualBaseRate = 1.5e-4

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "epochs", \.epochs, in: .closed(1...1_000_000), "Passes over the images; schedules run over all of them."),
        Field("batch_size", \.batchSize, in: .closed(1...1_048_576), "Images of a micro-batch."),
        Field("accumulate", \.accumulate, in: .closed(1...65_536), "Micro-batches of an optimiser step."),
        Field(
            "base_learning_rate", \.baseLearningRate, in: .between(0, 2e38),
            "Peak rate for 256 images of effective batch; 1.5e-4 where neither rate is given."),
        Field(
            "learning_rate", \.learningRate, in: .between(0, 2e38), "Peak rate itself, instead of base_learning_rate."),
        Field(
            "schedule", \.schedule, tag: "name", among: schedules, "How the rate goes over the run.",
            open: { $0 as? any ScheduleOptions }, close: { $0 }),
        Field(
            "optimizer", \.optimizer, tag: "name", among: optimizers, "What changes the parameters.",
            open: { $0 as? any OptimizerOptions }, close: { $0 }),
        Field("weight_decay", \.weightDecay, in: .closed(0...1000), "Weight decay of matrices."),
        Field("decay_tokens", \.decayTokens, "Whether class token and mask token are decayed."),
        Field("decay_all", \.decayAll, "Whether norms, biases and all else that is trained is decayed, too; null: no."),
        Field(
            "patch_embed_multiplier", \.patchEmbedMultiplier, in: .closed(0...1000),
            "Factor on the learning rate of the patch embedding; null: 1."),
        Field(
            "norm_decay_multiplier", \.normDecayMultiplier, in: .closed(0...1000),
            "Factor on the weight decay of the weights of norms; null: they are not decayed."),
        Field(
            "clip_norm", \.clipNorm, in: .between(0, 1e38), "Largest norm of all gradients together; null: not clipped."
        ),
        Field(
            "prediction_scale", \.predictionScale,
            "What base_learning_rate is multiplied with where a part of the hidden patches is predicted (mask.predicted_ratio, "
                + "mask.predict_share): their share of the hidden ones, 1, or its inverse; null: 1."),
        Field(
            "checkpoint_blocks", \.checkpointBlocks,
            "Whether blocks keep their input alone for the way back, and are computed again there: less memory, more time, the same "
                + "bits; null: no."),
        Field(
            "max_steps", \.maxSteps, in: .closed(1...9_007_199_254_740_991),
            "Optimiser steps after which to stop; null: all epochs."),
    ]

    /// One learning rate, one word about tokens, and a warm-up within the run.
    public func check() -> [String] {
        var faults: [String] = []
        if baseLearningRate != nil && learningRate != nil {
            faults.append("both base_learning_rate and learning_rate are given; remove one")
        }
        if decayAll == true && !decayTokens {
            faults.append("decay_all is true and decay_tokens false; set one of them to the other value")
        }
        if schedule.warmupEpochs > 0 && schedule.warmupEpochs >= Double(epochs) {
            faults.append("warmup_epochs \(schedule.warmupEpochs) is not below epochs \(epochs)")
        }
        if let last = (schedule as? MultiStepOptions)?.milestones?.last, last >= Double(epochs) {
            faults.append(
                "milestones end at epoch \(last), and epochs is \(epochs), so the rate would never fall there; lower them, or set "
                    + "schedule.milestones to null for seven eighths of the epochs")
        }
        if decayAll == true && normDecayMultiplier != nil {
            faults.append("decay_all and norm_decay_multiplier both say how norms are decayed; remove one")
        }
        if let end = schedule.endLearningRate, end > peakLearningRate {
            faults.append("min_learning_rate \(end) is above the peak \(peakLearningRate)")
        }
        return faults
    }

    /// What it says of the treatment of parameters.
    var treatmentRules: TreatmentRules {
        var rules = TreatmentRules()
        rules.decaysAll = decayAll ?? false
        rules.decaysTokens = decayTokens
        rules.patchEmbedding = patchEmbedMultiplier ?? 1
        rules.normDecay = normDecayMultiplier
        return rules
    }

    /// Images behind an optimiser step.
    public var effectiveBatch: Int { batchSize * accumulate }

    /// Optimiser steps of an epoch over some pictures; throws where they are too few for one.
    func stepsPerEpoch(pictures: Int) throws(RunError) -> Int {
        let steps = pictures / batchSize / accumulate
        guard steps >= 1 else {
            throw RunError(
                .data,
                "the source has \(pictures) pictures, fewer than one step of \(effectiveBatch) (batch_size x accumulate); lower "
                    + "train.batch_size or train.accumulate")
        }
        return steps
    }

    /// The last step of a run of so many steps an epoch.
    func lastStep(stepsPerEpoch: Int) -> Int { min(stepsPerEpoch * epochs, maxSteps ?? Int.max) }

    /// The peak rate: given, or base rate × effective batch / 256.
    public var peakLearningRate: Double {
        learningRate ?? (baseLearningRate ?? Self.usualBaseRate) * Double(effectiveBatch) / 256
    }

    /// The same options with no value left open: a recipe without a rate gets the usual one.
    public var resolved: TrainOptions {
        var options = self
        if learningRate == nil && baseLearningRate == nil { options.baseLearningRate = Self.usualBaseRate }
        return options
    }

    /// Where the options of schedules and optimisers stood in the first recipes, and may still stand.
    private static let moved: [(old: String, section: String)] = [
        ("warmup_epochs", "schedule"), ("warmup_learning_rate", "schedule"), ("min_learning_rate", "schedule"),
        ("ipe_scale", "schedule"), ("final_weight_decay", "schedule"), ("milestones", "schedule"),
        ("gamma", "schedule"),
        ("cosine_end", "schedule"), ("betas", "optimizer"), ("eps", "optimizer"),
    ]

    /// The place of a value of the recipe, where it may be given by that of the first form.
    static func modernPath(_ path: String) -> String {
        let found = moved.first { path == "train.\($0.0)" }
        return found.map { "train.\($0.1).\($0.0)" } ?? path
    }

    /// Brings a section `train` of the first form into this one: `"schedule": "cosine"` and options beside it become a section.
    ///
    /// `usual` is the schedule where none is named. What stands there without effect, as recipes with every value written out
    /// have it, is left out: the end of a constant rate, a stretch by 1, no final decay.
    static func modernize(_ json: inout JSONValue, usual: String, _ problems: inout [Problem]) {
        guard case .object(var members) = json.kind else { return }
        for section in ["schedule", "optimizer"] {
            guard let place = members.firstIndex(where: { $0.name == section }) else { continue }
            let value = members[place].value
            guard value.string != nil else { continue }
            members[place].value = JSONValue(
                .object([.init(name: "name", value: value, line: value.line)]), line: value.line)
        }
        let schedule = members.first { $0.name == "schedule" }?.value["name"]?.string ?? usual
        members.removeAll { member in
            switch member.name {
            case "min_learning_rate": schedule == ConstantOptions.name
            case "cosine_end": schedule == ConstantOptions.name
            case "ipe_scale": schedule != WarmupCosineOptions.name && member.value.double == 1
            case "final_weight_decay": schedule != WarmupCosineOptions.name && member.value.isNull
            default: false
            }
        }
        for (old, section) in moved {
            guard let place = members.firstIndex(where: { $0.name == old }) else { continue }
            let member = members.remove(at: place)
            if !members.contains(where: { $0.name == section }) {
                let empty = JSONValue(.object([]), line: member.line)
                members.append(.init(name: section, value: empty, line: member.line))
            }
            for index in members.indices where members[index].name == section {
                guard case .object(var inner) = members[index].value.kind else { continue }
                let isFromCommandLine = member.line == JSONValue.overrideLine
                if isFromCommandLine { inner.removeAll { $0.name == old } }
                if inner.contains(where: { $0.name == old }) {
                    problems.append(
                        Problem(
                            line: member.line, path: "$.train.\(old)",
                            message: "is given here and in train.\(section); remove this one"))
                } else {
                    inner.append(member)
                    members[index].value.kind = .object(inner)
                }
            }
        }
        json.kind = .object(members)
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
    /// Whether an event file for TensorBoard is written beside `metrics.jsonl`.
    public var tensorBoard = true

    /// A line every 20 steps, a checkpoint every epoch.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("every_steps", \.everySteps, in: .closed(1...1_000_000_000), "Optimiser steps between logged ones."),
        Field(
            "checkpoint_every_epochs", \.checkpointEveryEpochs, in: .closed(1...1_000_000),
            "Epochs between checkpoints."),
        Field(
            "checkpoint_every_steps", \.checkpointEverySteps, in: .closed(1...1_000_000_000),
            "Optimiser steps between checkpoints, besides those of epochs."),
        Field("keep", \.keep, in: .closed(1...1_000_000), "Checkpoints that are kept."),
        Field(
            "tensorboard", \.tensorBoard,
            "Whether an event file for TensorBoard is written beside metrics.jsonl: numbers, pictures, the recipe."),
    ]
}
