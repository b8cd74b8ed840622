public import RecipeSchema

/// Which of an attention's queries, keys and values have a bias.
public enum QKVBias: String, RecipeEnum {
    /// All three, as one parameter `qkv.bias`.
    case all = "qkv"
    /// Queries and values, as `q_bias` and `v_bias`: softmax does not see a bias of the keys (BEiT).
    case noKey = "qv"
    /// None.
    case none
}

/// The activation of a block's perceptron.
public enum Activation: Sendable {
    /// The exact GELU, x·Φ(x).
    case gelu
    /// x · sigmoid(1.702 x), as in the published CLIP models.
    case quickGELU
}

/// What the blocks of a transformer have in common.
public struct BlockOptions: Sendable {
    /// Token width, W.
    public var width: Int
    /// Attention heads.
    public var heads: Int
    /// Hidden width of the perceptron.
    public var hidden: Int
    /// Biases of queries, keys and values.
    public var qkvBias = QKVBias.all
    /// The initial factor of both branches (`gamma_1`, `gamma_2`); nil: no factors.
    public var layerScale: Double?
    /// The activation of the perceptron.
    public var activation = Activation.gelu
    /// The ε of layer norms.
    public var epsilon: Float = 1e-6

    /// Plain blocks: biases everywhere, no layer scale.
    public init(width: Int, heads: Int, hidden: Int) {
        self.width = width
        self.heads = heads
        self.hidden = hidden
    }

    /// Width of queries, keys and values: ⌊W/heads⌋ · heads, below W where heads do not divide it.
    public var innerWidth: Int { width / heads * heads }
}
