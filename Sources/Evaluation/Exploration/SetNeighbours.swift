package import Autodiff

/// The nearest others of each row of a set, by the cosine of their features.
package struct SetNeighbours: Sendable {
    /// Neighbours of each row.
    package let count: Int
    private let rows: [Int32]
    private let similarities: [Double]

    /// A neighbour.
    package struct Neighbour: Sendable, Equatable {
        /// Its row.
        package var row: Int
        /// The cosine of both features.
        package var similarity: Double
        /// The distance of both features brought to length 1.
        package var distance: Double { max(0, 2 - 2 * similarity).squareRoot() }
    }

    /// Finds the `count` nearest of each of the rows of `features`, itself not among them; fewer where there are fewer.
    /// `onProgress` is told how many rows are done.
    package init(
        _ features: [Float], width: Int, count wanted: Int, on engine: Engine, onProgress: (Int) -> Void = { _ in }
    ) {
        let total = features.count / width
        let count = max(0, min(wanted, total - 1))
        var rows: [Int32] = []
        var similarities: [Double] = []
        rows.reserveCapacity(total * count)
        similarities.reserveCapacity(total * count)
        for start in stride(from: 0, to: total, by: Self.block) {
            let end = min(total, start + Self.block)
            let found = NearestNeighbours(
                of: Array(features[start * width..<end * width]), among: features, features: width, count: count + 1,
                on: engine)
            for row in start..<end {
                let places = (row - start) * found.count..<(row - start + 1) * found.count
                // Where many are equal, the row itself may not be among those that are found.
                let others = places.filter { Int(found.rows[$0]) != row }.prefix(count)
                rows += others.map { found.rows[$0] }
                similarities += others.map { found.similarities[$0] }
            }
            onProgress(end)
        }
        self.count = count
        self.rows = rows
        self.similarities = similarities
    }

    /// Rows whose neighbours are looked for at once.
    private static let block = 4096

    /// The neighbours of a row, the nearest first.
    package func neighbours(of row: Int) -> [Neighbour] {
        (row * count..<(row + 1) * count).map { Neighbour(row: Int(rows[$0]), similarity: similarities[$0]) }
    }

    /// The distance of a row to the last of its neighbours; 0 where it has none.
    package func farthestDistance(of row: Int) -> Double { neighbours(of: row).last?.distance ?? 0 }
}
