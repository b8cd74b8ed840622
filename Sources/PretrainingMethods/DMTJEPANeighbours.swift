public import Autodiff
public import ImageMasking
public import RecipeSchema

/// What lies beyond the border of a grid for a window of neighbours.
public enum NeighbourBorder: String, RecipeEnum {
    /// Nothing: cells at the border have fewer neighbours.
    case clip
    /// The opposite side, as on a torus.
    case wrap
}

/// For every cell of a grid the cells around it, of which the most similar are chosen (DMT-JEPA, arXiv 2405.17995).
public struct NeighbourWindow: Sendable {
    /// The candidates of each cell, ascending, without the cell itself, `[N]` lists.
    public let candidates: [[Int32]]

    /// The cells at most `window` / 2 rows and columns away; where a side is shorter than the window, each counts once.
    public init(grid: PatchGrid, window: Int, border: NeighbourBorder) {
        let reach = window / 2
        candidates = (0..<grid.count).map { cell in
            let rows = Self.line(cell / grid.columns, reach, grid.rows, border)
            let columns = Self.line(cell % grid.columns, reach, grid.columns, border)
            return rows.flatMap { row in columns.map { Int32(row * grid.columns + $0) } }.filter { $0 != Int32(cell) }
        }
    }

    /// The places around one on an axis, ascending.
    private static func line(_ place: Int, _ reach: Int, _ count: Int, _ border: NeighbourBorder) -> [Int] {
        switch border {
        case .clip: Array(max(0, place - reach)...min(count - 1, place + reach))
        case .wrap: Set((place - reach...place + reach).map { (($0 % count) + count) % count }).sorted()
        }
    }

    /// The `count` candidates of each cell whose features have the highest cosine with the cell's own; of equal ones the lower
    /// cell. A cell with fewer candidates gets all it has.
    ///
    /// `features` is `[B, N, D]`; a row of zeros has cosine 0 with every other.
    public func mostSimilar(_ count: Int, in features: Tensor, engine: Engine) -> ChosenNeighbours {
        let (images, cells) = (features.shape[0], features.shape[1])
        var tape = Tape(engine: engine, recording: false)
        let unit = tape.normalizeRows(tape.constant(features), epsilon: 1e-12)
        let cosines = tape.matmul(unit, unit, transposeB: true).value
        var chosen: [[(cell: Int32, cosine: Float)]] = []
        chosen.reserveCapacity(images * cells)
        cosines.withUnsafeBuffer { cosines in
            for row in 0..<images * cells {
                let ranked = candidates[row % cells].map { (cell: $0, cosine: cosines[row * cells + Int($0)]) }
                    .sorted { ($1.cosine, $0.cell) < ($0.cosine, $1.cell) }
                chosen.append(Array(ranked.prefix(count)))
            }
        }
        return ChosenNeighbours(count: count, cells: cells, rows: chosen)
    }
}

/// The neighbours chosen for every cell of every image, in order of falling cosine.
public struct ChosenNeighbours: Sendable {
    /// Neighbours asked for.
    public let count: Int
    /// Cells of an image.
    public let cells: Int
    /// Neighbour and cosine, a list for each cell of each image, image by image.
    public let rows: [[(cell: Int32, cosine: Float)]]

    /// Images of the batch.
    public var images: Int { rows.count / cells }

    /// The chosen cells, `[B, N, count]`; −1 where a cell has fewer.
    public var ids: Tensor { table(missing: -1) { Float($0.cell) } }

    /// Their cosines, `[B, N, count]`; 0 where a cell has fewer.
    public var cosines: Tensor { table(missing: 0) { $0.cosine } }

    private func table(missing: Float, _ value: ((cell: Int32, cosine: Float)) -> Float) -> Tensor {
        let padded = rows.flatMap { row in
            row.map(value) + [Float](repeating: missing, count: count - row.count)
        }
        return Tensor(padded, [images, cells, count])
    }

    /// The mean cosine of the chosen neighbours; near 1 the features are smooth already, or collapsing.
    public var meanCosine: Double {
        let all = rows.joined().map { Double($0.cosine) }
        return all.reduce(0, +) / Double(max(1, all.count))
    }

    /// The rows, as image · cells + cell, that have a number of neighbours, by that number: how many a cell has depends on its
    /// place alone, and attention runs over equally many.
    var groups: [(neighbours: Int, rows: [Int])] {
        let numbers = Set(rows.map(\.count)).sorted()
        return numbers.map { number in (number, rows.indices.filter { rows[$0].count == number }) }
    }
}
