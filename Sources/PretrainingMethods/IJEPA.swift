public import Autodiff
public import ImageMasking
public import RecipeSchema
import TrainingStep
public import VisionTransformers

/// The options of I-JEPA.
public struct IJEPAOptions: JointEmbeddingOptions {
    /// The name in recipes.
    public static let name = "ijepa"
    /// What others call it.
    public static let otherNames = ["jepa": #""ijepa""#, "multiblock": #""ijepa""#]

    /// Token width of the predictor.
    public var predictorWidth = 384
    /// Transformer blocks of the predictor.
    public var predictorDepth = 6
    /// Attention heads of the predictor; the encoder's where it is nil.
    public var predictorHeads: Int?
    /// The moving average's momentum at the first step and at the end.
    public var ema = [0.996, 1.0]
    /// Whether the last layers of block i's branches start divided by √(2(i + 1)); written in the official code, without effect.
    public var depthRescale = false

    /// The published ViT-B/16.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = sharedFields

    /// Encoder, target encoder and predictor with the official initial values.
    public func makeMethod(_ context: MethodContext) -> IJEPA { IJEPA(self, context) }
}

/// The image-based joint-embedding predictive architecture: predict, from a part of an image, the features that a slow copy of
/// the encoder gives to other parts of it.
///
/// Assran, Duval, Misra, Bojanowski, Vincent, Rabbat, LeCun, Ballas, CVPR 2023, arXiv 2301.08243. Where paper and code differ (a
/// smooth L1 loss, a target of rows with mean 0 and deviation 1) this follows the code.
public struct IJEPA: JointEmbedding {
    /// Encoder and predictor.
    public var parameters: ParameterStore
    /// The encoder of contexts; on the averaged parameters it is the target encoder.
    public let encoder: Encoder
    private let predictor: IJEPAPredictor
    /// The target encoder.
    public var target: MovingAverage
    /// Its momentum at the first step and at the end.
    public let ema: [Double]

    init(_ options: IJEPAOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        encoder = Encoder(
            context.encoder, grid: context.grid, traits: options.encoderTraits, adding: &store, random: context.random)
        target = MovingAverage(of: store, prefix: "target_")
        predictor = options.predictor(behind: encoder, adding: &store, random: context.random)
        parameters = store
        ema = options.ema
    }

    /// The mean smooth L1 distance between predictions and targets.
    public func loss(
        _ batch: Batch, _ mask: BlockMask, _ drop: PathDraws, _ request: StepRequest, on tape: inout Tape
    ) -> StepResult {
        let whole = encoder.wholeImages(batch.images, target.parameters, engine: tape.engine)
        let wanted = targets(mask, of: whole.normed, engine: tape.engine)
        let tokens = encoder.contexts(
            of: batch.images, mask, parameters, drop: drop, on: &tape, trace: request.trace?.scope("encoder"))
        let predicted = predictor(tokens, mask, parameters, on: &tape, trace: request.trace?.scope("predictor"))
        if let trace = request.trace {
            trace.record("target_encoder_out", whole.tokens)
            trace.record("targets", wanted)
        }
        var result = StepResult(loss: tape.smoothL1(predicted, target: wanted))
        if request.wantsPatchTokens { result.patchTokens = encoder.patches(of: tokens, on: &tape) }
        if request.wantsConstantLoss {
            result.constantLoss = constantLoss(of: wanted, engine: tape.engine) { $2.smoothL1($0, target: $1) }
            result.indicators = [("target_spread", spreadOverImages(whole.normed))]
        }
        return result
    }
}
