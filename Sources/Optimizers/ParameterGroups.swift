public import Autodiff

/// What the optimiser does with a parameter.
public struct ParameterTreatment: Sendable, Equatable {
    /// Whether it is changed at all.
    public var isTrained = true
    /// The factor on the weight decay; 0: none.
    public var decay: Double
    /// The factor on the learning rate.
    public var rate = 1.0
    /// Whether rate and decay are those that its method schedules beside the run's (`OwnSettings`).
    public var isOwn = false

    /// Trained, with factors.
    public init(decay: Double, rate: Double = 1, isOwn: Bool = false) {
        self.decay = decay
        self.rate = rate
        self.isOwn = isOwn
    }

    /// Trained, with weight decay.
    public static let decayed = ParameterTreatment(decay: 1)
    /// Trained, without weight decay.
    public static let undecayed = ParameterTreatment(decay: 0)
    /// Left as it is: the loss never reaches it.
    public static let idle: ParameterTreatment = {
        var idle = ParameterTreatment(decay: 0)
        idle.isTrained = false
        return idle
    }()
}

/// What a recipe says of the treatment of parameters, on top of what their method does.
public struct TreatmentRules: Sendable, Equatable {
    /// Whether everything that is trained is decayed, norms and biases too.
    public var decaysAll = false
    /// Whether class token, mask token and position tables are decayed where the method decays them.
    public var decaysTokens = true
    /// The factor on the rate of the patch embedding.
    public var patchEmbedding = 1.0
    /// The factor on the decay of the weights of norms, which usually have none; nil: as the method has it.
    public var normDecay: Double?

    /// Nothing changed.
    public init() {}

    /// The treatment of a parameter that a method would treat so.
    public func applied(to treatment: ParameterTreatment, of parameter: ParameterEntry) -> ParameterTreatment {
        guard treatment.isTrained, !treatment.isOwn else { return treatment }
        var result = treatment
        if decaysAll {
            result.decay = 1
        } else if treatment == .decayed && !decaysTokens {
            result = DecayRule.matricesButTokens.treatment(of: parameter)
        }
        let parts = parameter.name.split(separator: ".")
        if let normDecay, parts.last == "weight", parts.dropLast().last?.hasPrefix("norm") ?? false {
            result.decay = normDecay
        }
        if parts.contains("patch_embed") { result.rate *= patchEmbedding }
        return result
    }
}

/// A stretch of the flat buffer that an optimiser treats alike: one parameter, or neighbours.
public struct ParameterGroup: Sendable, Equatable {
    /// Where it lies in the flat buffer.
    public var range: Range<Int>
    /// The factor on the weight decay; 0: none.
    public var decay: Double
    /// The factor on the rate.
    public var scale: Double
    /// Whether rate and decay are its method's own.
    public var isOwn: Bool
    /// Whether it has more than one axis.
    public var isMatrix: Bool

    /// A group for each parameter that is not idle; `treatment` says what is decayed, `scale` gives the factor on the rate by
    /// name.
    public static func each(
        of store: ParameterStore, treatment: (ParameterEntry) -> ParameterTreatment,
        scale: (String) -> Double = { _ in 1 }
    ) -> [ParameterGroup] {
        store.entries.compactMap { entry in
            let treatment = treatment(entry)
            guard treatment.isTrained else { return nil }
            return ParameterGroup(
                range: entry.range, decay: treatment.decay, scale: treatment.rate * scale(entry.name),
                isOwn: treatment.isOwn, isMatrix: entry.shape.rank > 1)
        }
    }

    /// What of the groups lies in a stretch of the flat buffer.
    static func clipped(_ groups: [ParameterGroup], to slice: Range<Int>) -> [ParameterGroup] {
        groups.compactMap { group in
            var part = group
            part.range = group.range.clamped(to: slice)
            return part.range.isEmpty ? nil : part
        }
    }

    /// Neighbours that are treated alike as one, for optimisers that work on each number by itself.
    ///
    /// The padding between neighbours is zero and stays zero, so one pass may run over it.
    static func joined(_ groups: [ParameterGroup]) -> [ParameterGroup] {
        groups.reduce(into: []) { joined, group in
            if let last = joined.last, last.decay == group.decay, last.scale == group.scale, last.isOwn == group.isOwn,
                group.range.lowerBound - last.range.upperBound < 16
            {
                joined[joined.count - 1].range = last.range.lowerBound..<group.range.upperBound
            } else {
                joined.append(group)
            }
        }
    }
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
        if ["cls_token", "pos_embed", "registers"].contains(name) || name.hasPrefix("patch_embed.") { return 0 }
        var parts = name.split(separator: ".")
        // Encoders with rotary positions have their blocks below this name.
        if parts.first == "encoder" { parts.removeFirst() }
        if parts.count > 1, parts[0] == "blocks", let block = Int(parts[1]) { return block + 1 }
        return depth + 1
    }

    /// What the learning rate of a parameter is multiplied with.
    public func scale(of name: String) -> Double {
        (0..<depth + 1 - layer(of: name)).reduce(1) { product, _ in product * decay }
    }
}
