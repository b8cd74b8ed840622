public import Autodiff
public import ImageMasking
import RandomStreams
public import RecipeSchema
public import VisionTransformers

/// The options of the masked autoencoder.
public struct MAEOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "mae"
    /// It hides patches.
    public static let masks: Set<MaskPlan.Kind> = [.patches]

    /// Whether each patch of the target is normalised by its own mean and deviation.
    public var normPixLoss = true
    /// Token width of the decoder.
    public var decoderWidth = 96
    /// Transformer blocks of the decoder.
    public var decoderDepth = 2
    /// Attention heads of the decoder.
    public var decoderHeads = 3

    /// The decoder of the small recipes.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("norm_pix_loss", \.normPixLoss, "Whether each target patch is normalised by its own mean and deviation."),
        Field("decoder_width", \.decoderWidth, in: .atLeast(4), "Token width of the decoder."),
        Field("decoder_depth", \.decoderDepth, in: .closed(1...128), "Transformer blocks of the decoder."),
        Field("decoder_heads", \.decoderHeads, in: .atLeast(1), "Attention heads of the decoder."),
    ]

    /// Heads and sines must divide the decoder's width.
    public func check() -> [String] { widthFaults(decoderWidth, heads: decoderHeads, of: "decoder_") }

    /// An encoder and a decoder with the official initial values.
    public func makeMethod(_ context: MethodContext) -> MAE { MAE(self, context) }
}

/// The masked autoencoder: predict the pixels of hidden patches from the visible ones.
///
/// He, Chen, Xie, Li, Dollár, Girshick, *Masked Autoencoders Are Scalable Vision Learners*, arXiv 2111.06377. With colour-noise
/// masks it is ColorMAE (arXiv 2407.13036). The loss is the mean over hidden patches of the mean squared error of a patch.
public struct MAE: PretrainingMethod {
    /// Encoder and decoder.
    public var parameters: ParameterStore
    /// The encoder.
    public let encoder: Encoder
    private let decoder: Decoder
    let options: MAEOptions
    let patch: PatchSize

    init(_ options: MAEOptions, _ context: MethodContext) {
        var store = ParameterStore()
        encoder = Encoder(context.encoder, grid: context.grid, adding: &store, random: context.random)
        let side = context.encoder.patchSize
        let size = Decoder.Size(
            width: options.decoderWidth, depth: options.decoderDepth, heads: options.decoderHeads)
        decoder = Decoder(
            size, behind: encoder,
            outputs: context.encoder.channels * side * side, adding: &store, random: context.random)
        parameters = store
        self.options = options
        patch = PatchSize(side)
    }

    /// The reconstruction loss of a batch.
    public func loss(
        _ batch: Batch, _ plan: MaskPlan, _ request: StepRequest, on tape: inout Tape
    ) throws -> StepResult {
        guard case .patches(let mask) = plan else { throw MethodError.wrongPlan(method: MAEOptions.name, plan.kind) }
        let trace = request.trace
        let drop = DropPath.drawn(
            rate: encoder.options.dropPath, depth: encoder.options.depth,
            streams: batch.streams(request.random.child("drop_path")))
        let encoded = encoder(
            batch.images, visible: mask.visibleRows, parameters, drop: drop, on: &tape, trace: trace)
        let predicted = decoder(encoded.normed, restore: mask.restoreRows, parameters, on: &tape, trace: trace)
        let target = target(of: batch.images, engine: tape.engine)
        let hidden = mask.hiddenFlags
        let (loss, perPatch) = tape.maskedMeanSquared(predicted, target: target, mask: hidden)
        if let trace {
            trace.record("act/target", target)
            trace.record("act/mask", hidden)
            trace.record("act/loss_per_patch", perPatch)
        }
        let constant = request.wantsConstantLoss ? constantLoss(target, hidden) : nil
        return StepResult(loss: loss, constantLoss: constant)
    }

    /// What a patch is to be predicted as: its pixels, row, column, channel, normalised if so wished. `[B, L, P]`.
    public func target(of images: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let patches = tape.patchify(tape.constant(images), patch: patch, order: .channelsLast)
        return options.normPixLoss ? tape.normalizedPixels(patches.value) : patches.value
    }

    /// The loss of predicting, for every hidden patch, the mean hidden patch of the batch.
    private func constantLoss(_ target: Tensor, _ hidden: Tensor) -> Double {
        let columns = target.shape[2]
        var sums = [Double](repeating: 0, count: columns)
        var squares = 0.0
        var count = 0
        target.withUnsafeBuffer { target in
            hidden.withUnsafeBuffer { hidden in
                for row in hidden.indices where hidden[row] == 1 {
                    count += 1
                    for column in 0..<columns {
                        let value = Double(target[row * columns + column])
                        sums[column] += value
                        squares += value * value
                    }
                }
            }
        }
        let n = Double(count)
        return (squares / n - sums.reduce(0) { $0 + $1 * $1 } / (n * n)) / Double(columns)
    }
}
