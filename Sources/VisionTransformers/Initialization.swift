import Autodiff
public import RandomStreams

/// How the initial values of a parameter are drawn.
public enum InitialLaw: Sendable, Equatable {
    /// Uniform in ±√(6 / (inputs + outputs)) (Glorot and Bengio 2010).
    case xavierUniform
    /// Uniform in ±1/√inputs: what PyTorch gives a layer that nobody initialises.
    case inputUniform
    /// Normal with mean 0.
    case normal(deviation: Double)
    /// Normal with mean 0, drawn anew while outside ±`bound`; the bound is a value, not a multiple of the deviation.
    case cutNormal(deviation: Double, bound: Double)
    /// Zero.
    case zero

    /// `count` values of a layer with that many inputs and outputs, all divided by `divisor`.
    public func values(
        _ count: Int, inputs: Int, outputs: Int, dividedBy divisor: Float = 1, _ random: RandomStream
    ) -> [Float] {
        let values =
            switch self {
            case .xavierUniform:
                Initializers.xavierUniform(count: count, fanIn: inputs, fanOut: outputs, random: random)
            case .inputUniform:
                Initializers.uniform(count: count, bound: 1 / Double(inputs).squareRoot(), random: random)
            case .normal(let deviation):
                Initializers.normal(count: count, standardDeviation: deviation, random: random)
            case .cutNormal(let deviation, let bound):
                Initializers.truncatedNormal(
                    count: count, standardDeviation: deviation, bounds: -bound...bound, random: random)
            case .zero: [Float](repeating: 0, count: count)
            }
        return divisor == 1 ? values : values.map { $0 / divisor }
    }
}

/// The initial values of a transformer. Norms always start with ones and zeros, biases of linear layers and relative position
/// tables with zeros, layer scales with the recipe's value.
public struct Initialization: Sendable, Equatable {
    /// Weights of linear layers; qkv counts as one matrix.
    public var linear: InitialLaw
    /// The weight of the patch embedding, as a matrix `[width, channels · patch · patch]`.
    public var patchWeight: InitialLaw
    /// The bias of the patch embedding.
    public var patchBias: InitialLaw
    /// Class token, mask token, learned positions.
    public var tokens: InitialLaw
    /// Whether the last layer of both branches of block i = 0, 1, … is divided by √(2(i + 1)).
    public var rescalesBranches = false
    /// The class token, where it has a law of its own; nil: that of the other tokens.
    public var classToken: InitialLaw?

    /// The official MAE's: Xavier, and PyTorch's own bias of the patch embedding.
    public static let mae = Initialization(
        linear: .xavierUniform, patchWeight: .xavierUniform, patchBias: .inputUniform,
        tokens: .normal(deviation: 0.02))

    /// BEiT's, used by MFM and meant for large CAE: normal 0.02 cut at one deviation, branches rescaled.
    public static let beit = Initialization(
        linear: cutAtOne, patchWeight: cutAtOne, patchBias: .zero, tokens: cutAtOne, rescalesBranches: true)

    /// What CAE's code always does: Xavier for linear layers, the cut normal for the rest.
    public static let cae = Initialization(
        linear: .xavierUniform, patchWeight: cutAtOne, patchBias: .zero, tokens: cutAtOne)

    /// I-JEPA's: normal 0.02, cut at ±2, a hundred deviations.
    public static func ijepa(rescalesBranches: Bool) -> Initialization {
        let law = InitialLaw.cutNormal(deviation: 0.02, bound: 2)
        return Initialization(
            linear: law, patchWeight: law, patchBias: .zero, tokens: law, rescalesBranches: rescalesBranches)
    }

    /// timm's for its plain models: normal 0.02, cut at ±2, a class token next to 0, and PyTorch's own patch embedding.
    public static let timm: Initialization = {
        let law = InitialLaw.cutNormal(deviation: 0.02, bound: 2)
        return Initialization(
            linear: law, patchWeight: .inputUniform, patchBias: .inputUniform, tokens: law,
            classToken: .normal(deviation: 1e-6))
    }()

    /// One normal law for all weights, and no biases: heads of probes.
    public static func normal(deviation: Double) -> Initialization {
        let law = InitialLaw.normal(deviation: deviation)
        return Initialization(linear: law, patchWeight: law, patchBias: .zero, tokens: law)
    }

    /// Zeros everywhere, for values that are replaced at once.
    public static let zeros = Initialization(linear: .zero, patchWeight: .zero, patchBias: .zero, tokens: .zero)

    private static let cutAtOne = InitialLaw.cutNormal(deviation: 0.02, bound: 0.02)

    /// What the last layers of the branches of block 0, 1, … are divided by.
    public func branchDivisor(_ block: Int) -> Float {
        rescalesBranches ? Float(Double(2 * (block + 1)).squareRoot()) : 1
    }
}
