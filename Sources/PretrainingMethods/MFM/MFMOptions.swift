public import ImageMasking
public import RecipeSchema
public import VisionTransformers

/// The options of masked frequency modeling and of the restoration pretexts beside it.
public struct MFMOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "mfm"
    /// What others call it, and its pretexts.
    public static let otherNames = [
        "maskedfrequencymodeling": #""mfm""#, "maskedfrequencymodelling": #""mfm""#, "frequency": #""mfm""#,
        "sr": #""mfm" with the key "pretext": "sr""#, "deblur": #""mfm" with the key "pretext": "deblur""#,
        "denoise": #""mfm" with the key "pretext": "denoise""#,
    ]

    /// Which frequencies the loss compares.
    public enum Target: String, RecipeEnum {
        /// Those that were removed.
        case masked
        /// All.
        case normal
    }

    /// What is done to pictures.
    public var pretext = RestorationPretext.mfm
    /// Which frequencies the loss compares; nil: the removed ones for `mfm`, else all.
    public var target: Target?
    /// Transformer blocks of the decoder; 0: a linear layer alone.
    public var decoderDepth = 0
    /// Token width of the decoder.
    public var decoderWidth = 512
    /// Attention heads of the decoder.
    public var decoderHeads = 16
    /// How spectra are compared.
    public var frequencyLoss = FrequencyLossOptions()
    /// How `sr` makes pictures small.
    public var sr = SuperResolutionOptions()
    /// What `deblur` blurs with.
    public var blur = BlurOptions()
    /// What `denoise` adds.
    public var noise = NoiseOptions()

    /// The published MFM.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("pretext", \.pretext, "What is done to pictures before the network must restore them."),
        Field(
            "target", \.target,
            "The frequencies that the loss compares; null: the removed ones for the pretext mfm, else all."),
        Field("decoder_depth", \.decoderDepth, in: .closed(0...128), "Blocks of the decoder; 0: a linear layer alone."),
        Field(
            "decoder_width", \.decoderWidth, in: .closed(1...65536),
            "Token width of the decoder; a multiple of 4 where positions are sincos."),
        Field("decoder_heads", \.decoderHeads, in: .closed(1...1024), "Attention heads of the decoder."),
        Field("frequency_loss", \.frequencyLoss, "How spectra are compared."),
        Field("sr", \.sr, "How the pretext sr makes pictures small."),
        Field("blur", \.blur, "What the pretext deblur blurs with."),
        Field("noise", \.noise, "What the pretext denoise adds."),
    ]

    /// The published settings of other sections; learning rates are those of a batch of 2048.
    public static var recipeDefaults: [(path: String, value: JSONValue)] {
        [
            ("model.position", JSONValue("learned")), ("model.qkv_bias", JSONValue("qv")),
            ("mask.strategy", JSONValue("frequency")), ("train.schedule.name", JSONValue("mfm_cosine")),
            ("train.schedule.warmup_epochs", JSONValue(20)), ("train.schedule.warmup_learning_rate", JSONValue(1e-6)),
            ("train.schedule.min_learning_rate", JSONValue(1e-5)), ("train.clip_norm", JSONValue(3.0)),
        ]
    }

    /// Frequencies for `mfm`, no mask for the others.
    public var needs: MethodNeeds { MethodNeeds(masks: pretext == .mfm ? [.frequencies] : [.nothing]) }

    /// Below `encoder.`, with BEiT's initial values.
    public var encoderTraits: EncoderTraits { EncoderTraits(owner: "encoder.", initialization: .beit) }

    /// The target in force.
    public var comparesRemovedAlone: Bool { (target ?? (pretext == .mfm ? .masked : .normal)) == .masked }

    /// Removed frequencies exist under one pretext, and where the whole picture is one tile.
    public func check() -> [String] {
        var faults: [String] = []
        if decoderDepth > 0, let reason = headsFault(decoderWidth, heads: decoderHeads, of: "decoder_") {
            faults.append(reason)
        }
        if target == .masked && pretext != .mfm {
            faults.append("target \"masked\" needs pretext \"mfm\": \"\(pretext.rawValue)\" removes no frequencies")
        }
        if comparesRemovedAlone && frequencyLoss.patchFactor > 1 {
            faults.append(
                "target \"masked\" compares whole spectra, so frequency_loss.patch_factor must be 1, not "
                    + "\(frequencyLoss.patchFactor); or set target to \"normal\"")
        }
        return faults
    }

    /// Tiles, kernels and small pictures must fit the pictures.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        let (height, width) = (grid.rows * encoder.patchSize, grid.columns * encoder.patchSize)
        let size = "\(height) x \(width) pixels"
        var faults: [String] = []
        // The decoder's positions are of the encoder's kind.
        if decoderDepth > 0, encoder.position == .sincos, let reason = sineFault(decoderWidth, of: "decoder_") {
            faults.append("\(reason); model.position \"learned\" has none")
        }
        if decoderDepth > 0,
            let reason = encoder.partFault(width: decoderWidth, depth: decoderDepth, on: grid, of: "decoder_")
        {
            faults.append(reason)
        }
        let factor = frequencyLoss.patchFactor
        if height % factor != 0 || width % factor != 0 {
            faults.append("frequency_loss.patch_factor \(factor) does not divide \(size)")
        }
        if pretext == .superResolution && sr.factor > min(height, width) {
            faults.append("sr.factor \(sr.factor) leaves nothing of \(size)")
        }
        if pretext == .deblur, let largest = blur.kernelSize.max(), largest / 2 >= min(height, width) {
            faults.append(
                "a blur.kernel_size of \(largest) is too large for \(size); allowed is up to "
                    + "\(2 * min(height, width) - 1)")
        }
        if pretext == .denoise && noise.needsBrightness && ![1, 3].contains(encoder.channels) {
            faults.append(
                "gray Poisson noise needs the brightness of 1 or 3 channels; model.channels is \(encoder.channels), "
                    + "so set noise.poisson_gray_noise_prob to 0")
        }
        return faults
    }

    /// Encoder and head with initial weights.
    public func makeMethod(_ context: MethodContext) -> MFM { MFM(self, context) }
}
