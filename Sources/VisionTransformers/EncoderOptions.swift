public import ImageMasking
public import RecipeSchema

/// Where a token's position comes from.
public enum PositionKind: String, RecipeEnum {
    /// A fixed table of sines and cosines.
    case sincos
    /// A trained table.
    case learned
    /// No table: attention knows places by a relative bias alone (SimMIM).
    case none
    /// No table: queries and keys are turned by the place of their token (CAPI).
    case rope
}

/// The norm of a block.
public enum NormKind: String, RecipeEnum {
    /// Mean and deviation, with scale and shift.
    case layer
    /// The root mean square, with a scale alone.
    case rms
}

/// Which channels of a head turn together under rotary positions.
public enum RopePairing: String, RecipeEnum {
    /// Those of the code of CAPI: a channel of the row's half with one of the column's, which is no rotation.
    case mixed
    /// Channels of the same half: a rotation.
    case axial
}

/// Which coordinate fills the first half of a sine-cosine table.
public enum PositionOrder: String, RecipeEnum {
    /// The column: the official MAE's order.
    case columnFirst = "column_first"
    /// The row: the order of ColorMAE's code.
    case rowFirst = "row_first"
}

/// The encoder of a recipe: its section `model`.
public struct EncoderOptions: RecipeSection {
    /// Side of a patch, in pixels.
    public var patchSize = 4
    /// Channels of the images.
    public var channels = 3
    /// Token width.
    public var width = 192
    /// Transformer blocks.
    public var depth = 6
    /// Attention heads.
    public var heads = 3
    /// Hidden width of a block's perceptron, in token widths.
    public var mlpRatio = 4.0
    /// Where positions come from.
    public var position = PositionKind.sincos
    /// The axis order of a sine-cosine table.
    public var positionOrder = PositionOrder.columnFirst
    /// Whether a class token stands in front of the patches.
    public var classToken = true
    /// Biases of queries, keys and values, in the encoder and in the method's other blocks.
    public var qkvBias = QKVBias.all
    /// The initial factor of both branches of a block; nil: no factors.
    public var layerScale: Double?
    /// The norm in front of the branches of a block; nil: layer norm.
    public var norm: NormKind?
    /// Learned tokens in front of the patches, of encoders with rotary positions; nil: none.
    public var registers: Int?
    /// Which channels turn together under rotary positions; nil: mixed.
    public var ropePairing: RopePairing?
    /// Whether attention scores get a learnt term for each offset between two patches.
    public var relativePositionBias = RelativePositionKind.none
    /// Chance that a residual branch is dropped for an image, rising linearly from 0 in the first block.
    public var dropPath = 0.0

    /// The model of the small recipes: patch 4, width 192, 6 blocks.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("patch_size", \.patchSize, in: .closed(1...4096), "Side of a patch, in pixels."),
        Field("channels", \.channels, in: .closed(1...64), "Channels of the images."),
        Field(
            "width", \.width, in: .closed(1...65536),
            "Token width; a multiple of heads in most methods, and of 4 where positions are sincos."),
        Field("depth", \.depth, in: .closed(1...128), "Transformer blocks."),
        Field("heads", \.heads, in: .closed(1...1024), "Attention heads."),
        Field(
            "mlp_ratio", \.mlpRatio, in: .above(0, upTo: 64), "Hidden width of a block's perceptron, in token widths."),
        Field(
            "position", \.position,
            "Where token positions come from: none with a relative_position_bias (simmim), rope for capi alone."),
        Field("position_order", \.positionOrder, "The coordinate that fills the first half of a sincos table."),
        Field("class_token", \.classToken, "Whether a class token stands in front of the patches."),
        Field("qkv_bias", \.qkvBias, "Biases of queries, keys and values."),
        Field(
            "layer_scale", \.layerScale, in: .above(0, upTo: 1000),
            "Initial factor of both branches of a block; null: none."),
        Field(
            "norm", \.norm, "Norm in front of the branches of a block: \"rms\" with rotary positions; null: layer norm."
        ),
        Field(
            "registers", \.registers, in: .closed(0...1024),
            "Learned tokens in front of the patches, a multiple of 4, with rotary positions; null: none."),
        Field(
            "rope_pairing", \.ropePairing,
            "Channels that turn together under rotary positions: as CAPI's code has it, or a rotation of each axis; null: "
                + "mixed."),
        Field(
            "relative_position_bias", \.relativePositionBias,
            "Whether attention scores get a learnt term for each offset between patches."),
        Field("drop_path", \.dropPath, in: .range(0..<1), "Chance of dropping a residual branch, linear over depth."),
    ]

    /// Every head needs a number, and the width must be shared by the sines of positions that have any.
    public func check() -> [String] {
        var faults: [String] = []
        if heads > width {
            faults.append("heads \(heads) is above width \(width); lower heads or raise width")
        } else if position == .sincos, let fault = sineFault(width, of: "") {
            faults.append("\(fault); position \"learned\" has none")
        }
        faults += rotaryFaults
        if hiddenWidth < 1 { faults.append("mlp_ratio \(mlpRatio) of width \(width) leaves no hidden unit") }
        return faults
    }

    /// What does not go with rotary positions, or not without them.
    private var rotaryFaults: [String] {
        guard position == .rope else {
            let given = [
                ("norm \"rms\"", norm == .rms), ("registers", (registers ?? 0) > 0),
                ("rope_pairing", ropePairing != nil),
            ].filter(\.1).map(\.0)
            switch given.count {
            case 0: return []
            case 1: return ["\(given[0]) goes with position \"rope\" only; remove it"]
            default: return ["\(given.joined(separator: ", ")) go with position \"rope\" only; remove them"]
            }
        }
        var faults: [String] = []
        let wanted = [
            ("norm \"rms\"", norm != .rms), ("class_token false", classToken), ("qkv_bias \"none\"", qkvBias != .none),
            ("layer_scale null", layerScale != nil),
            ("relative_position_bias \"none\"", relativePositionBias != .none),
        ].filter(\.1).map(\.0)
        if !wanted.isEmpty {
            faults.append(
                "position \"rope\" goes with \(wanted.joined(separator: ", ")) only; set \(wanted.count == 1 ? "it" : "them") so"
            )
        }
        if heads <= width, width % heads != 0 || width / heads % 4 != 0 {
            faults.append(
                "width \(width) over heads \(heads) is no multiple of 4 for each head, as rotary positions need")
        }
        if (registers ?? 0) % 4 != 0 { faults.append("registers \(registers ?? 0) is not a multiple of 4") }
        return faults
    }

    /// Why the heads do not share the width evenly, as all methods but CAE ask.
    public var headsFault: String? { VisionTransformers.headsFault(width, heads: heads, of: "") }

    /// Hidden width of a block's perceptron.
    public var hiddenWidth: Int { Int(clamping: width, times: mlpRatio) }

    /// The patch grid of images of a size.
    public func grid(height: Int, width: Int) -> PatchGrid {
        PatchGrid(rows: height / patchSize, columns: width / patchSize)
    }

    /// The encoder's blocks.
    public var blocks: BlockOptions { blocks(width: width, heads: heads) }

    /// Blocks of another width and number of heads that are otherwise like the encoder's.
    public func blocks(width: Int, heads: Int) -> BlockOptions {
        var blocks = BlockOptions(width: width, heads: heads, hidden: Int(clamping: width, times: mlpRatio))
        blocks.qkvBias = qkvBias
        blocks.layerScale = layerScale
        return blocks
    }
}

/// Why a width cannot be split over heads and sines; `part` prefixes the keys, such as `"decoder_"`.
public func widthFaults(_ width: Int, heads: Int, of part: String) -> [String] {
    let faults = [headsFault(width, heads: heads, of: part), sineFault(width, of: part)].compactMap { $0 }
    return faults.count < 2
        ? faults
        : ["\(part)width \(width) is a multiple neither of \(part)heads \(heads) nor of 4, as position tables need"]
}

/// Why heads do not share a width evenly.
public func headsFault(_ width: Int, heads: Int, of part: String) -> String? {
    width % heads == 0 ? nil : "\(part)width \(width) is not a multiple of \(part)heads \(heads)"
}

/// Why a width has no table of sines and cosines.
public func sineFault(_ width: Int, of part: String) -> String? {
    width % 4 == 0 ? nil : "\(part)width \(width) is not a multiple of 4, as position tables need"
}

extension Int {
    /// A width times a ratio, rounded down; a product that no machine holds ends at 2⁵³, where a comparison can still refuse it.
    fileprivate init(clamping width: Int, times ratio: Double) {
        self = Int(Swift.min(Double(width) * ratio, 0x1p53))
    }
}
