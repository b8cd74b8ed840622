import RandomStreams
public import RecipeSchema

/// The `data.tiles` of a recipe: regions of large pictures are the samples, not the pictures.
public struct TileOptions: RecipeSection, Equatable {
    /// Where tiles lie.
    public enum Placement: String, RecipeEnum {
        /// Anywhere in the picture, drawn anew in each epoch.
        case random
        /// Side by side over the whole picture; the last ones of rows and columns end at its edge.
        case grid
    }

    /// Rows and columns of a tile, in pixels; a picture with a shorter side gives tiles with all of that side.
    public var size = 512
    /// Tiles that a picture gives in an epoch, of random ones.
    public var perImage = 64
    /// Where they lie.
    public var placement = Placement.random
    /// 64 random tiles of 512 x 512 pixels.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field(
            "size", \.size, in: .closed(8...16_384),
            "Rows and columns of a tile, in pixels; of a shorter side a tile takes all."),
        Field(
            "per_image", \.perImage, in: .closed(1...65_536),
            "Tiles that a picture gives in an epoch, of random ones; a picture that is no larger than a tile gives itself, once."
        ),
        Field(
            "placement", \.placement,
            "random: drawn anew in each epoch; grid: side by side over the whole picture, the last ones up to its edge. Probes and "
                + "features see the grid in any case."),
    ]

    /// Tiles that a source may have: the order of an epoch is kept in memory.
    static let mostTiles = 1 << 24
}

/// Which tiles a picture has.
struct TileGrid: Equatable {
    /// Rows of the picture.
    var height: Int
    /// Columns of the picture.
    var width: Int
    /// Rows of a tile.
    let rows: Int
    /// Columns of a tile.
    let columns: Int

    /// The tiles of a picture of 1 to 2³² pixels a side.
    init(height: Int, width: Int, size: Int) {
        self.height = height
        self.width = width
        rows = min(size, height)
        columns = min(size, width)
    }

    /// True where the only tile is the picture.
    var isWhole: Bool { rows == height && columns == width }
    /// Tiles side by side.
    private var across: Int { (width + columns - 1) / columns }
    /// The number of tiles in the grid.
    var count: Int { (height + rows - 1) / rows * across }

    /// Tile `number` of the grid, in raster order.
    func cell(_ number: Int) -> CropRectangle {
        rectangle(
            top: min(number / across * rows, height - rows), left: min(number % across * columns, width - columns))
    }

    /// A tile at any place, all equally likely.
    func random(_ stream: RandomStream) -> CropRectangle {
        var stream = stream
        let top = stream.integer(below: height - rows + 1)
        return rectangle(top: top, left: stream.integer(below: width - columns + 1))
    }

    private func rectangle(top: Int, left: Int) -> CropRectangle {
        CropRectangle(top: top, left: left, height: rows, width: columns)
    }
}
