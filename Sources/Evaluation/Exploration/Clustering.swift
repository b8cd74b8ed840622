package import Autodiff
package import RandomStreams

/// Clusters of a set of features brought to length 1, the largest first.
public struct Clustering: Sendable {
    /// A cluster.
    public struct Cluster: Sendable, Equatable {
        /// Its rows, the nearest to the centre first. The first is the medoid: no other member has a smaller sum of squared distances
        /// to all members.
        public var rows: [Int]
        /// The root of the mean squared distance to the centre.
        public var radius: Double
    }

    /// The clusters by falling size.
    public let clusters: [Cluster]
    /// The cluster of each row.
    public let assignment: [Int]
    /// The mean simplified silhouette of all rows; nil for one cluster.
    public let silhouette: Double?
    /// Numbers of clusters that were tried with their silhouettes; empty where the number was given.
    public let tried: [(clusters: Int, silhouette: Double)]

    /// Numbers of clusters that are tried where none is given.
    public static let grid = [2, 3, 4, 5, 6, 8, 10, 12, 15, 20]
    /// Most rows that the number is chosen on.
    public static let choosingRows = 5000

    /// Clusters `features` [n, width], n at least 2.
    ///
    /// Without a number, that of the grid (no more than a fifth of the rows, but at least 2) with the largest simplified silhouette is
    /// taken, the smaller of equal ones, on at most `choosingRows` rows drawn at random.
    package init(
        _ features: [Float], width: Int, clusters wanted: Int?, random: RandomStream, on engine: Engine,
        onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) {
        let rows = FeatureGeometry.unitRows(features.map { Double($0) }, width: width)
        let total = rows.count / width
        var tried: [(clusters: Int, silhouette: Double)] = []
        var chosen = wanted ?? 2
        if wanted == nil {
            var stream = random.child("rows")
            let order = total > Self.choosingRows ? stream.permutation(total).prefix(Self.choosingRows).sorted() : nil
            let some = order?.flatMap { rows[$0 * width..<($0 + 1) * width] } ?? rows
            let grid = Self.grid.filter { $0 <= max(2, some.count / width / 5) }
            for (place, number) in grid.enumerated() {
                let made = KMeans(some, width: width, clusters: number, random: random.child(number), on: engine)
                onProgress(place + 1, grid.count + 1)
                // Fewer different rows than clusters: the next numbers give the same.
                guard made.count == number, let silhouette = made.silhouette(some, on: engine) else { break }
                tried.append((number, silhouette))
            }
            chosen = tried.max { $0.silhouette < $1.silhouette }?.clusters ?? 1
        }
        let made = KMeans(
            rows, width: width, clusters: min(chosen, total), random: random.child(chosen), on: engine)
        let distances = made.squaredDistances(rows, on: engine)
        var members = [[Int]](repeating: [], count: made.count)
        for (row, cluster) in made.assignment.enumerated() { members[cluster].append(row) }
        let found = members.enumerated().filter { !$1.isEmpty }.map { cluster, rows -> Cluster in
            func distance(_ row: Int) -> Double { distances[row * made.count + cluster] }
            let mean = rows.reduce(0) { $0 + distance($1) } / Double(rows.count)
            let sorted = rows.sorted { (distance($0), $0) < (distance($1), $1) }
            return Cluster(rows: sorted, radius: mean.squareRoot())
        }
        clusters = found.sorted { ($1.rows.count, $0.rows[0]) < ($0.rows.count, $1.rows[0]) }
        var assignment = [Int](repeating: 0, count: total)
        for (cluster, members) in clusters.enumerated() { for row in members.rows { assignment[row] = cluster } }
        self.assignment = assignment
        silhouette = made.silhouette(rows, on: engine)
        self.tried = tried
    }
}
