import Evaluation
import Testing

@Suite struct NearestNeighboursTests {
    /// Sizes around the blocks of 256 queries and 1024 rows.
    @Test(arguments: [(1, 1, 1), (5, 3, 2), (1023, 17, 33), (1025, 255, 7), (2100, 257, 12)])
    func blocksFindWhatADirectSearchFinds(_ rows: Int, _ queries: Int, _ features: Int) {
        let train = Samples.floats(rows * features, seed: 1)
        let test = Samples.floats(queries * features, seed: 2)
        let found = NearestNeighbours(of: test, among: train, features: features, count: 13, on: Samples.engine)
        #expect(found.count == min(13, rows))
        for query in 0..<queries {
            let direct = (0..<rows).map { cosine(train, $0, test, query, features) }
            let order = (0..<rows).sorted { (-direct[$0], $0) < (-direct[$1], $1) }.prefix(found.count)
            let places = query * found.count..<(query + 1) * found.count
            if features > 1 { #expect(found.rows[places].map(Int.init) == [Int](order)) }
            for (place, row) in zip(places, order) { #expect(abs(found.similarities[place] - direct[row]) < 1e-14) }
        }
    }

    /// Products round by where a row lies in its block; equal rows must be equal all the same.
    @Test func equalRowsComeInTheirOrder() {
        let features = 37
        let row = Samples.floats(features, seed: 3)
        let other = Samples.floats(features, seed: 4)
        var train: [Float] = []
        for i in 0..<2500 { train += i % 7 == 3 ? row : other }
        let copies = [Int](0..<2500).filter { $0 % 7 == 3 }
        let found = NearestNeighbours(
            of: row.map { 2 * $0 }, among: train, features: features, count: 300, on: Samples.engine)
        #expect(found.rows.map(Int.init) == [Int](copies.prefix(300)))
        #expect(Set(found.similarities).count == 1)
    }

    @Test func aRowOfZerosIsLikeNothing() {
        let found = NearestNeighbours(
            of: [0, 0], among: [1, 0, 0, 0, -1, 0], features: 2, count: 3, on: Samples.engine)
        #expect(found.similarities == [0, 0, 0])
        #expect(found.rows == [0, 1, 2])
    }

    @Test func votesAreSharesWeightedBySimilarity() {
        let found = NearestNeighbours(
            of: [1, 0], among: [1, 0, 0, 1, 1, 0, -1, 0], features: 2, count: 4, on: Samples.engine)
        let votes = found.votes(k: 3, labels: [2, 0, 1, 0], classes: 3, temperature: nil)
        let third = 1.0 / 3
        #expect(votes == [third, third, third])
        let sharp = found.votes(k: 4, labels: [2, 0, 1, 0], classes: 3, temperature: 0.001)
        #expect(sharp == [0, 0.5, 0.5])
        #expect(Ranking.best(sharp, classes: 3) == [1])
    }

    private func cosine(_ a: [Float], _ i: Int, _ b: [Float], _ j: Int, _ features: Int) -> Double {
        var (product, first, second) = (0.0, 0.0, 0.0)
        for d in 0..<features {
            let (x, y) = (Double(a[i * features + d]), Double(b[j * features + d]))
            product += x * y
            first += x * x
            second += y * y
        }
        return product / (first.squareRoot() * second.squareRoot())
    }
}
