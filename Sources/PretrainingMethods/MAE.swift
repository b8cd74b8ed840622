public import Autodiff
public import ImageMasking
import RandomStreams
public import RecipeSchema
import TrainingStep
public import VisionTransformers

/// The options of the masked autoencoder.
public struct MAEOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "mae"
    /// What others call it; ColorMAE is this method with another mask.
    public static let otherNames = [
        "colormae": #""mae" here and "color" as mask.strategy"#,
        "colourmae": #""mae" here and "color" as mask.strategy"#,
        "maskedautoencoder": #""mae""#, "maskedautoencoders": #""mae""#, "vitmae": #""mae""#,
    ]

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
        Field("decoder_width", \.decoderWidth, in: .closed(4...65536), "Token width of the decoder, a multiple of 4."),
        Field("decoder_depth", \.decoderDepth, in: .closed(1...128), "Transformer blocks of the decoder."),
        Field("decoder_heads", \.decoderHeads, in: .closed(1...1024), "Attention heads of the decoder."),
    ]

    /// Heads and sines must divide the decoder's width.
    public func check() -> [String] { widthFaults(decoderWidth, heads: decoderHeads, of: "decoder_") }

    /// A decoder that a machine can hold.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        [encoder.partFault(width: decoderWidth, depth: decoderDepth, on: grid, of: "decoder_")].compactMap { $0 }
    }

    /// An encoder and a decoder with the official initial values.
    public func makeMethod(_ context: MethodContext) -> MAE { MAE(self, context) }
}

/// The masked autoencoder: predict the pixels of hidden patches from the visible ones.
///
/// He, Chen, Xie, Li, Dollár, Girshick, *Masked Autoencoders Are Scalable Vision Learners*, arXiv 2111.06377. With colour-noise
/// masks it is ColorMAE (arXiv 2407.13036).
public struct MAE: PretrainingMethod {
    /// Encoder and decoder.
    public var parameters: ParameterStore
    /// The encoder.
    public let encoder: Encoder
    private let reconstruction: PixelReconstruction

    init(_ options: MAEOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        encoder = Encoder(context.encoder, grid: context.grid, adding: &store, random: context.random)
        reconstruction = PixelReconstruction(
            .init(width: options.decoderWidth, depth: options.decoderDepth, heads: options.decoderHeads),
            behind: encoder, normalizesTarget: options.normPixLoss, adding: &store, random: context.random)
        parameters = store
    }

    /// The reconstruction loss of a batch.
    public func loss(
        _ batch: Batch, _ mask: PatchMask, _ drop: PathDraws, _ request: StepRequest, on tape: inout Tape
    ) -> StepResult {
        let encoded = encoder(
            batch.images, seeing: .visible(mask.visibleRows), parameters, drop: drop, on: &tape,
            trace: request.trace?.scope("encoder"))
        return reconstruction(encoded.normed, of: batch.images, mask, request, parameters, on: &tape)
    }
}
