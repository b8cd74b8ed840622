/// What masks look like on average: figures that show a strategy's bias before anything is trained.
public struct MaskStatistics: Sendable, Equatable {
    /// Masks counted.
    public private(set) var maskCount = 0
    /// How often each cell was visible, `[grid.count]`.
    public private(set) var visibleTimes: [Int]
    /// Sum over masks of horizontally or vertically adjacent pairs of visible cells.
    public private(set) var adjacentPairs = 0
    /// Sum over masks of diagonally adjacent pairs of visible cells.
    public private(set) var diagonalPairs = 0
    /// Sum over masks of 4-connected components of visible cells.
    public private(set) var components = 0
    /// Sum over masks of the cells of the largest component.
    public private(set) var largestComponent = 0
    private let grid: PatchGrid

    /// Statistics of no masks yet.
    public init(grid: PatchGrid) {
        self.grid = grid
        visibleTimes = [Int](repeating: 0, count: grid.count)
    }

    /// Counts every mask of a batch.
    public mutating func add(_ mask: PatchMask) {
        for image in 0..<mask.imageCount { add(visible: mask.visible(image).map { Int($0) }) }
    }

    private mutating func add(visible cells: [Int]) {
        var seen = [Bool](repeating: false, count: grid.count)
        for cell in cells {
            seen[cell] = true
            visibleTimes[cell] += 1
        }
        func isSeen(_ row: Int, _ column: Int) -> Bool {
            row >= 0 && column >= 0 && row < grid.rows && column < grid.columns && seen[row * grid.columns + column]
        }
        for cell in cells {
            let (row, column) = (cell / grid.columns, cell % grid.columns)
            adjacentPairs += (isSeen(row, column + 1) ? 1 : 0) + (isSeen(row + 1, column) ? 1 : 0)
            diagonalPairs += (isSeen(row + 1, column + 1) ? 1 : 0) + (isSeen(row + 1, column - 1) ? 1 : 0)
        }
        let sizes = componentSizes(cells, isSeen)
        components += sizes.count
        largestComponent += sizes.max() ?? 0
        maskCount += 1
    }

    private func componentSizes(_ cells: [Int], _ isSeen: (Int, Int) -> Bool) -> [Int] {
        var visited = Set<Int>()
        var sizes: [Int] = []
        for start in cells where visited.insert(start).inserted {
            var waiting = [start]
            var size = 0
            while let cell = waiting.popLast() {
                size += 1
                let (row, column) = (cell / grid.columns, cell % grid.columns)
                for (r, c) in [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
                where isSeen(r, c) && visited.insert(r * grid.columns + c).inserted {
                    waiting.append(r * grid.columns + c)
                }
            }
            sizes.append(size)
        }
        return sizes
    }
}
