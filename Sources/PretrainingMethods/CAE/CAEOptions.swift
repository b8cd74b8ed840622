import Autodiff
public import ImageMasking
public import RecipeSchema
public import VisionTransformers

/// The options of CAE and of CAE v2.
public struct CAEOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "cae"
    /// What others call it.
    public static let otherNames = [
        "contextautoencoder": #""cae""#, "caev2": #""cae" with the key "targets": "teacher""#,
    ]
    /// What is predicted of hidden patches.
    public enum Targets: String, RecipeEnum {
        /// Numbers that a tokenizer gave them.
        case tokens
        /// What a frozen encoder says of them, and of visible ones (CAE v2).
        case teacher
        /// Their pixels.
        case pixels
    }

    /// How representations are compared with a teacher's.
    public enum TeacherLoss: String, RecipeEnum {
        /// 1 − cosine.
        case cosine
        /// The smooth L1 distance to the teacher's token brought to mean 0 and deviation 1.
        case smoothL1 = "smooth_l1"
    }

    /// The tokens that a teacher supervises.
    public enum Part: String, RecipeEnum {
        /// The class token.
        case classToken = "cls"
        /// Visible patches.
        case visible
        /// Hidden patches.
        case masked
    }

    /// How initial values are drawn.
    public enum Init: String, RecipeEnum {
        /// Xavier for linear layers, as the published code always does.
        case xavier
        /// BEiT's: a cut normal, branches rescaled; meant for large models.
        case rescaled
    }

    /// What is predicted.
    public var targets = Targets.pixels
    /// How many different tokens there are; the source's number where it is nil.
    public var vocabulary: Int?
    /// Where tokens come from.
    public var tokens: TokenSource?
    /// Where the teacher's representations come from.
    public var teacher: TeacherSource?
    /// Whether each patch of the target is normalised by its own mean and deviation.
    public var normPixLoss = true
    /// Token width of regressor and decoder; the encoder's where it is nil.
    public var regressorWidth: Int?
    /// Blocks of the regressor.
    public var regressorDepth = 4
    /// Blocks of the decoder; 4 where it is nil, none with a teacher.
    public var decoderDepth: Int?
    /// Attention heads of regressor and decoder; the encoder's where it is nil.
    public var decoderHeads: Int?
    /// The initial factor of the branches of regressor and decoder; nil: no factors.
    public var decoderLayerScale: Double? = 0.1
    /// What the alignment loss is multiplied with.
    public var alignWeight = 2.0
    /// Width of the teacher's tokens; the source's where it is nil.
    public var teacherWidth: Int?
    /// What the loss against the teacher is multiplied with.
    public var teacherWeight = 1.0
    /// How representations are compared with the teacher's.
    public var teacherLoss = TeacherLoss.cosine
    /// The tokens that the teacher supervises; all that it has where it is nil.
    public var supervise: [Part]?
    /// Where the smooth L1 distance turns from a square into a line.
    public var smoothL1Beta = 1.0
    /// How initial values are drawn.
    public var initialization = Init.xavier

    /// Pixels, with the published sizes.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("targets", \.targets, "What is predicted of hidden patches."),
        Field(
            "vocabulary", \.vocabulary, in: .closed(2...1 << 24),
            "Different tokens there are; null: as many as their source has."),
        Field("tokens", \.tokens, "Where tokens come from; needed by the targets tokens."),
        Field("teacher", \.teacher, "Where a teacher's representations come from; needed by the targets teacher."),
        Field("norm_pix_loss", \.normPixLoss, "Whether each target patch is normalised by its own mean and deviation."),
        Field(
            "regressor_width", \.regressorWidth, in: .closed(4...65536, only: "a multiple of 4") { $0 % 4 == 0 },
            "Token width of regressor and decoder; null: the encoder's."),
        Field("regressor_depth", \.regressorDepth, in: .closed(1...128), "Blocks of the regressor."),
        Field(
            "decoder_depth", \.decoderDepth, in: .closed(0...128),
            "Blocks of the decoder; null: 4, or 0 with the targets teacher, which has no decoder."),
        Field(
            "decoder_heads", \.decoderHeads, in: .closed(1...1024),
            "Attention heads of regressor and decoder; null: the encoder's."),
        Field(
            "decoder_layer_scale", \.decoderLayerScale, in: .above(0, upTo: 1000),
            "Initial factor of the branches of regressor and decoder; null: none."),
        Field(
            "align_weight", \.alignWeight, in: .closed(0...1e6),
            "Factor of the alignment loss; the targets teacher has none."),
        Field(
            "teacher_width", \.teacherWidth, in: .closed(1...65536),
            "Width of the teacher's tokens; null: as its source says."
        ),
        Field("teacher_weight", \.teacherWeight, in: .above(0, upTo: 1e6), "Factor of the loss against the teacher."),
        Field("teacher_loss", \.teacherLoss, "How representations are compared with the teacher's."),
        Field(
            "supervise", \.supervise,
            in: .rule("a list of one or more of its words, each once") {
                !$0.isEmpty && Set($0).count == $0.count
            }, "Tokens that the teacher supervises; null: all that it has."),
        Field(
            "smooth_l1_beta", \.smoothL1Beta, in: .closed(1e-6...1e6),
            "Where the smooth L1 distance turns from a square into a line."),
        Field("init", \.initialization, "How initial values are drawn."),
    ]

    /// The published settings of other sections; the learning rate is that of a batch of 2048.
    public static var recipeDefaults: [(path: String, value: JSONValue)] {
        [
            ("model.qkv_bias", JSONValue("qv")), ("model.layer_scale", JSONValue(0.1)),
            ("model.drop_path", JSONValue(0.1)), ("model.position_order", JSONValue("row_first")),
            ("mask.strategy", JSONValue("block")), ("data.crop_scale", JSONValue([JSONValue(0.08), JSONValue(1)])),
            ("train.schedule.name", JSONValue("cae_cosine")), ("train.learning_rate", JSONValue(1.5e-3)),
            ("train.schedule.min_learning_rate", JSONValue(1e-5)), ("train.schedule.warmup_epochs", JSONValue(10)),
            ("train.optimizer.betas", JSONValue([JSONValue(0.9), JSONValue(0.999)])),
            ("train.clip_norm", JSONValue(3.0)),
        ]
    }

    /// Below `encoder.`.
    public var encoderTraits: EncoderTraits {
        EncoderTraits(owner: "encoder.", initialization: initialization == .xavier ? .cae : .beit)
    }

    /// A head takes ⌊width/heads⌋ numbers of each token; tokens and representations in files were made of whole pictures.
    public var needs: MethodNeeds {
        var needs = MethodNeeds(masks: Self.masks, sharesWidthEvenly: false)
        if targets == .tokens && tokens?.source == .file {
            needs.wholePictures = "the tokens of a file belong to whole pictures"
        }
        if targets == .teacher && teacher?.source == .file {
            needs.wholePictures = "the representations of a file belong to whole pictures"
        }
        return needs
    }

    /// Blocks of the decoder in force.
    public var effectiveDecoderDepth: Int { decoderDepth ?? (targets == .teacher ? 0 : 4) }

    /// A decoder belongs to tokens and pixels.
    public func check() -> [String] {
        var faults: [String] = []
        if targets == .teacher && effectiveDecoderDepth > 0 {
            faults.append("targets \"teacher\" has no decoder; set decoder_depth to 0 or remove it")
        }
        if targets != .teacher && effectiveDecoderDepth == 0 {
            faults.append("decoder_depth is 0; targets \"\(targets.rawValue)\" needs 1 or more blocks")
        }
        return faults
    }

    /// Sources must be named, and widths fit the encoder.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        var faults: [String] = []
        if targets == .tokens && tokens == nil {
            faults.append("targets \"tokens\" needs \"tokens\", such as {\"source\": \"codebook\", \"path\": \"…\"}")
        }
        if targets == .teacher && teacher == nil {
            faults.append("targets \"teacher\" needs \"teacher\", such as {\"source\": \"encoder\", \"path\": \"…\"}")
        }
        let (width, heads) = (regressorWidth ?? encoder.width, decoderHeads ?? encoder.heads)
        if heads > width { faults.append("decoder_heads \(heads) is above the regressor's width \(width)") }
        for (depth, part) in [(regressorDepth, "regressor_"), (effectiveDecoderDepth, "decoder_")] {
            if let reason = encoder.partFault(width: width, depth: depth, on: grid, of: part) { faults.append(reason) }
        }
        if let vocabulary, vocabulary * width > 1 << 32 {
            faults.append(
                "vocabulary \(vocabulary) and the regressor's width \(width) make \(vocabulary * width) parameters, allowed "
                    + "are up to \(1 << 32); lower vocabulary or regressor_width")
        }
        if !encoder.classToken { faults.append("cae has a class token; set model.class_token to true") }
        if encoder.position != .sincos {
            faults.append("cae has fixed positions; set model.position to \"sincos\"")
        }
        if encoder.relativePositionBias != .none {
            faults.append("cae encodes parts of images; set model.relative_position_bias to \"none\"")
        }
        return faults
    }

    /// The network with initial weights, and the opened source of its targets.
    public func makeMethod(_ context: MethodContext) throws -> CAE {
        let (options, source) = try opened(context)
        return CAE(options, context, targets: source)
    }
}

/// Where tokens come from.
public struct TokenSource: RecipeSection {
    /// Kinds of source.
    public enum Kind: String, RecipeEnum {
        /// Tokens made beforehand, by picture.
        case file
        /// The nearest row of a codebook to the normalised patch.
        case codebook
    }

    /// The kind.
    public var source = Kind.codebook
    /// The file.
    public var path = ""

    /// A codebook whose path is still missing.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("source", \.source, "Tokens by picture in a file, or a codebook for normalised patches."),
        Field("path", \.path, "The safetensors file."),
    ]

    /// A file must be named.
    public func check() -> [String] { path.isEmpty ? ["path is missing; name the safetensors file"] : [] }
}

/// Where a teacher's representations come from.
public struct TeacherSource: RecipeSection {
    /// Kinds of source.
    public enum Kind: String, RecipeEnum {
        /// An encoder, run on the same crops.
        case encoder
        /// Representations made beforehand, by picture.
        case file
    }

    /// The kind.
    public var source = Kind.encoder
    /// The file.
    public var path = ""

    /// An encoder whose path is still missing.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "source", \.source,
            "A frozen encoder (a run, or a file of pretrain, timm, Hugging Face or CLIP), or representations by picture in "
                + "a file."),
        Field("path", \.path, "The safetensors file."),
    ]

    /// A file must be named.
    public func check() -> [String] { path.isEmpty ? ["path is missing; name the safetensors file"] : [] }
}
