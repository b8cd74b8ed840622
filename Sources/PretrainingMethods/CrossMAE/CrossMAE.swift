public import Autodiff
public import ImageMasking
import Optimizers
import RandomStreams
public import RecipeSchema
import TrainingStep
public import VisionTransformers

/// The blocks of the encoder whose outputs the decoder reads: `"all"`, or numbers, negative ones from the end.
public enum FeatureBlocks: BoundedValue, Equatable {
    /// Every block.
    case all
    /// These blocks, in any order.
    case some([Int])

    /// The word or the list of a JSON value.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> FeatureBlocks? {
        if json.string == "all" { return .all }
        let blocks = (json.array ?? []).compactMap(\.int).filter((-128...127).contains)
        guard let count = json.array?.count, count == blocks.count, (1...128).contains(count) else {
            problems.append(
                Problem(line: json.line, path: path, message: "found \(json.summary), allowed is \(typeWords)"))
            return nil
        }
        return .some(blocks)
    }

    /// The word or the list.
    public var encoded: JSONValue {
        switch self {
        case .all: JSONValue("all")
        case .some(let blocks): JSONValue(blocks.map { JSONValue($0) })
        }
    }

    /// Either form.
    public static var schema: JSONValue {
        let number = JSONValue.object([
            ("type", JSONValue("integer")), ("minimum", JSONValue(-128)), ("maximum", JSONValue(127)),
        ])
        return .oneOf(
            .object([("const", JSONValue("all"))]),
            .object([
                ("type", JSONValue("array")), ("items", number), ("minItems", JSONValue(1)),
                ("maxItems", JSONValue(128)),
            ]))
    }

    /// Its words.
    public static var typeWords: String { "\"all\" or a list of 1 to 128 block numbers" }

    /// The blocks of an encoder of a depth, ascending; nil where a number names none of them, or two name the same.
    public func places(depth: Int) -> [Int]? {
        guard case .some(let blocks) = self else { return Array(0..<depth) }
        let places = blocks.map { $0 < 0 ? depth + $0 : $0 }
        guard places.allSatisfy((0..<depth).contains), Set(places).count == places.count else { return nil }
        return places.sorted()
    }
}

/// The options of CrossMAE.
public struct CrossMAEOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "crossmae"
    /// What others call it.
    public static let otherNames = [
        "crossattentionmae": #""crossmae""#, "crossmaskedautoencoder": #""crossmae""#,
        "rethinkingpatchdependenceformaskedautoencoders": #""crossmae""#,
    ]

    /// Whether each patch of the target is normalised by its own mean and deviation.
    public var normPixLoss = true
    /// Token width of the decoder.
    public var decoderWidth = 96
    /// Blocks of the decoder.
    public var decoderDepth = 12
    /// Attention heads of the decoder.
    public var decoderHeads = 3
    /// Whether each block of the decoder reads its own mixture of the encoder's blocks.
    public var weightedFeatures = true
    /// The blocks that are mixed.
    public var featureBlocks = FeatureBlocks.all
    /// Whether what enters the first block is mixed too.
    public var inputFeature = true
    /// Whether mask tokens also see one another.
    public var decoderSelfAttention = false

    /// The published decoder, at the width of the small recipes.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("norm_pix_loss", \.normPixLoss, "Whether each target patch is normalised by its own mean and deviation."),
        Field("decoder_width", \.decoderWidth, in: .closed(4...65536), "Token width of the decoder, a multiple of 4."),
        Field("decoder_depth", \.decoderDepth, in: .closed(1...128), "Blocks of the decoder."),
        Field("decoder_heads", \.decoderHeads, in: .closed(1...1024), "Attention heads of the decoder."),
        Field(
            "weighted_features", \.weightedFeatures,
            "Whether each block of the decoder reads its own mixture of the encoder's blocks; false: the last one, normed."
        ),
        Field(
            "feature_blocks", \.featureBlocks, "Blocks of the encoder that are mixed, from 0; negative from the end."),
        Field("input_feature", \.inputFeature, "Whether what enters the encoder's first block is mixed too."),
        Field("decoder_self_attention", \.decoderSelfAttention, "Whether predicted patches see one another."),
    ]

    /// Heads and sines must divide the decoder's width.
    public func check() -> [String] { widthFaults(decoderWidth, heads: decoderHeads, of: "decoder_") }

    /// A quarter of all patches predicted, and a rate that follows, as in the published code.
    public static var recipeDefaults: [(path: String, value: JSONValue)] {
        [
            ("mask.strategy", JSONValue("random")), ("mask.predicted_ratio", JSONValue(0.25)),
            ("train.prediction_scale", JSONValue("share")), ("train.schedule.warmup_epochs", JSONValue(40)),
        ]
    }

    /// It predicts the part of the hidden patches that a recipe asks for.
    public var needs: MethodNeeds {
        var needs = MethodNeeds(masks: Self.masks)
        needs.predictsPart = true
        return needs
    }

    /// MAE's encoder; where its blocks are mixed, nothing trains a norm behind the last one.
    public var encoderTraits: EncoderTraits {
        var traits = EncoderTraits()
        if weightedFeatures { traits.finalNorm = .plain }
        return traits
    }

    /// A decoder that a machine can hold, of blocks that the encoder has.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        var faults = [encoder.partFault(width: decoderWidth, depth: decoderDepth, on: grid, of: "decoder_")]
            .compactMap { $0 }
        if weightedFeatures, featureBlocks.places(depth: encoder.depth) == nil {
            faults.append(
                "feature_blocks \(featureBlocks.encoded.text()) are not different blocks of \(-encoder.depth) to "
                    + "\(encoder.depth - 1), as model.depth \(encoder.depth) has them")
        }
        if encoder.qkvBias == .noKey {
            faults.append("the decoder has all biases or none; set model.qkv_bias to \"qkv\" or \"none\"")
        }
        return faults
    }

    /// What is mixed, where nothing is.
    public func idle(beside others: MethodSurroundings) -> [IdleOption] {
        weightedFeatures
            ? []
            : ["feature_blocks", "input_feature"].map { ("method.\($0)", "method.weighted_features is false") }
    }

    /// An encoder and a decoder with the official initial values.
    public func makeMethod(_ context: MethodContext) -> CrossMAE { CrossMAE(self, context) }
}

/// A masked autoencoder whose decoder only looks at the encoder: each predicted patch is decoded for itself.
///
/// Fu, Lian, Wang, Shi, Wang, Yala, Darrell, Efros, Goldberg, *Rethinking Patch Dependence for Masked Autoencoders*, arXiv
/// 2401.14391. The loss is MAE's on the predicted patches.
public struct CrossMAE: PretrainingMethod {
    /// Encoder and decoder.
    public var parameters: ParameterStore
    /// The encoder.
    public let encoder: Encoder
    private let decoder: CrossDecoder
    private let pixels: PixelTarget
    /// Encoder blocks that are mixed; nil: the last one alone is read, normed.
    private let blocks: [Int]?
    private let mixesInput: Bool

    init(_ options: CrossMAEOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        encoder = Encoder(
            context.encoder, grid: context.grid, traits: options.encoderTraits, adding: &store, random: context.random)
        blocks = options.weightedFeatures ? options.featureBlocks.places(depth: context.encoder.depth) ?? [] : nil
        mixesInput = options.inputFeature
        let side = context.encoder.patchSize
        decoder = CrossDecoder(
            .init(width: options.decoderWidth, depth: options.decoderDepth, heads: options.decoderHeads),
            behind: encoder, features: blocks.map { $0.count + (options.inputFeature ? 1 : 0) },
            hasSelfAttention: options.decoderSelfAttention, outputs: context.encoder.channels * side * side,
            adding: &store, random: context.random)
        pixels = PixelTarget(patchSize: side, isNormalized: options.normPixLoss)
        parameters = store
    }

    /// The reconstruction loss of a batch on the predicted patches.
    public func loss(
        _ batch: Batch, _ mask: PatchMask, _ drop: PathDraws, _ request: StepRequest, on tape: inout Tape
    ) -> StepResult {
        let trace = request.trace
        let encoded = encoder(
            batch.images, seeing: .visible(mask.visibleRows), parameters, drop: drop, keeping: [.layers, .input],
            on: &tape, trace: trace?.scope("encoder"))
        let features = blocks.map { places in
            (mixesInput ? [encoded.input].compactMap { $0 } : []) + places.map { encoded.layers[$0] }
        }
        let rows = mask.predictedRows(ascending: true)
        let predicted = decoder(
            features ?? [encoded.normed], at: rows, parameters, on: &tape, trace: trace?.scope("decoder"))
        let target = pixels(of: batch.images, rows: rows, engine: tape.engine)
        let all = Tensor(filled: 1, [mask.imageCount, mask.predictedCount])
        let (loss, perPatch) = tape.maskedMeanSquared(predicted, target: target, mask: all)
        if let trace {
            trace.record("target", target)
            trace.record("loss_per_patch", perPatch)
        }
        let constant = request.wantsConstantLoss ? bestConstantError(of: target) : nil
        var result = StepResult(loss: loss, constantLoss: constant)
        if request.wantsImages { result.shown = shown(encoded, features, mask, batch.images, tape.engine) }
        return result
    }

    /// Every patch decoded, so that the picture is whole, by MAE's words.
    private func shown(
        _ encoded: Encoder.Output, _ features: [Variable]?, _ mask: PatchMask, _ images: Tensor, _ engine: Engine
    ) -> [ShownImages] {
        var tape = Tape(engine: engine, recording: false)
        let memory = (features ?? [encoded.normed]).map { tape.constant($0.value) }
        let cells = [[Int32]](repeating: Array(0..<Int32(mask.grid.count)), count: mask.imageCount)
        let predicted = decoder(memory, at: RowIndices(cells), parameters, on: &tape, trace: nil)
        return pixels.shown(predicted.value, mask, of: images, engine: engine)
    }
}
