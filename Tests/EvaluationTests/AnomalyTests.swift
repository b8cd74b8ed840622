import Autodiff
import Evaluation
import ImageData
import ImageMasking
import RandomStreams
import RecipeSchema
import Testing
import VisionTransformers

/// Scores of how unlike normal pictures others are.
struct AnomalyTests {
    @Test func thresholdsLetThroughWhatTheRateSays() {
        let scores = (1...99).map { Double($0) }
        #expect(AnomalyThreshold(scores, falseAlarms: 0.05).value == 95)
        #expect(AnomalyThreshold(scores, falseAlarms: 0.5).value == 50)
        #expect(AnomalyThreshold(scores, falseAlarms: 0.01).value == 99 && AnomalyThreshold.fewest(for: 0.01) == 99)
        #expect(AnomalyThreshold(Array(scores.dropLast()), falseAlarms: 0.01).value == nil)
        #expect(AnomalyThreshold([], falseAlarms: 0.5).value == nil && AnomalyThreshold.fewest(for: 0.05) == 19)
        let threshold = AnomalyThreshold([3], falseAlarms: 0.5)
        #expect(threshold.isAlarm(3) == false && threshold.isAlarm(3.1) == true)
        #expect(AnomalyThreshold.fewest(for: 1e-300) > 1_000_000)
    }

    @Test func intervalsHoldTheFigureAndVanishWhereNothingIsLeftToChance() throws {
        let flags = (0..<60).map { $0 % 3 == 0 }
        var stream = RandomStream(seed: 1)
        let noisy = flags.map { ($0 ? 1.0 : 0) + stream.normal() }
        func estimate(_ scores: [Double], threads: Int) -> DetectionEstimate? {
            DetectionEstimate(scores, anomalous: flags, random: RandomStream(seed: 2), on: Samples.onThreads(threads))
        }
        let found = try #require(estimate(noisy, threads: 1))
        let other = try #require(estimate(noisy, threads: 3))
        #expect(found.areaUnderCurve == other.areaUnderCurve && found.falseAlarms == other.falseAlarms)
        let area = found.detection.areaUnderCurve
        #expect(found.areaUnderCurve.low < area && area < found.areaUnderCurve.high)
        #expect(found.averagePrecision.low < found.detection.averagePrecision)
        let sure = try #require(estimate(flags.map { $0 ? 1 : 0 }, threads: 1))
        #expect(sure.areaUnderCurve == (1, 1) && sure.averagePrecision == (1, 1) && sure.falseAlarms == (0, 0))
        #expect(
            DetectionEstimate([1, 2], anomalous: [true, true], random: RandomStream(seed: 2), on: Samples.engine) == nil
        )
    }

    @Test func theMemoryIsSpreadAndItsDistancesAreThoseOfADirectSearch() {
        let (width, count) = (11, 600)
        let candidates = Samples.floats(count * width, seed: 3)
        func memory(_ size: Int, threads: Int = 3) -> PatchMemory {
            PatchMemory(
                choosing: size, of: candidates, width: width, random: RandomStream(seed: 4),
                on: Samples.onThreads(threads))
        }
        let made = memory(40)
        #expect(made.count == 40 && made.tokens == memory(40, threads: 1).tokens)
        func nearest(_ row: [Float], _ tokens: [Float]) -> Double {
            var least = Double.infinity
            for start in stride(from: 0, to: tokens.count, by: width) {
                var sum = 0.0
                for column in 0..<width {
                    let difference: Float = row[column] - tokens[start + column]
                    sum += Double(difference * difference)
                }
                least = min(least, sum.squareRoot())
            }
            return least
        }
        let queries = Samples.floats(300 * width, seed: 5)
        for (row, distance) in made.distances(queries, on: Samples.engine).enumerated() {
            #expect(abs(distance - nearest(Array(queries[row * width..<(row + 1) * width]), made.tokens)) < 1e-5)
        }
        // More of it covers more, and all of it everything.
        func radius(_ memory: PatchMemory) -> Double { memory.distances(candidates, on: Samples.engine).max() ?? 0 }
        #expect(radius(memory(80)) < radius(made) && radius(memory(1000)) == 0 && memory(1000).count == count)
        let equal = PatchMemory(
            choosing: 9, of: [Float](repeating: 1, count: 30), width: 3, random: RandomStream(seed: 4),
            on: Samples.engine)
        #expect(equal.count == 1)
    }

    @Test func patchesAreAveragedWithTheirNeighbours() {
        let tokens: [Float] = (0..<12).flatMap { [Float($0), -Float($0)] }
        let found = PatchMemory.averaged(tokens, rows: 2, columns: 3, width: 2, reach: 1, on: Samples.engine)
        // The first picture: corners have four cells, the middle column all six.
        #expect(found[0] == (0 + 1 + 3 + 4) / 4 && abs(found[2] - 2.5) < 1e-6 && abs(found[3] + 2.5) < 1e-6)
        #expect(found[12] == found[0] + 6)
        #expect(PatchMemory.averaged(tokens, rows: 2, columns: 3, width: 2, reach: 0, on: Samples.engine) == tokens)
    }

    /// Faint gray noise; of every `odd`-th picture one corner is bright.
    private struct Pictures: ImageSource {
        var count: Int
        var odd = 0
        var first = 0
        var copied = false
        var labelNames: [String]? { ["good", "bright"] }
        var fingerprint: String { "\(count) \(odd)" }
        func image(_ index: Int) throws(ImageError) -> DecodedImage {
            var stream = RandomStream(seed: 9).child(copied ? 0 : first + index)
            var samples = (0..<256).map { _ in UInt8(100 + stream.integer(below: 4)) }
            if label(index) == 1 { for y in 0..<4 { for x in 0..<4 { samples[(12 + y) * 16 + x] = 255 } } }
            return DecodedImage(height: 16, width: 16, channels: 1, samples: .uint8(samples))
        }
        func label(_ index: Int) -> Int? { odd > 0 && index % odd == 0 ? 1 : 0 }
        func key(_ index: Int) -> String { "\(index)" }
    }

    private func study(
        _ normal: Pictures, _ test: Pictures, normalClass: Int? = 0, threads: Int = 3,
        _ change: (inout AnomalyStudy.Options) -> Void = { _ in }
    ) throws -> AnomalyStudy {
        var options = EncoderOptions()
        options.patchSize = 4
        options.width = 8
        options.depth = 3
        options.heads = 2
        options.channels = 1
        var store = ParameterStore()
        let encoder = Encoder(
            options, grid: PatchGrid(rows: 4, columns: 4), adding: &store, random: RandomStream(seed: 1))
        let transform = EvaluationTransform(
            shape: (1, 16, 16), normalization: Normalization(mean: [0.5], deviation: [0.25]))
        var wanted = AnomalyStudy.Options()
        change(&wanted)
        return try AnomalyStudy(
            .init(encoder, store, transform), normal: normal, test: test, normalClass: normalClass, wanted,
            policy: .strict,
            random: RandomStream(seed: 6), on: Samples.onThreads(threads))
    }

    @Test func brightCornersAreFoundWhereTheyAre() throws {
        let found = try study(Pictures(count: 120), Pictures(count: 60, odd: 3, first: 1000))
        #expect(found.fitted.count == 96 && found.heldOut.count == 24 && found.anomalous?.count { $0 } == 20)
        let patches = try #require(found.result(.patches))
        #expect(patches.estimate?.detection.areaUnderCurve == 1 && (patches.alarms ?? 0) >= 20)
        #expect(found.results.map(\.detector) == AnomalyDetector.allCases && found.singular.isEmpty)
        for result in found.results { #expect(result.estimate != nil && result.threshold.value != nil) }
        // The patch in the corner is the worst of its map, and the worst pictures are the bright ones.
        #expect(found.byPatches.prefix(20).allSatisfy { found.anomalous?[$0] == true })
        let map = found.map(of: found.byPatches[0])
        #expect(map.count == 16 && [8, 9, 12, 13].contains(map.firstIndex(of: map.max() ?? 0)))
        for row in found.rows(maps: [3: "map-001.png"]) { #expect(try JSONParser.parse(row.text()) == row) }
        #expect(found.text().contains("AUROC") && found.known == 0 && found.repeated == 0)
    }

    @Test func neitherThreadsNorTestLabelsReachAScore() throws {
        let (normal, test) = (Pictures(count: 60), Pictures(count: 24, odd: 4, first: 1000))
        let one = try study(normal, test, threads: 1) { $0.layers = [1, 3] }
        let three = try study(normal, test) { $0.layers = [3, 1] }
        #expect(one.rows() == three.rows() && one.maps == three.maps && one.fitted.dimension == 16)
        let blind = try study(normal, test, normalClass: nil) { $0.layers = [1, 3] }
        #expect(blind.anomalous == nil && blind.results.allSatisfy { $0.estimate == nil })
        #expect(blind.results.map(\.scores) == one.results.map(\.scores))
        // Several blocks: the mean of the distances of each.
        let parts = try [1, 3].map { layer in try study(normal, test) { $0.layers = [layer] } }
        for detector in [AnomalyDetector.gaussian, .neighbour] {
            let scores = try parts.map { try #require($0.result(detector)).scores }
            let both = try #require(one.result(detector)).scores
            for row in both.indices {
                #expect(abs(both[row] - (scores[0][row] + scores[1][row]) / 2) < 1e-9 * both[row])
            }
        }
    }

    @Test func picturesThatAreKnownAreCounted() throws {
        let same = Pictures(count: 30, copied: true)
        let found = try study(same, Pictures(count: 12, odd: 3, copied: true))
        // All normal pictures are one: nothing varies, nothing fresh is held out, and no threshold can be.
        #expect(found.repeated > 0 && found.heldOut.count == 0 && found.known == 8)
        #expect(found.singular == [.gaussian, .gaussianPCA, .gaussianNPCA])
        #expect(found.results.allSatisfy { $0.threshold.value == nil && $0.alarms == nil })
        #expect(found.text().contains("–") && found.usualDistance == 0)
        #expect(throws: EvaluationError.self) { try study(Pictures(count: 9), Pictures(count: 5)) }
        #expect(throws: EvaluationError.self) { try study(Pictures(count: 20), Pictures(count: 5)) { $0.layers = [4] } }
    }

    @Test func enoughNormalPicturesAreHeldOut() {
        var options = AnomalyStudy.Options()
        func held(_ count: Int) -> Int { AnomalyStudy.heldOut(of: count, options) }
        #expect([held(10), held(30), held(80), held(1000)] == [5, 15, 19, 200])
        options.heldOut = 0.99
        #expect(held(10) == 8)
        options.heldOut = 1e-9
        #expect(held(10) == 1)
    }
}
