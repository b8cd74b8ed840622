/// Rows and columns of a rectangular block of patches.
public struct BlockSize: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Patches from top to bottom.
    public var rows: Int
    /// Patches from left to right.
    public var columns: Int

    /// A size.
    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    /// Number of patches.
    public var count: Int { rows * columns }

    /// Rows x columns.
    public var description: String { "\(rows)x\(columns)" }

    /// By rows, then by columns.
    public static func < (a: BlockSize, b: BlockSize) -> Bool { (a.rows, a.columns) < (b.rows, b.columns) }
}

/// For each image some contexts, which an encoder sees, and some targets, which are predicted from a context.
///
/// Cells are patch numbers in ascending order. All contexts of a batch have equally many cells, and so have all targets; a cell
/// may lie in several targets, in none, and, where the strategy allows it, in a context and a target at once.
public struct BlockMask: Sendable, Equatable {
    /// The grid that the numbers refer to.
    public let grid: PatchGrid
    /// `contexts[e][b]` are the cells of context e of image b, `[nE][B][Kc]`.
    public let contexts: [[[Int32]]]
    /// `targets[t][b]` are the cells of target t of image b, `[nP][B][Kt]`.
    public let targets: [[[Int32]]]
    /// The blocks that contexts were cut from, where they come from blocks.
    public var contextBlock: BlockSize?
    /// The blocks that the targets are.
    public var targetBlock: BlockSize?
    /// Images that got the strategy's last resort, since no draw suited them.
    public var fallbackCount = 0

    /// Images in the batch, B.
    public var imageCount: Int { contexts.first?.count ?? 0 }
    /// Cells of a context, Kc.
    public var contextLength: Int { contexts.first?.first?.count ?? 0 }
    /// Cells of a target, Kt.
    public var targetLength: Int { targets.first?.first?.count ?? 0 }

    /// A mask from the cells of every block, first by block, then by image.
    public init(grid: PatchGrid, contexts: [[[Int32]]], targets: [[[Int32]]]) {
        for (name, blocks) in [("contexts", contexts), ("targets", targets)] {
            let lengths = Set(blocks.flatMap { $0.map(\.count) })
            precondition(
                !blocks.isEmpty && lengths.count <= 1,
                "\(name) of one batch need equal lengths, got \(lengths.sorted())")
            precondition(
                blocks.allSatisfy { $0.count == contexts[0].count },
                "\(name) of \(blocks.map(\.count)) images for contexts of \(contexts[0].count)")
            for cells in blocks.joined() {
                let ascends = zip(cells, cells.dropFirst()).allSatisfy { $0 < $1 }
                precondition(
                    ascends && (cells.first ?? 0) >= 0 && (cells.last ?? 0) < Int32(grid.count),
                    "\(name) need ascending cells below \(grid.count), got \(cells)")
            }
        }
        self.grid = grid
        self.contexts = contexts
        self.targets = targets
    }

    /// True where a cell lies in a target of an image.
    public func isTarget(_ cell: Int, in image: Int) -> Bool {
        targets.contains { $0[image].contains(Int32(cell)) }
    }
}
