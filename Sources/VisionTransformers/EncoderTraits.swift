/// The norm behind the last block of an encoder.
public enum FinalNorm: Sendable {
    /// With weight and bias.
    case trained
    /// With nothing learnt: files say weights of 1 and biases of 0, which come to the same.
    case plain
    /// None.
    case none
}

/// What a method, or the origin of foreign weights, decides about an encoder beside its options.
public struct EncoderTraits: Sendable {
    /// What stands in front of its parameters' names, such as `encoder.`; empty for timm's plain names.
    public var owner = ""
    /// How initial values are drawn.
    public var initialization = Initialization.mae
    /// The norm behind the last block; fine-tuned encoders have none: their head brings its own.
    public var finalNorm = FinalNorm.trained
    /// Whether there is one.
    public var hasFinalNorm: Bool { finalNorm != .none }
    /// The ε of layer norms.
    public var epsilon: Float = 1e-6
    /// The activation of perceptrons.
    public var activation = Activation.gelu
    /// Whether the patch embedding has a bias (CLIP has none).
    public var hasPatchBias = true
    /// Whether there is a norm, `norm_pre`, in front of the first block (CLIP).
    public var hasInputNorm = false
    /// Register tokens, `reg_token`, between class token and patches; they have no position (DINOv2).
    public var registers = 0

    /// The official MAE's encoder.
    public init() {}

    /// An encoder whose parameters are named below `owner`, with other initial values.
    public init(owner: String, initialization: Initialization) {
        self.owner = owner
        self.initialization = initialization
    }
}
