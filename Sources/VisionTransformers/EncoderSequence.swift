public import Autodiff

/// Which tokens of patches stand in an encoder's sequence. Class token and registers, where the encoder has them, stand in front
/// in any case.
public enum EncoderSequence {
    /// Every patch, in raster order.
    case all
    /// These patches `[B, K]` alone, in this order: what is hidden never enters (MAE, arXiv 2111.06377).
    case visible(RowIndices)
    /// A place for every patch, in raster order: `visible` `[B, K]` are embedded, the others get `token` `[D]` before positions
    /// are added (SimMIM, arXiv 2111.09886). `restore` `[B, L]` gives each patch its place in visible + hidden.
    case filled(visible: RowIndices, restore: RowIndices, token: Variable)

    /// The patches whose pixels are read; nil: all.
    var seen: RowIndices? {
        switch self {
        case .all: nil
        case .visible(let rows), .filled(let rows, _, _): rows
        }
    }

    /// Whether every patch has a token, in raster order.
    var hasEveryPatch: Bool {
        switch self {
        case .all, .filled: true
        case .visible: false
        }
    }
}
