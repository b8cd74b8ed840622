import Autodiff
import Evaluation
import RandomStreams
import Testing

/// Clusters of features.
struct ClusteringTests {
    private let random = RandomStream(seed: 5)

    private func squaredDistance(_ rows: [Double], _ a: Int, _ b: Int, width: Int) -> Double {
        var sum = 0.0
        for i in 0..<width {
            let difference = rows[a * width + i] - rows[b * width + i]
            sum += difference * difference
        }
        return sum
    }

    private func doubles(_ table: FeatureTable) -> [Double] { table.features.map { Double($0) } }

    @Test func clustersThatAreThereAreFound() throws {
        let table = Samples.table(count: 90, dimension: 7, classes: 3, spread: 12)
        let labels = try #require(table.labels)
        let made = KMeans(doubles(table), width: 7, clusters: 3, random: random, on: Samples.engine)
        for (row, other) in zip(0..<90, 1..<90) {
            #expect((labels[row] == labels[other]) == (made.assignment[row] == made.assignment[other]))
        }
        #expect(made.sizes == [30, 30, 30])
        // The inertia is the sum of squared distances to the means of the clusters.
        var inertia = 0.0
        for cluster in 0..<3 {
            let rows = (0..<90).filter { made.assignment[$0] == cluster }
            for i in 0..<7 {
                let values = rows.map { Double(table.features[$0 * 7 + i]) }
                let mean = values.reduce(0, +) / Double(values.count)
                inertia += values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            }
        }
        #expect(abs(made.inertia - inertia) < 1e-8 * inertia)
    }

    @Test func threadsChangeNothing() {
        let rows = doubles(Samples.table(count: 700, dimension: 9, classes: 5, spread: 1))
        let one = KMeans(rows, width: 9, clusters: 6, random: random, on: Samples.onThreads(1))
        let three = KMeans(rows, width: 9, clusters: 6, random: random, on: Samples.engine)
        #expect(one.centres == three.centres && one.assignment == three.assignment && one.inertia == three.inertia)
    }

    @Test func moreClustersThanDifferentRowsAreFewer() {
        let made = KMeans([0, 0, 1, 1, 0, 0], width: 2, clusters: 5, random: random, on: Samples.engine)
        #expect(made.count == 2 && made.inertia == 0 && made.assignment[0] == made.assignment[2])
        let constant = Clustering(
            [Float](repeating: 1, count: 20), width: 2, clusters: nil, random: random, on: Samples.engine)
        #expect(constant.clusters.count == 1 && constant.silhouette == nil && constant.tried.isEmpty)
        #expect(constant.clusters[0].rows == Array(0..<10))
    }

    @Test func theNumberWithTheLargestSilhouetteIsTaken() throws {
        // Directions that are far apart, so that the length of the rows says nothing.
        let table = Samples.table(count: 120, dimension: 12, classes: 4, spread: 9)
        let found = Clustering(
            table.features, width: 12, clusters: nil, random: random, on: Samples.engine)
        #expect(found.clusters.count == 4 && found.tried.map(\.clusters).starts(with: [2, 3, 4, 5]))
        #expect(found.tried.max { $0.silhouette < $1.silhouette }?.clusters == 4)
        let labels = try #require(table.labels)
        for cluster in found.clusters { #expect(Set(cluster.rows.map { labels[$0] }).count == 1) }
        let given = Clustering(table.features, width: 12, clusters: 7, random: random, on: Samples.engine)
        #expect(given.clusters.count == 7 && given.tried.isEmpty)
        #expect(zip(given.clusters, given.clusters.dropFirst()).allSatisfy { $0.rows.count >= $1.rows.count })
    }

    @Test func theSilhouetteIsThatOfItsDefinition() throws {
        let rows: [Double] = [0, 1, 10, 12]
        let made = KMeans(rows, width: 1, clusters: 2, random: random, on: Samples.engine)
        // Centres 0.5 and 11.
        let expected: Double = (10.5 / 11 + 9.5 / 10 + 8.5 / 9.5 + 10.5 / 11.5) / 4
        #expect(abs(try #require(made.silhouette(rows, on: Samples.engine)) - expected) < 1e-12)
    }

    @Test func aMedoidHasTheSmallestSumOfSquaredDistances() {
        let table = Samples.table(count: 60, dimension: 5, classes: 2, spread: 2)
        let unit = FeatureGeometry.unitRows(doubles(table), width: 5)
        let found = Clustering(table.features, width: 5, clusters: 3, random: random, on: Samples.engine)
        for cluster in found.clusters {
            func sum(_ row: Int) -> Double {
                var total = 0.0
                for other in cluster.rows { total += squaredDistance(unit, row, other, width: 5) }
                return total
            }
            let least = cluster.rows.map(sum).min() ?? 0
            #expect(abs(sum(cluster.rows[0]) - least) < 1e-9)
        }
    }
}
