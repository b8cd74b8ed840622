public import Autodiff
public import ImageMasking
public import RecipeSchema
import TrainingStep
public import VisionTransformers

/// The options of DMT-JEPA: those of I-JEPA, and the neighbourhoods.
public struct DMTJEPAOptions: JointEmbeddingOptions {
    /// The name in recipes.
    public static let name = "dmtjepa"
    /// What others call it.
    public static let otherNames = ["dmt": #""dmtjepa""#]

    /// What border and query are where they are not given.
    public enum Variant: String, RecipeEnum {
        /// Neighbours within the grid, each image its own mean as query.
        case corrected
        /// As the released code: a torus, and mostly another image's mean.
        case reference
    }

    /// Which image's mean cell starts the query of a cell.
    public enum TargetQuery: String, RecipeEnum {
        /// The cell's own image's.
        case ownImage = "own_image"
        /// Row ρ of the batch's cells takes that of image ρ mod B, as the released code by mistake.
        case tiled
    }

    /// Token width of the predictor.
    public var predictorWidth = 384
    /// Transformer blocks of the predictor.
    public var predictorDepth = 6
    /// Attention heads of the predictor; the encoder's where it is nil.
    public var predictorHeads: Int?
    /// The moving averages' momentum at the first step and at the end.
    public var ema = [0.996, 1.0]
    /// Whether the last layers of block i's branches start divided by √(2(i + 1)); never in the heads.
    public var depthRescale = false
    /// What border and query are where they are not given.
    public var variant = Variant.corrected
    /// Neighbours that a target is made of.
    public var neighbours = 4
    /// Side of the window that they are chosen from, in patches; odd.
    public var window = 3
    /// What lies beyond the grid's border; the variant's where it is nil.
    public var border: NeighbourBorder?
    /// Where the query of a target starts; the variant's where it is nil.
    public var targetQuery: TargetQuery?
    /// How context tokens attend in the head.
    public var contextAttention = HeadAttention.cross
    /// How target tokens attend in the head; both give the same numbers, since only the query's is used.
    public var targetAttention = HeadAttention.cross

    /// The published ViT-B/16, corrected.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] =
        sharedFields + [
            Field("variant", \.variant, "What border and target_query are where they are not given."),
            Field("neighbours", \.neighbours, in: .closed(1...4096), "Neighbours that a target is made of."),
            Field(
                "window", \.window, in: .closed(3...1025, only: "odd") { $0 % 2 == 1 },
                "Side of the window that neighbours are chosen from, in patches."),
            Field("border", \.border, "What lies beyond the grid's border; null: the variant's."),
            Field("target_query", \.targetQuery, "Which image's mean starts a target; null: the variant's."),
            Field("context_attention", \.contextAttention, "How context tokens attend in the head."),
            Field("target_attention", \.targetAttention, "How target tokens attend in the head; makes no difference."),
        ]

    /// The border in force.
    public var effectiveBorder: NeighbourBorder { border ?? (variant == .reference ? .wrap : .clip) }

    /// The query in force.
    public var effectiveQuery: TargetQuery { targetQuery ?? (variant == .reference ? .tiled : .ownImage) }

    /// As for I-JEPA; and a tiled query takes other images of the batch in.
    public var needs: MethodNeeds {
        var needs = sharedNeeds
        if effectiveQuery == .tiled {
            needs.wholeBatches = "with method.target_query \"tiled\" a target depends on the other images of its batch"
        }
        return needs
    }

    /// As for I-JEPA; and a cell needs a neighbour.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        let alone = grid.count == 1 ? ["a grid of one patch has no neighbours; use smaller patches"] : []
        return sharedFaults(encoder, grid) + alone
    }

    /// Encoder, heads, their averages and predictor with the official initial values.
    public func makeMethod(_ context: MethodContext) -> DMTJEPA { DMTJEPA(self, context) }
}

/// DMT-JEPA: I-JEPA whose target for a cell is made of the cells around it that look most alike.
///
/// Mo and Yun, *DMT-JEPA: Discriminative Masked Targets for Joint-Embedding Predictive Architecture*, arXiv 2405.17995, as its
/// code computes it; both heads are kept in checkpoints, which that code forgets.
public struct DMTJEPA: JointEmbedding {
    /// Encoder, head of the context side and predictor.
    public var parameters: ParameterStore
    /// The encoder of contexts; on the averaged parameters it is the target encoder.
    public let encoder: Encoder
    private let head: DMTJEPAHead
    private let predictor: IJEPAPredictor
    private let options: DMTJEPAOptions
    private let window: NeighbourWindow
    /// Target encoder and target head.
    public var target: MovingAverage
    /// Their momentum at the first step and at the end.
    public var ema: [Double] { options.ema }

    init(_ options: DMTJEPAOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        encoder = Encoder(
            context.encoder, grid: context.grid, traits: options.encoderTraits, adding: &store, random: context.random)
        head = DMTJEPAHead(
            width: context.encoder.width, heads: context.encoder.heads, adding: &store, random: context.random)
        target = MovingAverage(of: store, prefix: "target_")
        predictor = options.predictor(behind: encoder, adding: &store, random: context.random)
        parameters = store
        window = NeighbourWindow(grid: context.grid, window: options.window, border: options.effectiveBorder)
        self.options = options
    }

    /// The mean smooth L1 distance between predictions and targets.
    public func loss(
        _ batch: Batch, _ mask: BlockMask, _ drop: PathDraws, _ request: StepRequest, on tape: inout Tape
    ) -> StepResult {
        let engine = tape.engine
        let whole = encoder.wholeImages(batch.images, target.parameters, engine: engine)
        let chosen = window.mostSimilar(options.neighbours, in: whole.normed, engine: engine)
        let (images, cells) = (whole.normed.shape[0], whole.normed.shape[1])
        let aggregated = head.aggregated(
            whole.normed, chosen, query: { options.effectiveQuery == .tiled ? $0 % images : $0 / cells },
            target.parameters, engine: engine)
        let wanted = targets(mask, of: aggregated, engine: engine)
        let tokens = encoder.contexts(
            of: batch.images, mask, parameters, drop: drop, on: &tape, trace: request.trace?.scope("encoder"))
        let refined = head.context(tokens, options.contextAttention, parameters, on: &tape)
        let predicted = predictor(refined, mask, parameters, on: &tape, trace: request.trace?.scope("predictor"))
        if let trace = request.trace {
            trace.record("target_encoder_out", whole.tokens)
            trace.record("target_normed", whole.normed)
            trace.record("neighbour_ids", chosen.ids)
            trace.record("neighbour_cosine", chosen.cosines)
            trace.record("target_head_out", aggregated)
            trace.record("context_head_out", refined.value)
            trace.record("targets", wanted)
        }
        var result = StepResult(loss: tape.smoothL1(predicted, target: wanted))
        if request.wantsPatchTokens { result.patchTokens = encoder.patches(of: tokens, on: &tape) }
        if request.wantsConstantLoss {
            result.constantLoss = constantLoss(of: wanted, engine: engine) { $2.smoothL1($0, target: $1) }
            result.indicators = [
                ("target_spread", spreadOverImages(whole.normed)), ("neighbour_cosine", chosen.meanCosine),
                ("target_head_gain", head.gain(target.parameters)),
            ]
        }
        return result
    }
}
