public import ImageMasking
public import RecipeSchema

/// Where a token's position comes from.
public enum PositionKind: String, RecipeEnum {
    /// A fixed table of sines and cosines.
    case sincos
    /// A trained table.
    case learned
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
    /// Chance that a residual branch is dropped for an image, rising linearly from 0 in the first block.
    public var dropPath = 0.0

    /// The model of the small recipes: patch 4, width 192, 6 blocks.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("patch_size", \.patchSize, in: .atLeast(1), "Side of a patch, in pixels."),
        Field("channels", \.channels, in: .closed(1...64), "Channels of the images."),
        Field("width", \.width, in: .atLeast(4), "Token width; a multiple of heads and of 4."),
        Field("depth", \.depth, in: .closed(1...128), "Transformer blocks."),
        Field("heads", \.heads, in: .atLeast(1), "Attention heads."),
        Field("mlp_ratio", \.mlpRatio, in: .above(0), "Hidden width of a block's perceptron, in token widths."),
        Field("position", \.position, "Where token positions come from."),
        Field("position_order", \.positionOrder, "The coordinate that fills the first half of a sincos table."),
        Field("class_token", \.classToken, "Whether a class token stands in front of the patches."),
        Field("drop_path", \.dropPath, in: .range(0..<1), "Chance of dropping a residual branch, linear over depth."),
    ]

    /// Heads and sines must divide the width.
    public func check() -> [String] {
        var faults = widthFaults(width, heads: heads, of: "")
        if hiddenWidth < 1 { faults.append("mlp_ratio \(mlpRatio) of width \(width) leaves no hidden unit") }
        return faults
    }

    /// Hidden width of a block's perceptron.
    public var hiddenWidth: Int { Int(Double(width) * mlpRatio) }

    /// The patch grid of images of a size.
    public func grid(height: Int, width: Int) -> PatchGrid {
        PatchGrid(rows: height / patchSize, columns: width / patchSize)
    }
}

/// Why a width cannot be split over heads and sines; `part` prefixes the keys, such as `"decoder_"`.
public func widthFaults(_ width: Int, heads: Int, of part: String) -> [String] {
    var faults: [String] = []
    if width % heads != 0 { faults.append("\(part)width \(width) is not a multiple of \(part)heads \(heads)") }
    if width % 4 != 0 { faults.append("\(part)width \(width) is not a multiple of 4, as position tables need") }
    return faults
}
