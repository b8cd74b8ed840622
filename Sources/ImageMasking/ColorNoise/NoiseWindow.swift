import RandomStreams

/// Where a run of a noise bank is cut: an offset and flips that all its tiles share.
public struct NoiseWindow: Sendable, Equatable {
    /// Row of the window's top left cell.
    public var row: Int
    /// Column of the window's top left cell.
    public var column: Int
    /// Mirror left and right after cutting.
    public var flipsColumns: Bool
    /// Mirror top and bottom after cutting.
    public var flipsRows: Bool

    /// A window with every draw given.
    public init(row: Int, column: Int, flipsColumns: Bool, flipsRows: Bool) {
        self.row = row
        self.column = column
        self.flipsColumns = flipsColumns
        self.flipsRows = flipsRows
    }

    /// A window drawn uniformly within tiles of `side`: row, column, then the two flips.
    init(side: Int, grid: PatchGrid, _ stream: inout RandomStream) {
        row = stream.integer(below: side - grid.rows + 1)
        column = stream.integer(below: side - grid.columns + 1)
        flipsColumns = stream.integer(below: 2) == 1
        flipsRows = stream.integer(below: 2) == 1
    }

    /// The window of a whole field, row by row; `field` is `[side · side]`.
    public func cut(from field: [Float], side: Int, grid: PatchGrid) -> [Float] {
        let window = (0..<grid.count).map { cell in
            field[(row + cell / grid.columns) * side + column + cell % grid.columns]
        }
        return flipped(window, grid: grid)
    }

    /// A window already cut, mirrored as the draws say.
    public func flipped(_ window: [Float], grid: PatchGrid) -> [Float] {
        (0..<grid.count).map { cell in
            let r = cell / grid.columns
            let c = cell % grid.columns
            return window[
                (flipsRows ? grid.rows - 1 - r : r) * grid.columns + (flipsColumns ? grid.columns - 1 - c : c)]
        }
    }
}
