/// The grid of patches that an image is cut into; patches are numbered row by row.
public struct PatchGrid: Sendable, Hashable, CustomStringConvertible {
    /// Patches from top to bottom.
    public var rows: Int
    /// Patches from left to right.
    public var columns: Int

    /// A grid of at least one patch.
    public init(rows: Int, columns: Int) {
        precondition(rows >= 1 && columns >= 1, "a patch grid needs rows and columns ≥ 1, got \(rows) x \(columns)")
        self.rows = rows
        self.columns = columns
    }

    /// Number of patches.
    public var count: Int { rows * columns }

    /// Rows × columns.
    public var description: String { "\(rows)x\(columns)" }

    /// Patches that stay visible when `ratio` of them are hidden, by a rule of rounding.
    public func visibleCount(ratio: Double, _ rule: CountRule) -> Int {
        switch rule {
        case .visibleDown: visibleCount(ratio: ratio)
        case .hiddenUp: count - min(count, Int((Double(count) * ratio).rounded(.up)))
        }
    }

    /// Patches that stay visible when `ratio` of them are hidden: `count · (1 − ratio)` truncated, in double precision.
    ///
    /// The rounding of `1 − ratio` shows, as in the official code: 20 patches at 0.9 keep 1 (MAE, `random_masking`).
    public func visibleCount(ratio: Double) -> Int { Int(Double(count) * (1 - ratio)) }

    /// The grid of squares of `side` × `side` patches; nil where they do not tile this one.
    public func units(of side: Int) -> PatchGrid? {
        guard side >= 1, rows % side == 0, columns % side == 0 else { return nil }
        return PatchGrid(rows: rows / side, columns: columns / side)
    }
}

/// How a share of the patches becomes a number of them. The two differ by the rounding of a product alone: 25 patches at 0.28 are
/// 7 hidden by the first, 8 by the second, because 25 · 0.28 is 7.000000000000001.
public enum CountRule: Sendable {
    /// ⌊count · (1 − ratio)⌋ are visible (MAE).
    case visibleDown
    /// ⌈count · ratio⌉ are hidden (SimMIM).
    case hiddenUp
}
