/// The sizes that a kind of block can have on a grid: shares of the cells and ratios of rows to columns.
///
/// Counts of cells are truncated, sides rounded to the nearest integer, ties to even, all in double precision.
public struct BlockShapes: Sendable {
    private let grid: PatchGrid
    /// Least and largest share of the grid's cells.
    private let scale: (low: Double, high: Double)
    /// Least and largest rows divided by columns.
    private let aspect: (low: Double, high: Double)

    init(grid: PatchGrid, scale: [Double], aspect: [Double]) {
        self.grid = grid
        self.scale = (scale[0], scale[1])
        self.aspect = (aspect[0], aspect[1])
    }

    /// The cells asked for at place u of the scale's range.
    private func cells(at u: Double) -> Int {
        Int(Double(grid.count) * (scale.low + u * (scale.high - scale.low)))
    }

    /// Sides of a block of so many cells, none longer than the grid's.
    private func sides(_ cells: Int, _ aspect: Double) -> BlockSize {
        func whole(_ square: Double, _ limit: Int) -> Int {
            Int(min(square.squareRoot().rounded(.toNearestOrEven), Double(limit)))
        }
        return BlockSize(
            rows: whole(Double(cells) * aspect, grid.rows), columns: whole(Double(cells) / aspect, grid.columns))
    }

    /// The official size of one number: it places scale and aspect alike, and a side is at most one less than the grid's.
    func reference(_ u: Double) -> BlockSize {
        let size = sides(cells(at: u), aspect.low + u * (aspect.high - aspect.low))
        return BlockSize(rows: min(size.rows, grid.rows - 1), columns: min(size.columns, grid.columns - 1))
    }

    /// The size of two independent numbers; sides are cut to the grid.
    func unbiased(_ uScale: Double, _ uAspect: Double) -> BlockSize {
        clipped(max(1, cells(at: uScale)), aspect.low + uAspect * (aspect.high - aspect.low))
    }

    private func clipped(_ cells: Int, _ aspect: Double) -> BlockSize {
        let size = sides(cells, aspect)
        return BlockSize(rows: max(size.rows, 1), columns: max(size.columns, 1))
    }

    /// Aspects inside the range at which a block of so many cells changes a side: (k + ½)²/cells and cells/(k + ½)².
    private func turningAspects(_ cells: Int) -> [Double] {
        guard cells >= 1, aspect.low < aspect.high else { return [] }
        // Longer sides than the grid's are cut to it, so that their changes do not show.
        return (0..<max(grid.rows, grid.columns)).flatMap { k in
            let square = (Double(k) + 0.5) * (Double(k) + 0.5)
            return [square / Double(cells), Double(cells) / square]
        }.filter { $0 > aspect.low && $0 < aspect.high }
    }

    /// How many steps it takes to go through all sizes, about; a double, which does not overflow.
    var tableSteps: Double {
        let counts = Double(grid.count) * (scale.high - scale.low) + 1
        return counts * (aspect.low < aspect.high ? 2 * Double(max(grid.rows, grid.columns)) : 1)
    }

    /// The official sizes in the order of the number they come from, each with the first number that gives it.
    ///
    /// The size is constant between numbers where the cell count passes an integer or a side a half; a size may come back.
    public func referenceTable() -> [(from: Double, size: BlockSize)] {
        var cuts: [Double] = [0, 1]
        let shares = scale.high - scale.low
        let counts = cells(at: 0)...max(cells(at: 0), cells(at: 1))
        if shares > 0 { cuts += counts.map { (Double($0) / Double(grid.count) - scale.low) / shares } }
        for count in counts {
            cuts += turningAspects(count).map { ($0 - aspect.low) / (aspect.high - aspect.low) }
        }
        cuts = cuts.filter { $0 >= 0 && $0 <= 1 }.sorted()
        var table: [(from: Double, size: BlockSize)] = []
        for (from, to) in zip(cuts, cuts.dropFirst()) where from < to {
            let size = reference((from + to) / 2)
            if table.last?.size != size { table.append((from, size)) }
        }
        return table
    }

    /// All sizes that the unbiased geometry can draw, sorted.
    public func unbiasedSizes() -> [BlockSize] {
        let least = Int(Double(grid.count) * scale.low)
        let most =
            scale.low < scale.high ? Int((Double(grid.count) * scale.high).rounded(.up)) - 1 : least
        var sizes = Set<BlockSize>()
        for count in least...max(least, most) {
            let cells = max(1, count)
            let turns = ([aspect.low] + turningAspects(cells) + [aspect.high]).sorted()
            for (from, to) in zip(turns, turns.dropFirst()) where from < to || aspect.low == aspect.high {
                sizes.insert(clipped(cells, (from + to) / 2))
            }
        }
        return sizes.sorted()
    }
}

extension BlockSize {
    /// The cells of a block of this size with its first cell at a place, ascending.
    func cells(top: Int, left: Int, on grid: PatchGrid) -> [Int32] {
        (top..<top + rows).flatMap { row in
            (left..<left + columns).map { Int32(row * grid.columns + $0) }
        }
    }
}

/// The blocks of a batch before its contexts are cut to one length.
public struct DrawnBlocks: Sendable, Equatable {
    /// The size of every target.
    public let targetBlock: BlockSize
    /// The size of the blocks that contexts are cut from.
    public let contextBlock: BlockSize
    /// The cells of each target of each image, `[B][nP][Kt]`.
    public internal(set) var targets: [[[Int32]]] = []
    /// The cells of each context of each image, `[B][nE]` lists of different lengths.
    public internal(set) var contexts: [[[Int32]]] = []
    /// Images that got the last resort of the unbiased geometry.
    public internal(set) var fallbackCount = 0

    init(targetBlock: BlockSize, contextBlock: BlockSize) {
        self.targetBlock = targetBlock
        self.contextBlock = contextBlock
    }

    /// The length of the shortest context, to which all are cut.
    public var contextLength: Int { contexts.joined().map(\.count).min() ?? 0 }

    /// The plan of contexts that all have the same length now.
    func mask(on grid: PatchGrid, contexts: [[[Int32]]]) -> BlockMask {
        func byBlock(_ lists: [[[Int32]]]) -> [[[Int32]]] {
            (lists.first ?? []).indices.map { block in lists.map { $0[block] } }
        }
        var mask = BlockMask(grid: grid, contexts: byBlock(contexts), targets: byBlock(targets))
        mask.contextBlock = contextBlock
        mask.targetBlock = targetBlock
        mask.fallbackCount = fallbackCount
        return mask
    }
}

/// The cells of a context block that no obstacle covers.
func uncovered(_ cells: [Int32], by obstacles: some Sequence<[Int32]>, on grid: PatchGrid) -> [Int32] {
    var covered = [Bool](repeating: false, count: grid.count)
    for obstacle in obstacles {
        for cell in obstacle { covered[Int(cell)] = true }
    }
    return cells.filter { !covered[Int($0)] }
}
