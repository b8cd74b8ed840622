/// Pictures of a set that are there more than once: the same numbers, or features so near that they are hardly two pictures.
public struct Duplicates: Sendable, Equatable {
    /// Two pictures that lie close.
    public struct Pair: Sendable, Equatable {
        /// Their rows, the first the smaller.
        public var rows: (Int, Int)
        /// The distance of their features brought to length 1.
        public var distance: Double

        /// Equal rows at an equal distance.
        public static func == (a: Pair, b: Pair) -> Bool { a.rows == b.rows && a.distance == b.distance }
    }

    /// Rows of pictures that are the same number by number, two or more a group, groups in the order of their first rows.
    public let same: [[Int]]
    /// A row for each picture that differs from all others, rising: of those that are the same, the first.
    public let distinct: [Int]
    /// Distinct pictures that lie close, the closest first.
    public let close: [Pair]
    /// The largest distance that is close.
    public let limit: Double

    /// Neighbours that are looked at.
    package static let neighbours = 10
    /// What is close where nothing else is asked for, as a share of the distance to the tenth neighbour.
    public static let usualCloseness = 0.1

    /// The rows of equal digests in groups, and one row of each.
    package static func grouped(_ digests: [String]) -> (same: [[Int]], distinct: [Int]) {
        var groups: [String: [Int]] = [:]
        for (row, digest) in digests.enumerated() { groups[digest, default: []].append(row) }
        let sorted = groups.values.sorted { $0[0] < $1[0] }
        return (sorted.filter { $0.count > 1 }, sorted.map { $0[0] })
    }

    /// - Parameters:
    ///   - neighbours: The ten nearest of each distinct picture among the distinct ones, in the order of `distinct`.
    ///   - closeness: Close is what is no farther than this share of the median, over pictures, of the distance to the tenth
    ///     neighbour: a length of the set's own, so that the rule means the same where all features are alike.
    package init(same: [[Int]], distinct: [Int], neighbours: SetNeighbours, closeness: Double) {
        self.same = same
        self.distinct = distinct
        let farthest = distinct.indices.map { neighbours.farthestDistance(of: $0) }
        limit = farthest.isEmpty ? 0 : closeness * Uncertainty.quantile(farthest, 0.5)
        var pairs: [Pair] = []
        for place in distinct.indices {
            for neighbour in neighbours.neighbours(of: place) where neighbour.distance <= limit {
                // A pair that both find stands once; one that only the later finds stands all the same.
                let isFoundBefore =
                    neighbour.row < place && neighbours.neighbours(of: neighbour.row).contains { $0.row == place }
                guard !isFoundBefore else { continue }
                let rows = (distinct[place], distinct[neighbour.row])
                pairs.append(Pair(rows: (min(rows.0, rows.1), max(rows.0, rows.1)), distance: neighbour.distance))
            }
        }
        close = pairs.sorted { ($0.distance, $0.rows.0, $0.rows.1) < ($1.distance, $1.rows.0, $1.rows.1) }
    }
}
