public import Autodiff

/// What the optimiser does with a parameter.
public enum ParameterTreatment: Sendable, Equatable {
    /// Trained, with weight decay.
    case decayed
    /// Trained, without weight decay.
    case undecayed
    /// Left as it is: the loss never reaches it.
    case idle
}

/// Which parameters weight decay acts on.
public enum DecayRule: Sendable {
    /// All but those with one axis and biases: class token and mask token are decayed (official MAE).
    case matrices
    /// The same without class token, mask token and position tables (ColorMAE's code).
    case matricesButTokens
    /// The same without class token and position table (MAE's fine-tuning).
    case fineTuning

    /// Whether a parameter of that name and number of axes is decayed.
    public func decays(_ name: String, axes: Int) -> Bool {
        if axes <= 1 || name.hasSuffix(".bias") { return false }
        let last = name.split(separator: ".").last.map { String($0) } ?? name
        switch self {
        case .matrices: return true
        case .matricesButTokens: return !["cls_token", "mask_token", "pos_embed"].contains(last)
        case .fineTuning: return !["cls_token", "pos_embed"].contains(last)
        }
    }

    /// What this rule means for the optimiser.
    public func treatment(of parameter: ParameterEntry) -> ParameterTreatment {
        decays(parameter.name, axes: parameter.shape.rank) ? .decayed : .undecayed
    }
}

/// Layer-wise learning rates for fine-tuning: deeper layers learn faster (BEiT; MAE, `lr_decay.py`).
public struct LayerDecay: Sendable {
    /// Transformer blocks.
    public var depth: Int
    /// Factor from a layer to the one before it.
    public var decay: Double

    /// Layers 0 (embedding) to depth + 1 (norms and head).
    public init(depth: Int, decay: Double) {
        self.depth = depth
        self.decay = decay
    }

    /// The layer of a parameter: 0 for tokens, positions and patch embedding, i + 1 for block i, depth + 1 for the rest.
    public func layer(of name: String) -> Int {
        if name == "cls_token" || name == "pos_embed" || name.hasPrefix("patch_embed.") { return 0 }
        let parts = name.split(separator: ".")
        if parts.count > 1, parts[0] == "blocks", let block = Int(parts[1]) { return block + 1 }
        return depth + 1
    }

    /// What the learning rate of a parameter is multiplied with.
    public func scale(of name: String) -> Double {
        (0..<depth + 1 - layer(of: name)).reduce(1) { product, _ in product * decay }
    }
}
