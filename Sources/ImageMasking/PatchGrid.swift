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

    /// Patches that stay visible when `ratio` of them are hidden: `count · (1 − ratio)` truncated, in double precision.
    ///
    /// The rounding of `1 − ratio` shows, as in the official code: 20 patches at 0.9 keep 1 (MAE, `random_masking`).
    public func visibleCount(ratio: Double) -> Int { Int(Double(count) * (1 - ratio)) }
}
