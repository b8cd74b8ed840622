/// The official multi-block sampler (I-JEPA, arXiv 2301.08243; `masks/multiblock.py`), from its raw draws.
///
/// Its peculiarities are kept: one number decides scale and aspect, the last row and column are never used, a context that
/// meets too many targets forgets the last ones, and contexts are cut at their end.
public struct ReferenceBlocks {
    /// The options.
    public let options: MultiBlockMasking
    /// The grid.
    public let grid: PatchGrid

    /// A sampler for a grid.
    public init(_ options: MultiBlockMasking, on grid: PatchGrid) {
        self.options = options
        self.grid = grid
    }

    /// The size of all targets, from one number in [0, 1).
    public func targetBlock(_ u: Double) -> BlockSize { options.targetShapes(on: grid).reference(u) }

    /// The size of all context blocks, from one number in [0, 1).
    public func contextBlock(_ u: Double) -> BlockSize { options.contextShapes(on: grid).reference(u) }

    /// Tries before a context forgets one more target.
    private static let patience = 20

    /// Blocks for `images` images.
    ///
    /// `place` gives the first row and column of a block of an image: whole numbers below `rows` and `columns`. It is asked for
    /// the targets of an image, then for its contexts, image by image.
    public func draw<Failure: Error>(
        images: Int, target: BlockSize, context: BlockSize,
        place: (_ image: Int, _ rows: Int, _ columns: Int) throws(Failure) -> (top: Int, left: Int)
    ) throws(Failure) -> DrawnBlocks {
        // A block with so few cells would be drawn anew for ever; whoever calls has refused such sizes.
        precondition(
            target.count > options.minKeep && context.count > options.minKeep,
            "blocks of \(target) and \(context) never have more than \(options.minKeep) cells")
        var drawn = DrawnBlocks(targetBlock: target, contextBlock: context)
        for image in 0..<images {
            var targets: [[Int32]] = []
            for _ in 0..<options.targets {
                let spot = try place(image, grid.rows - target.rows, grid.columns - target.columns)
                targets.append(target.cells(top: spot.top, left: spot.left, on: grid))
            }
            var contexts: [[Int32]] = []
            for _ in 0..<options.contexts {
                var failures = 0
                while true {
                    let spot = try place(image, grid.rows - context.rows, grid.columns - context.columns)
                    let block = context.cells(top: spot.top, left: spot.left, on: grid)
                    let respected = max(0, targets.count - failures / Self.patience)
                    let kept =
                        options.allowOverlap ? block : uncovered(block, by: targets.prefix(respected), on: grid)
                    if kept.count > options.minKeep {
                        contexts.append(kept)
                        break
                    }
                    failures += 1
                }
            }
            drawn.targets.append(targets)
            drawn.contexts.append(contexts)
        }
        return drawn
    }

    /// Every context cut to the first cells, as many as the shortest has.
    public func cut(_ drawn: DrawnBlocks) -> BlockMask {
        let length = drawn.contextLength
        return drawn.mask(on: grid, contexts: drawn.contexts.map { $0.map { Array($0.prefix(length)) } })
    }
}
