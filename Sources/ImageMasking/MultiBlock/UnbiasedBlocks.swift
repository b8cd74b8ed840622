/// Multi-block masks without the official sampler's faults, from one stream of numbers in [0, 1).
///
/// Every cell can be reached, scale and aspect are independent, no context ever holds a cell of a target (unless overlap is
/// allowed), contexts are cut to one length by chance instead of at their end, and it always ends.
public struct UnbiasedBlocks {
    /// The options.
    public let options: MultiBlockMasking
    /// The grid.
    public let grid: PatchGrid

    /// Rounds for an image, and tries for a context in a round.
    private static let attempts = 20

    /// A sampler for a grid.
    public init(_ options: MultiBlockMasking, on grid: PatchGrid) {
        self.options = options
        self.grid = grid
    }

    /// The sizes of targets and context blocks: three numbers.
    public func sizes<Failure: Error>(
        uniform: () throws(Failure) -> Double
    ) throws(Failure) -> (target: BlockSize, context: BlockSize) {
        let (u1, u2, u3) = (try uniform(), try uniform(), try uniform())
        return (options.targetShapes(on: grid).unbiased(u1, u2), options.contextShapes(on: grid).unbiased(u3, 0))
    }

    /// Blocks for `images` images.
    public func draw<Failure: Error>(
        images: Int, target: BlockSize, context: BlockSize, uniform: () throws(Failure) -> Double
    ) throws(Failure) -> DrawnBlocks {
        var drawn = DrawnBlocks(targetBlock: target, contextBlock: context)
        for _ in 0..<images {
            var found: (targets: [[Int32]], contexts: [[Int32]])?
            var rounds = 0
            while found == nil && rounds < Self.attempts {
                found = try round(target, context, uniform)
                rounds += 1
            }
            if found == nil { drawn.fallbackCount += 1 }
            let blocks: (targets: [[Int32]], contexts: [[Int32]])
            if let found { blocks = found } else { blocks = corners(target, context, try below(4, uniform)) }
            drawn.targets.append(blocks.targets)
            drawn.contexts.append(blocks.contexts)
        }
        return drawn
    }

    private func below<Failure: Error>(
        _ n: Int, _ uniform: () throws(Failure) -> Double
    ) throws(Failure) -> Int {
        min(n - 1, Int(try uniform() * Double(n)))
    }

    private func place<Failure: Error>(
        _ size: BlockSize, _ uniform: () throws(Failure) -> Double
    ) throws(Failure) -> [Int32] {
        let top = try below(grid.rows - size.rows + 1, uniform)
        let left = try below(grid.columns - size.columns + 1, uniform)
        return size.cells(top: top, left: left, on: grid)
    }

    /// Targets, and contexts with enough cells beside them; nil where a context found no such place.
    private func round<Failure: Error>(
        _ target: BlockSize, _ context: BlockSize, _ uniform: () throws(Failure) -> Double
    ) throws(Failure) -> (targets: [[Int32]], contexts: [[Int32]])? {
        var targets: [[Int32]] = []
        for _ in 0..<options.targets { targets.append(try place(target, uniform)) }
        var contexts: [[Int32]] = []
        for _ in 0..<options.contexts {
            var found = false
            for _ in 0..<Self.attempts where !found {
                let kept = visible(try place(context, uniform), targets)
                found = kept.count >= options.minKeep
                if found { contexts.append(kept) }
            }
            if !found { return nil }
        }
        return (targets, contexts)
    }

    private func visible(_ context: [Int32], _ targets: [[Int32]]) -> [Int32] {
        options.allowOverlap ? context : uncovered(context, by: targets, on: grid)
    }

    /// The last resort: all targets in one corner, all contexts in the opposite one.
    private func corners(
        _ target: BlockSize, _ context: BlockSize, _ corner: Int
    ) -> (targets: [[Int32]], contexts: [[Int32]]) {
        let (low, right) = (corner / 2, corner % 2)
        let hidden = target.cells(
            top: (grid.rows - target.rows) * low, left: (grid.columns - target.columns) * right, on: grid)
        let block = context.cells(
            top: (grid.rows - context.rows) * (1 - low), left: (grid.columns - context.columns) * (1 - right),
            on: grid)
        let targets = [[Int32]](repeating: hidden, count: options.targets)
        return (targets, [[Int32]](repeating: visible(block, targets), count: options.contexts))
    }

    /// Every longer context cut to as many cells as the shortest has: those with the smallest of one number a cell.
    public func cut<Failure: Error>(
        _ drawn: DrawnBlocks, uniform: () throws(Failure) -> Double
    ) throws(Failure) -> BlockMask {
        let length = drawn.contextLength
        var contexts = drawn.contexts
        for (image, blocks) in drawn.contexts.enumerated() {
            for (context, cells) in blocks.enumerated() where cells.count > length {
                var ranked: [(Double, Int32)] = []
                for cell in cells { ranked.append((try uniform(), cell)) }
                contexts[image][context] = ranked.sorted { $0 < $1 }.prefix(length).map(\.1).sorted()
            }
        }
        return drawn.mask(on: grid, contexts: contexts)
    }

    /// Cells that a context has beside the targets in the best case: all targets in one corner, it in the opposite one.
    func bestCase(target: BlockSize, context: BlockSize) -> Int {
        if options.allowOverlap { return context.count }
        let rows = max(0, context.rows + target.rows - grid.rows)
        let columns = max(0, context.columns + target.columns - grid.columns)
        return context.count - rows * columns
    }
}
