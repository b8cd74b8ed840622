public import RandomStreams
public import RecipeSchema

/// MAE's fine-tuning: the whole encoder trained with a linear head on augmented pictures (He et al., arXiv 2111.06377, table 9,
/// ViT-B; `FineTuning`). Nothing is chosen: the last epoch is scored.
public struct FineTuneProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "mae-finetune"
    /// What it is, in a sentence.
    public static let summary =
        "The whole encoder trained with a head (layer decay, mixup, cutmix, RandAugment, erasing); nothing is chosen."
    /// How long it takes.
    public static let cost = "epochs times training on the training pictures, unmasked: 100"

    /// How it is trained.
    public var training = FineTuning()

    /// The protocol with the published settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("epochs", \.training.epochs, in: .closed(1...100_000), "Passes over the training pictures."),
        Field(
            "warmup_epochs", \.training.warmupEpochs, in: .closed(0...100_000),
            "Epochs over which the learning rate rises; at most half of all."),
        Field(
            "batch_size", \.training.batch, in: .closed(2...1 << 16),
            "Pictures a step; at most a quarter of all are taken."),
        Field(
            "base_learning_rate", \.training.baseLearningRate, in: .above(0, upTo: 1e6),
            "Learning rate for 256 pictures."),
        Field(
            "layer_decay", \.training.layerDecay, in: .above(0, upTo: 1),
            "Factor on the rate from a block to the one before it."),
        Field("weight_decay", \.training.weightDecay, in: .closed(0...1000), "Weight decay of matrices."),
        Field(
            "drop_path", \.training.dropPath, in: .closed(0...0.9),
            "Chance that a branch of the last block is left out."),
        Field("mixup", \.training.mixing.mixup, in: .closed(0...1000), "Parameter of mixup; 0 for none."),
        Field("cutmix", \.training.mixing.cutmix, in: .closed(0...1000), "Parameter of cutmix; 0 for none."),
        Field("smoothing", \.training.mixing.smoothing, in: .closed(0...1), "Label smoothing."),
        Field(
            "erasing", \.training.erasing.probability, in: .closed(0...1),
            "Chance that a rectangle of a picture becomes noise."),
        Field("randaugment", \.training.usesRandAugment, "Whether RandAugment changes colours and shapes."),
    ]

    /// The encoder, which is trained further.
    public var needs: ProbeNeeds { .encoder }

    /// The score; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        [try training.score(subject, name: Self.name, random: random)]
    }
}
