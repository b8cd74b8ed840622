import Autodiff
public import ImageMasking
public import RecipeSchema

/// Whether attention scores get a learnt term for each offset between two patches.
public enum RelativePositionKind: String, RecipeEnum {
    /// No such term.
    case none
    /// A table in every block.
    case perBlock = "per_block"
    /// One table for all blocks.
    case shared
}

/// The tokens whose offsets a relative position table knows.
public struct RelativePositions: Sendable {
    /// Whether one table serves all blocks.
    public var isShared: Bool
    /// The grid of the patches.
    public var grid: PatchGrid
    /// Whether a class token stands in front of the patches.
    public var hasClassToken: Bool

    /// The tokens of a grid; nil where there is no such term.
    public init?(_ kind: RelativePositionKind, grid: PatchGrid, hasClassToken: Bool) {
        guard kind != .none else { return nil }
        isShared = kind == .shared
        self.grid = grid
        self.hasClassToken = hasClassToken
    }

    /// Rows of a table: (2·rows − 1)(2·columns − 1) offsets, and three for the class token.
    public var tableRows: Int { (2 * grid.rows - 1) * (2 * grid.columns - 1) + (hasClassToken ? 3 : 0) }

    /// Tokens of a picture.
    public var tokens: Int { grid.count + (hasClassToken ? 1 : 0) }

    /// The table's row for each pair of tokens, `[tokens, tokens]`, query by query (BEiT).
    ///
    /// For patches i and j: (yᵢ − yⱼ + rows − 1)(2·columns − 1) + (xᵢ − xⱼ + columns − 1). With n rows in the table, class token
    /// to patch is row n − 3, patch to class token n − 2, class token to itself n − 1.
    public var index: [Int32] {
        let rows = tableRows
        let first = hasClassToken ? 1 : 0
        var index: [Int32] = []
        index.reserveCapacity(tokens * tokens)
        for query in 0..<tokens {
            for key in 0..<tokens {
                switch (query < first, key < first) {
                case (true, true): index.append(Int32(rows - 1))
                case (true, false): index.append(Int32(rows - 3))
                case (false, true): index.append(Int32(rows - 2))
                case (false, false):
                    let (i, j) = (query - first, key - first)
                    let dy = i / grid.columns - j / grid.columns + grid.rows - 1
                    let dx = i % grid.columns - j % grid.columns + grid.columns - 1
                    index.append(Int32(dy * (2 * grid.columns - 1) + dx))
                }
            }
        }
        return index
    }
}

/// The parameter `relative_position_bias_table` `[table rows, heads]`, zero at first, and where its rows go.
struct RelativePositionBias: Sendable {
    private let positions: RelativePositions
    private let heads: Int
    private let table: ParameterID
    private let index: RowIndices

    init(below prefix: String, _ positions: RelativePositions, heads: Int, adding store: inout ParameterStore) {
        self.positions = positions
        self.heads = heads
        let shape: Shape = [positions.tableRows, heads]
        table = store.add(
            "\(prefix).relative_position_bias_table", shape, [Float](repeating: 0, count: shape.elementCount))
        index = RowIndices(positions.index, batch: 1, count: positions.tokens * positions.tokens)
    }

    /// What is added to the scores, `[heads, tokens, tokens]`.
    func callAsFunction(_ store: ParameterStore, on tape: inout Tape) -> Variable {
        let rows = tape.gatherRows(tape.parameter(table, of: store), index)
        return tape.transpose(rows).reshaped([heads, positions.tokens, positions.tokens])
    }
}
