public import RandomStreams
import RecipeSchema

/// Masks of coarse squares: a strategy runs on the grid of the squares, and what it gives is enlarged (SimMIM, Xie et al., arXiv
/// 2111.09886).
extension MaskingStrategy {
    /// The plan of a strategy on squares of `side` × `side` patches; importance is the mean over a square.
    ///
    /// Sides that do not tile the grid are a `MaskingError`, as is a strategy that hides no patches.
    public func plan(
        _ request: MaskRequest, unit side: Int, random: RandomStream
    ) throws(MaskingError) -> MaskPlan {
        guard side != 1 else { return try plan(request, random: random) }
        func refused(_ reason: String) -> MaskingError {
            .unsuited(strategy: Self.name, grid: request.grid, reason: reason)
        }
        guard [.patches, .blocks].contains(Self.kind) else {
            throw refused("it hides no patches, so they cannot be hidden in squares")
        }
        guard let units = request.grid.units(of: side) else {
            throw refused("squares of \(side) x \(side) patches do not tile it")
        }
        var coarse = request
        coarse.grid = units
        coarse.importance = request.importance.map { units.means(of: $0, over: request.grid, side: side) }
        return try plan(coarse, random: random).enlarged(side)
    }
}

extension PatchGrid {
    /// The grid whose squares of `side` × `side` patches are the patches of this one.
    func enlarged(_ side: Int) -> PatchGrid { PatchGrid(rows: rows * side, columns: columns * side) }

    /// The patches of a finer grid below a patch of this one, row by row.
    func patches(below unit: Int32, side: Int) -> [Int32] {
        let (row, column) = (Int(unit) / columns * side, Int(unit) % columns * side)
        return (0..<side * side).map { Int32((row + $0 / side) * columns * side + column + $0 % side) }
    }

    /// For each picture and each patch of this grid the mean of the scores below it.
    fileprivate func means(of scores: [Float], over fine: PatchGrid, side: Int) -> [Float] {
        stride(from: 0, to: scores.count, by: fine.count).flatMap { start in
            (0..<Int32(count)).map { unit in
                let sum = patches(below: unit, side: side).reduce(0.0) { $0 + Double(scores[start + Int($1)]) }
                return Float(sum / Double(side * side))
            }
        }
    }
}

extension MaskPlan {
    /// The plan on a grid whose patches are `side` times smaller each way: every patch becomes the square of those below it.
    public func enlarged(_ side: Int) -> MaskPlan {
        switch self {
        case .patches(let mask): .patches(mask.enlarged(side))
        case .blocks(let mask): .blocks(mask.enlarged(side))
        case .frequencies, .nothing: self
        }
    }
}

extension PatchMask {
    /// The mask with every patch enlarged: patches in the order of their squares, inside a square row by row.
    public func enlarged(_ side: Int) -> PatchMask {
        let orders = (0..<imageCount).map { image in
            order[image * grid.count..<(image + 1) * grid.count].flatMap { grid.patches(below: $0, side: side) }
        }
        let (visible, predicted) = (visibleCount * side * side, predictedCount * side * side)
        return PatchMask(grid: grid.enlarged(side), orders: orders, visibleCount: visible).predicting(predicted)
    }
}

extension BlockMask {
    /// The blocks with every cell enlarged.
    public func enlarged(_ side: Int) -> BlockMask {
        func enlarged(_ blocks: [[[Int32]]]) -> [[[Int32]]] {
            blocks.map { $0.map { $0.flatMap { grid.patches(below: $0, side: side) }.sorted() } }
        }
        func enlarged(_ size: BlockSize?) -> BlockSize? {
            size.map { BlockSize(rows: $0.rows * side, columns: $0.columns * side) }
        }
        var mask = BlockMask(grid: grid.enlarged(side), contexts: enlarged(contexts), targets: enlarged(targets))
        mask.contextBlock = enlarged(contextBlock)
        mask.targetBlock = enlarged(targetBlock)
        mask.fallbackCount = fallbackCount
        return mask
    }
}

/// What is predicted of the hidden patches, where that is a part of them.
public struct PredictedShare: Sendable, Equatable {
    /// Patches that are visible, K.
    public var visible: Int
    /// Hidden patches that are neither seen nor predicted, S.
    public var skipped: Int
    /// Hidden patches that are predicted, M.
    public var predicted: Int

    /// Of `count` patches a share `hidden` is hidden and a share `predicted` of all is predicted, in double precision and cut towards
    /// zero: K = ⌊count·(1 − hidden)⌋, S = ⌊count·(hidden − predicted)⌋, M what is left (CrossMAE, Fu et al., arXiv 2401.14391; its
    /// code).
    public init(of count: Int, hidden: Double, predicted share: Double) {
        visible = Int(Double(count) * (1 - hidden))
        skipped = max(0, Int(Double(count) * (hidden - share)))
        predicted = count - visible - skipped
    }
}
