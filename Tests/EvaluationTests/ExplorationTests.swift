import Autodiff
import Evaluation
import RandomStreams
import RecipeSchema
import Testing

/// Neighbours, duplicates and unusual pictures of a set.
struct ExplorationTests {
    private let random = RandomStream(seed: 5)

    /// Rows of noise with names; some are copies of others.
    private func table(_ count: Int, copies: [Int: Int] = [:], shift: [Int: Float] = [:]) -> FeatureTable {
        let width = 6
        var features = Samples.floats(count * width, seed: 8)
        for (copy, original) in copies.sorted(by: { $0.key < $1.key }) {
            for i in 0..<width { features[copy * width + i] = features[original * width + i] }
            features[copy * width] += shift[copy] ?? 0
        }
        return FeatureTable(features: features, dimension: width, keys: (0..<count).map { "\($0).png" })
    }

    private func explore(
        _ table: FeatureTable, same: [Int: Int] = [:], threads: Int = 3,
        _ change: (inout Exploration.Options) -> Void = { _ in }
    ) throws -> Exploration {
        var options = Exploration.Options()
        change(&options)
        let digests = (0..<table.count).map { "\(same[$0] ?? $0)" }
        return try Exploration(table, digests: digests, options, random: random, on: Samples.onThreads(threads))
    }

    @Test func neighboursOfASetAreThoseOfADirectSearch() {
        let table = table(60)
        let unit = FeatureGeometry.unitRows(table.features.map { Double($0) }, width: 6)
        let found = SetNeighbours(table.features, width: 6, count: 5, on: Samples.engine)
        for row in 0..<60 {
            func cosine(_ other: Int) -> Double { (0..<6).reduce(0) { $0 + unit[row * 6 + $1] * unit[other * 6 + $1] } }
            let order = (0..<60).filter { $0 != row }.sorted { (-cosine($0), $0) < (-cosine($1), $1) }
            let neighbours = found.neighbours(of: row)
            #expect(neighbours.map(\.row) == Array(order.prefix(5)))
            let last = order[4]
            var distance = 0.0
            for i in 0..<6 {
                let difference = unit[row * 6 + i] - unit[last * 6 + i]
                distance += difference * difference
            }
            #expect(abs(found.farthestDistance(of: row) - distance.squareRoot()) < 1e-9)
        }
        let few = SetNeighbours(Array(table.features[..<12]), width: 6, count: 5, on: Samples.engine)
        #expect(few.count == 1 && few.neighbours(of: 0).map(\.row) == [1])
        #expect(SetNeighbours([1, 2], width: 2, count: 5, on: Samples.engine).neighbours(of: 0).isEmpty)
    }

    @Test func sameAndClosePicturesAreToldApart() throws {
        // 7 and 9 are 2 again; 11 is nearly 4; 12 has the features of 5 and is another picture.
        let table = table(40, copies: [7: 2, 9: 2, 11: 4, 12: 5], shift: [11: 0.001])
        let found = try explore(table, same: [7: 2, 9: 2])
        #expect(found.duplicates.same == [[2, 7, 9]] && found.duplicates.distinct.count == 38)
        #expect(found.duplicates.close.map { [$0.rows.0, $0.rows.1] } == [[5, 12], [4, 11]])
        #expect(
            found.duplicates.close[0].distance < 1e-7 && found.duplicates.close[1].distance < found.duplicates.limit)
        // Pictures that are the same are not each other's neighbours, and equally unusual.
        #expect(found.unusual[7].neighbourDistance == found.unusual[2].neighbourDistance)
        #expect(!found.mostUnusual.contains(7) && found.mostUnusual.count == 38)
        let strict = try explore(table, same: [7: 2, 9: 2]) { $0.closeness = 0 }
        #expect(strict.duplicates.close.isEmpty || strict.duplicates.close.allSatisfy { $0.distance == 0 })
    }

    @Test func theFarPictureIsTheMostUnusual() throws {
        var table = table(50)
        var features = table.features
        // All others point one way; this one the other.
        for row in 0..<50 { features[row * 6] = row == 33 ? -9 : 9 }
        table = FeatureTable(features: features, dimension: 6, keys: table.keys)
        let found = try explore(table)
        #expect(found.mostUnusual.first == 33)
        let gaussian = found.unusual.map { $0.gaussian ?? 0 }
        #expect(gaussian.max() == gaussian[33])
    }

    @Test func chosenQueriesAreShownAndRandomOnesAreTheSeeds() throws {
        let table = table(30)
        let chosen = try explore(table) {
            $0.queries = [4, 0]
            $0.shown = 3
        }
        #expect(chosen.queries.map(\.row) == [4, 0] && chosen.queries.allSatisfy { $0.neighbours.count == 3 })
        let drawn = try explore(table)
        #expect(drawn.queries.count == 8 && Set(drawn.queries.map(\.row)).count == 8)
        #expect(try explore(table, threads: 1).rows == drawn.rows)
    }

    @Test func rowsAreReadableWhateverTheFeaturesAre() throws {
        let tables = [
            table(3), table(40),
            FeatureTable(features: [Float](repeating: 0, count: 60), dimension: 6, keys: (0..<10).map { "\($0)" }),
            FeatureTable(features: [Float](repeating: 3, count: 60), dimension: 6, keys: (0..<10).map { "\($0)" }),
            FeatureTable(
                features: Samples.floats(60, seed: 1).map { 1e30 * $0 }, dimension: 6, labels: (0..<10).map { $0 % 2 },
                classNames: ["a", "b"],
                keys: (0..<10).map { "\($0)" }),
        ]
        for table in tables {
            let found = try explore(table)
            for row in found.rows { #expect(try JSONParser.parse(row.text()) == row) }
            let kinds = Set(found.rows.compactMap { $0["kind"]?.string })
            #expect(
                kinds.isSuperset(of: [
                    "neighbours", "duplicates", "clusters", "cluster", "unusual", "spectrum", "picture",
                ]))
            #expect(found.rows.count { $0["kind"]?.string == "picture" } == table.count && !found.text.isEmpty)
        }
        #expect(throws: EvaluationError.self) { try explore(table(2)) }
    }

    @Test func patchesHaveOneBasisForAllPictures() throws {
        // Two kinds of patches, in two pictures: each kind has one colour.
        let tokens: [Float] = (0..<16).flatMap { $0 % 3 == 0 ? [5, 1, 0] : [-1, 0, 2] as [Float] }
        let colours = try #require(PatchColours(tokens, width: 3)).colours
        for patch in 0..<16 {
            #expect(colours[3 * patch] == colours[patch % 3 == 0 ? 0 : 3])
            #expect((0...1).contains(colours[3 * patch + 1]))
        }
        #expect(colours[0] != colours[3] && PatchColours([1, 2, 3], width: 3) == nil)
        #expect(PatchColours([Float](repeating: 2, count: 12), width: 3)?.colours.allSatisfy { $0 == 0.5 } == true)
    }

    @Test func figuresHaveSixDigits() {
        #expect((1.0 / 3).rounded(digits: 6) == 0.333333 && 123_456_789.0.rounded(digits: 6) == 123_457_000)
        #expect(JSONValue(figure: .nan).isNull && JSONValue(figure: nil).isNull && JSONValue(figure: 0).text() == "0")
    }
}
