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
    /// Images counted: fewer than masks where an image has several contexts.
    public private(set) var imageCount = 0
    /// Fewest and most visible cells of a mask.
    public private(set) var visibleCounts: ClosedRange<Int>?
    /// In how many images each cell was in a target, `[grid.count]`; all zero for masks without targets.
    public private(set) var targetTimes: [Int]
    /// How many targets each cell was in, `[grid.count]`.
    public private(set) var targetBlockTimes: [Int]
    /// Targets counted.
    public private(set) var targetCount = 0
    /// How many batches had targets of a size.
    public private(set) var targetBlocks: [BlockSize: Int] = [:]
    /// How many batches had context blocks of a size.
    public private(set) var contextBlocks: [BlockSize: Int] = [:]
    /// Images that got their strategy's last resort.
    public private(set) var fallbackCount = 0
    /// How many images had a filter.
    public private(set) var filters: [FrequencyFilterKind: Int] = [:]
    /// The grid of the masks.
    public let grid: PatchGrid

    /// Statistics of no masks yet.
    public init(grid: PatchGrid) {
        self.grid = grid
        visibleTimes = [Int](repeating: 0, count: grid.count)
        targetTimes = visibleTimes
        targetBlockTimes = visibleTimes
    }

    /// Counts every mask of a batch.
    public mutating func add(_ plan: MaskPlan) {
        switch plan {
        case .patches(let mask): add(mask)
        case .blocks(let mask): add(mask)
        case .frequencies(let mask): add(mask)
        case .nothing: break
        }
    }

    /// Counts every mask of a batch.
    public mutating func add(_ mask: PatchMask) {
        imageCount += mask.imageCount
        for image in 0..<mask.imageCount { add(visible: mask.visible(image).map { Int($0) }) }
    }

    /// Counts every context of a batch as a mask, and the targets beside them.
    public mutating func add(_ mask: BlockMask) {
        imageCount += mask.imageCount
        targetCount += mask.imageCount * mask.targets.count
        fallbackCount += mask.fallbackCount
        if let size = mask.targetBlock { targetBlocks[size, default: 0] += 1 }
        if let size = mask.contextBlock { contextBlocks[size, default: 0] += 1 }
        for cells in mask.contexts.joined() { add(visible: cells.map { Int($0) }) }
        for image in 0..<mask.imageCount {
            let targets = mask.targets.flatMap { $0[image] }
            for cell in targets { targetBlockTimes[Int(cell)] += 1 }
            for cell in Set(targets) { targetTimes[Int(cell)] += 1 }
        }
    }

    /// Counts every filter of a batch; no cell is hidden by one.
    public mutating func add(_ mask: FrequencyMask) {
        imageCount += mask.imageCount
        for isLow in mask.lowPass { filters[FrequencyFilterKind(isLow, mask), default: 0] += 1 }
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
        visibleCounts =
            min(
                visibleCounts?.lowerBound ?? cells.count, cells.count)...max(
                visibleCounts?.upperBound ?? 0, cells.count)
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
