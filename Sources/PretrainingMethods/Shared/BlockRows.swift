import Autodiff
import ImageMasking

/// Rows of a batch of contexts and targets. Contexts come context by context, in each image by image; pairs of a target and a
/// context target by target, then context, then image: row (t·nE + e)·B + b.
extension BlockMask {
    /// Cells of every context, `[nE·B, Kc]`.
    var contextRows: RowIndices { RowIndices(contexts.flatMap { $0 }) }

    /// Cells of every target once for each context, `[nP·nE·B, Kt]`.
    ///
    /// With a `stride`, cell n of image b is b·stride + n: a row of all images' cells.
    func pairRows(stride: Int = 0) -> RowIndices {
        RowIndices(
            targets.flatMap { target in
                let rows = target.enumerated().map { image, cells in cells.map { $0 + Int32(image * stride) } }
                return contexts.flatMap { _ in rows }
            })
    }
}
