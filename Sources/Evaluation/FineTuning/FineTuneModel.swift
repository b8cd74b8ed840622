public import Autodiff
public import ImageMasking
public import RandomStreams
public import TrainingStep
public import VisionTransformers

/// An encoder with a classification head, trained as a whole.
///
/// As the official MAE fine-tuning: learned positions, the mean of the patch tokens before any final norm, `fc_norm`, a linear
/// head (weights normal with deviation 2e-5, bias 0).
public struct FineTuneModel: ParameterOwner, Sendable {
    /// Encoder, `fc_norm` and head.
    public var parameters: ParameterStore
    /// The encoder, without a final norm.
    public let encoder: Encoder
    private let norm: NormParameters
    private let headWeight: ParameterID
    private let headBias: ParameterID

    /// A model for images of a grid with fresh weights; `traits` are those of the encoder that it is to begin with.
    public init(
        _ options: EncoderOptions, grid: PatchGrid, classes: Int, traits: EncoderTraits = EncoderTraits(),
        random: RandomStream
    ) {
        var options = options
        // Rotary positions have no table that could be trained.
        if options.position != .rope { options.position = .learned }
        var store = ParameterStore()
        var traits = traits
        traits.owner = ""
        traits.finalNorm = .none
        encoder = Encoder(options, grid: grid, traits: traits, adding: &store, random: random)
        norm = NormParameters("fc_norm", options.width, &store)
        let values = Initializers.normal(
            count: classes * options.width, standardDeviation: 2e-5, random: random.child("head.weight"))
        headWeight = store.add("head.weight", [classes, options.width], values)
        headBias = store.add("head.bias", [classes], [Float](repeating: 0, count: classes))
        parameters = store
    }

    /// Takes the weights of an encoder over: all but its final norm; a table of fixed positions becomes the first of learned ones.
    /// Throws where the encoder lacks one of them.
    mutating func adopt(_ encoder: Encoder, _ store: ParameterStore) throws(EvaluationError) {
        for id in parameters.ids {
            let name = parameters.entry(id).name
            if name.hasPrefix("fc_norm.") || name.hasPrefix("head.") { continue }
            if name == "pos_embed" {
                let table = encoder.positionTable(store)
                parameters.setValue(table.reshaped(parameters.entry(id).shape), for: id)
            } else if let value = store[encoder.traits.owner + name], value.shape == parameters.entry(id).shape {
                parameters.setValue(value, for: id)
            } else {
                throw EvaluationError(
                    "this encoder cannot be trained further: it has no \(name) of the shape that is needed")
            }
        }
    }

    /// Class scores `[B, classes]` of images `[B, C, H, W]`.
    public func logits(
        _ images: Tensor, drop: [BranchFactors]? = nil, on tape: inout Tape, trace: ForwardTrace? = nil
    ) -> Variable {
        let tokens = encoder(images, parameters, drop: drop, on: &tape, trace: trace?.scope("encoder")).beforeNorm
        let pooled = norm(tape.meanRows(tokens, from: encoder.prefix), parameters, &tape)
        trace?.record("pooled", pooled.value)
        let weight = tape.parameter(headWeight, of: parameters)
        let bias = tape.parameter(headBias, of: parameters)
        let logits = tape.linear(pooled, weight: weight, bias: bias)
        trace?.record("logits", logits.value)
        return logits
    }
}
