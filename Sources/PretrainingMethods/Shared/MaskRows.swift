public import Autodiff
public import ImageMasking

extension PatchMask {
    /// The visible patches of each image, `[B, K]`.
    public var visibleRows: RowIndices {
        RowIndices((0..<imageCount).flatMap { visible($0) }, batch: imageCount, count: visibleCount)
    }

    /// The hidden patches of each image, `[B, L − K]`.
    public var hiddenRows: RowIndices {
        RowIndices((0..<imageCount).flatMap { hidden($0) }, batch: imageCount, count: grid.count - visibleCount)
    }

    /// The patches to be predicted of each image, in its order or ascending, `[B, M]`.
    public func predictedRows(ascending: Bool) -> RowIndices {
        RowIndices(
            (0..<imageCount).flatMap { ascending ? predicted($0).sorted() : Array(predicted($0)) }, batch: imageCount,
            count: predictedCount)
    }

    /// The same patches visible and hidden, both in raster order.
    public var inRasterOrder: PatchMask {
        PatchMask(
            grid: grid, hidden: (0..<imageCount).map { image in (0..<grid.count).map { isHidden($0, in: image) } })
    }

    /// The place of each patch in visible + hidden, `[B, L]`.
    public var restoreRows: RowIndices { RowIndices(restore, batch: imageCount, count: grid.count) }

    /// 1 for a patch that is not among `visible` of its image, 0 for one that is, `[B, L]`.
    func hiddenFlags(keeping visible: RowIndices) -> Tensor {
        var flags = [Float](repeating: 1, count: imageCount * grid.count)
        for image in 0..<imageCount { for patch in visible[image] { flags[image * grid.count + Int(patch)] = 0 } }
        return Tensor(flags, [imageCount, grid.count])
    }

    /// 1 for a hidden patch, 0 for a visible one, `[B, L]`.
    public var hiddenFlags: Tensor {
        Tensor(restore.map { $0 >= Int32(visibleCount) ? 1 : 0 }, [imageCount, grid.count])
    }
}
