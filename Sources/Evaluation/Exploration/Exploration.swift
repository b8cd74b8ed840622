package import Autodiff
package import RandomStreams

/// What a set of pictures looks like to an encoder, without labels: neighbours, pictures that are there twice, clusters, unusual
/// pictures, and how many directions the features use.
public struct Exploration: Sendable {
    /// What is asked for.
    public struct Options: Sendable {
        /// Rows whose neighbours are shown; nil draws `shown` of them.
        public var queries: [Int]?
        /// Pictures shown of each kind, and neighbours of a query.
        public var shown = 8
        /// Clusters; nil has their number chosen.
        public var clusters: Int?
        /// What is close, as a share of the median distance to the tenth neighbour.
        public var closeness = Duplicates.usualCloseness

        /// What is usual.
        public init() {}
    }

    /// A picture and those that are most like it.
    public struct Query: Sendable {
        /// Its row.
        public var row: Int
        /// Others, the nearest first, with the cosine of the features.
        public var neighbours: [(row: Int, similarity: Double)]
    }

    /// How unusual a picture is.
    public struct Unusual: Sendable {
        /// The distance to the tenth nearest of the pictures that differ from it (the farthest where there are fewer), features
        /// brought to length 1 (Sun et al., arXiv 2204.06507). Pictures that are the same have the same.
        public var neighbourDistance: Double
        /// The Mahalanobis distance to one Gaussian of all features (Rippel et al., arXiv 2005.14140); nil where they do not vary.
        public var gaussian: Double?
    }

    /// The features.
    public let table: FeatureTable
    /// What was asked for.
    public let options: Options
    /// Pictures and their neighbours.
    public let queries: [Query]
    /// Pictures that are there twice.
    public let duplicates: Duplicates
    /// Clusters.
    public let clustering: Clustering
    /// How unusual each row is.
    public let unusual: [Unusual]
    /// Rows by falling distance to the tenth neighbour, the first row of each group of equal pictures.
    public let mostUnusual: [Int]
    /// Directions of the features.
    public let spectrum: FeatureSpectrum

    /// Fewest pictures that can be explored.
    public static let fewest = 3
    /// Most pictures: their neighbours are found by comparing each with each.
    public static let most = 200_000

    /// Throws where so many pictures cannot be explored; known before their features are.
    package static func require(_ pictures: Int, dimension: Int, memoryLimit: Int) throws(EvaluationError) {
        guard (fewest...most).contains(pictures) else {
            throw EvaluationError(
                "\(pictures) pictures cannot be explored; from \(fewest) to \(most) can: "
                    + (pictures < fewest ? "give more" : "name a folder with a part of them"))
        }
        // Features in double precision: as they are, of length 1, centred, and squared.
        let bytes = 5 * 8 * Double(pictures) * Double(dimension)
        guard bytes > Double(memoryLimit) else { return }
        let wanted = (bytes / 0x1p30 * 10).rounded() / 10
        let limit = (Double(memoryLimit) / 0x1p30 * 10).rounded() / 10
        throw EvaluationError(
            "exploring \(pictures) pictures with \(dimension) features each takes \(wanted) GiB of memory, and this machine has "
                + "\(limit) GiB; name a folder with a part of them")
    }

    /// Explores a table; `digests` tells pictures that are the same.
    package init(
        _ table: FeatureTable, digests: [String], _ options: Options, random: RandomStream, on engine: Engine,
        onProgress: (_ what: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }
    ) throws(EvaluationError) {
        precondition(digests.count == table.count, "\(digests.count) digests for \(table.count) pictures")
        try Self.require(table.count, dimension: table.dimension, memoryLimit: engine.memoryLimit)
        let width = table.dimension
        self.table = table
        self.options = options
        let (same, distinct) = Duplicates.grouped(digests)
        let apart = table.rows(distinct)
        let near = SetNeighbours(
            apart.features, width: width, count: max(Duplicates.neighbours, options.shown), on: engine,
            onProgress: { onProgress("neighbours of pictures", $0, distinct.count) })
        let tenth = min(Duplicates.neighbours, near.count)
        duplicates = Duplicates(same: same, distinct: distinct, neighbours: near, closeness: options.closeness)
        clustering = Clustering(
            table.features, width: width, clusters: options.clusters, random: random.child("clusters"), on: engine,
            onProgress: { onProgress("numbers of clusters", $0, $1) })

        let values = table.features.map { Double($0) }
        let gaussian = GaussianAnomaly(values, rows: table.count, width: width)?.distances(values)
        var place = [String: Int](minimumCapacity: distinct.count)
        for (number, row) in distinct.enumerated() { place[digests[row]] = number }
        let distances = distinct.indices.map { number in
            tenth > 0 ? near.neighbours(of: number)[tenth - 1].distance : 0
        }
        unusual = table.keys.indices.map { row in
            Unusual(neighbourDistance: place[digests[row]].map { distances[$0] } ?? 0, gaussian: gaussian?[row])
        }
        let figures = unusual
        mostUnusual = distinct.sorted {
            (-figures[$0].neighbourDistance, $0) < (-figures[$1].neighbourDistance, $1)
        }
        spectrum = FeatureSpectrum(values, rows: table.count, width: width)

        var stream = random.child("queries")
        let asked = options.queries ?? stream.permutation(distinct.count).prefix(options.shown).map { distinct[$0] }
        queries = asked.map { row in
            let found = place[digests[row]].map { near.neighbours(of: $0) } ?? []
            return Query(row: row, neighbours: found.prefix(options.shown).map { (distinct[$0.row], $0.similarity) })
        }
    }
}
