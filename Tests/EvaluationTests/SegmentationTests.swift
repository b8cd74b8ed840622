import Autodiff
import Evaluation
import ImageData
import ImageMasking
import RandomStreams
import RecipeSchema
import Testing
import VisionTransformers

/// Gray pictures of 16 x 16 pixels with regions of a brightness each: the left `split` columns are of class 0, the rest of the class of
/// the picture.
private struct Regions: ImageSource {
    var count: Int
    /// Numbers of the classes on the right.
    var classes: [UInt16] = [1, 2]
    /// Says other numbers than the picture shows.
    var relabel: @Sendable (Int, UInt16) -> UInt16 = { $1 }
    /// Gives each pixel a number of its own.
    var isInstances = false
    /// Pictures whose maps have another size.
    var strangers: Set<Int> = []
    /// Pictures that cannot be read.
    var unreadable: Set<Int> = []

    var labelNames: [String]? { nil }
    var fingerprint: String { "regions" }
    var hasLabelMaps: Bool { true }
    func label(_ index: Int) -> Int? { nil }
    func key(_ index: Int) -> String { "picture \(index)" }

    private func number(_ index: Int, _ column: Int) -> UInt16 {
        column < 6 + index % 3 ? 0 : classes[index % classes.count]
    }

    func image(_ index: Int) throws(ImageError) -> DecodedImage {
        if unreadable.contains(index) { throw ImageError(.corrupt, path: key(index), "made so") }
        let bytes = (0..<256).map { pixel in
            UInt8(20 + 70 * Int(number(index, pixel % 16)) % 210 + (pixel * 7 + index * 5) % 20)
        }
        return DecodedImage(height: 16, width: 16, channels: 1, samples: .uint8(bytes))
    }

    func labelMap(_ index: Int) throws(ImageError) -> LabelMap {
        let side = strangers.contains(index) ? 15 : 16
        if isInstances {
            return LabelMap(height: 16, width: 16, classes: (0..<256).map { UInt16(1000 + index * 256 + $0) })
        }
        return LabelMap(
            height: 16, width: side, classes: (0..<16 * side).map { relabel(index, number(index, $0 % side)) })
    }
}

/// Protocols of label maps, and what they are made of.
struct SegmentationTests {
    static let names = ProbeCatalogue.all.filter { $0.init().needs == .labelMaps }.map { $0.name }

    private static let transform = EvaluationTransform(
        shape: (1, 16, 16), normalization: Normalization(mean: [0.5], deviation: [0.25]))

    private func subject(
        train: Regions = Regions(count: 40), test: Regions = Regions(count: 20), threads: Int = 2,
        policy: EvaluationLoader.Policy = .strict
    ) -> ProbeSubject {
        let engine = Samples.onThreads(threads)
        let subject = ProbeSubject(nil, train: train, test: test, on: engine) { _, _ in
            throw EvaluationError("nobody asked for a table")
        }
        subject.patches = PatchFeatures(pixelsOf: Self.transform, patchSize: 2, engine: engine)
        subject.policy = policy
        return subject
    }

    private func score(_ name: String, _ subject: ProbeSubject, _ options: String...) throws -> ProbeScore {
        let scores = try ProbeCatalogue.named(name, set: options.map { "\(name).\($0)" })
            .scores(subject, random: RandomStream(seed: 3))
        #expect(scores.count == 1 && scores[0].name == name)
        return scores[0]
    }

    @Test(arguments: names) func regionsOfABrightnessAreFound(_ name: String) throws {
        let score = try score(name, subject())
        let regions = try #require(score.regions)
        #expect(regions.mean > 0.85 && score.accuracy == regions.mean, "\(regions.intersectionOverUnion)")
        #expect(
            regions.names == ["0", "1", "2"] && regions.pixels == 20 * 256 && score.test == 20 && score.train == 40)
        #expect(score.interval.contains(score.accuracy))
        let row = score.row(features: "raw-pixels")
        #expect(row["mean_iou"]?.double == regions.mean && row["accuracy"] == nil)
        #expect(row["iou"]?["1"]?.double != nil && row["chosen"]?["patches"]?.int == 40 * 64)
        #expect(row["interval_kind"]?.string == "bootstrap over pictures 95 %")
    }

    @Test(arguments: names) func neitherThreadsNorTestMapsReachAChoice(_ name: String) throws {
        let one = try score(name, subject(threads: 1), "patches=500")
        #expect(try score(name, subject(threads: 3), "patches=500") == one)
        let swapped = Regions(count: 20, relabel: { $1 == 0 ? 0 : 3 - $1 })
        let other = try score(name, subject(test: swapped), "patches=500")
        func choice(_ score: ProbeScore) -> [String: String] {
            var members: [String: String] = [:]
            for member in score.chosen.members ?? [] where member.name != "notes" {
                members[member.name] = member.value.text()
            }
            return members
        }
        #expect(choice(one) == choice(other) && other.accuracy < one.accuracy - 0.3)
        #expect(
            one.chosen["patches"]?.int == 500 && one.chosen["selected_on"]?.string == "held-out tenth of the pictures")
    }

    @Test(arguments: names) func figureAndGroundAreTwoClasses(_ name: String) throws {
        let regions = try #require(try score(name, subject(), "figure=true").regions)
        #expect(regions.names == ["ground", "figure"] && regions.mean > 0.85)
    }

    @Test(arguments: names) func whatIsIgnoredCountsNowhere(_ name: String) throws {
        let ignoring = Regions(count: 20, relabel: { index, number in number == 0 && index % 2 == 0 ? 255 : number })
        let regions = try #require(try score(name, subject(train: Regions(count: 40), test: ignoring)).regions)
        #expect(regions.pixels < 20 * 256 && regions.names == ["0", "1", "2"])
        let nothing = Regions(count: 5, relabel: { _, _ in 255 })
        let error = #expect(throws: EvaluationError.self) { try score(name, subject(test: nothing)) }
        #expect(error?.description.contains("no pixel of the label maps of the test part has a class") == true)
        let masks = Regions(count: 20, relabel: { $1 == 0 ? 0 : 255 })
        let binary = #expect(throws: EvaluationError.self) { try score(name, subject(train: masks)) }
        #expect(binary?.description.contains("a mask of 0 and 255 becomes one when 255 is written as 1") == true)
    }

    @Test(arguments: names) func classesWithoutTrainingCountAsWrongAndAreTold(_ name: String) throws {
        let score = try score(name, subject(test: Regions(count: 20, relabel: { $1 == 2 ? 9 : $1 })))
        let regions = try #require(score.regions)
        #expect(regions.names == ["0", "1", "2", "9"])
        // Class 2 is true nowhere any more, 9 is never said.
        #expect(regions.intersectionOverUnion[2] == nil && regions.intersectionOverUnion[3] == 0)
        let notes = score.chosen["notes"]?.array?.compactMap(\.string) ?? []
        #expect(
            notes.contains { $0.contains("of classes that no training map has (9): they count as wrong") }, "\(notes)")
        let text = ProbeReport([.init(features: "raw-pixels", scores: [score])]).text(random: RandomStream(seed: 1))
        #expect(text.contains("\(name), mean IoU") && text.contains("2 –") && text.contains("(9)"), "\(text)")
    }

    @Test(arguments: names) func faultsCostTheirPicture(_ name: String) throws {
        let train = Regions(count: 40, strangers: [3], unreadable: [5])
        let test = Regions(count: 20, strangers: [1, 2], unreadable: [4])
        let score = try score(name, subject(train: train, test: test, policy: .skip))
        #expect(score.train == 38 && score.test == 17)
        let notes = score.chosen["notes"]?.array?.compactMap(\.string) ?? []
        #expect(notes.count == 2 && notes[0].hasPrefix("2 of 40 training pictures are left out"), "\(notes)")
        #expect(notes.last?.hasPrefix("3 of 20 test pictures are left out") == true)
        #expect(notes.contains { $0.contains("has 16 x 15 pixels and its picture 16 x 16") })
        let strict = #expect(throws: ImageError.self) {
            try self.score(name, subject(train: Regions(count: 40, strangers: [3])))
        }
        #expect(strict?.member == "picture 3")
        let none = #expect(throws: EvaluationError.self) {
            try self.score(name, subject(test: Regions(count: 2, strangers: [0, 1]), policy: .skip))
        }
        #expect(none?.description.contains("none of the 2 label maps can be used") == true)
    }

    @Test func onePictureIsTooFewToChooseOn() throws {
        let error = #expect(throws: EvaluationError.self) {
            try score("seg-logreg", subject(train: Regions(count: 1)))
        }
        #expect(error?.description.contains("one value with --set seg-logreg.c") == true)
        #expect(try score("seg-logreg", subject(train: Regions(count: 1)), "c=[1]").train == 1)
    }

    @Test func tooManyNumbersAreInstances() throws {
        var instances = Regions(count: 20)
        instances.isInstances = true
        let error = #expect(throws: EvaluationError.self) { try score("seg-knn", subject(train: instances)) }
        #expect(error?.description.contains("at most 1024 are classes") == true)
        let few = #expect(throws: EvaluationError.self) { try score("seg-knn", subject(test: instances)) }
        #expect(few?.description.contains("numbers that no training map has") == true)
        // Numbers of 16 bits, as far apart as may be, are as good as small ones.
        let numbers = Regions(count: 40, relabel: { $1 == 0 ? 65_534 : $1 == 1 ? 0 : 300 })
        let regions = try #require(try score("seg-knn", subject(train: numbers, test: numbers)).regions)
        #expect(regions.names == ["0", "300", "65534"] && regions.mean > 0.85)
    }

    @Test func lowShotRefusesLabelMaps() {
        let error = #expect(throws: EvaluationError.self) {
            try ProbeCatalogue.named("low-shot", set: ["low-shot.protocol=seg-knn"])
        }
        #expect(error?.description.contains("label maps in the place of labels") == true)
    }

    // MARK: Parts

    @Test func theMajorityNamesAPatch() {
        let map = LabelMap(
            height: 4, width: 4,
            classes: [
                1, 1, 2, 7,
                3, 1, 7, 2,
                255, 255, 255, 255,
                255, 5, 255, 255,
            ])
        let patches = PatchLabels(map, grid: PatchGrid(rows: 2, columns: 2))
        #expect(patches.labels == [1, 2, 5, 255] && patches.numbers.sorted() == [1, 2, 3, 5, 7])
    }

    /// The values of torch's `interpolate(mode="bilinear", align_corners=False)` for [[0, 1], [2, 3]] to 4 x 4.
    @Test func scoresAreInterpolatedBetweenCentres() {
        let scores: [Double] = [0, 1, 2, 3]
        let wanted: [Double] = [
            0, 0.25, 0.75, 1, 0.5, 0.75, 1.25, 1.5, 1.5, 1.75, 2.25, 2.5, 2, 2.25, 2.75, 3,
        ]
        // Against a class of a constant score, pixels above it win.
        for threshold in stride(from: 0.1, to: 3, by: 0.3) {
            let pairs = scores.flatMap { [threshold, $0] }
            let best = ScoreMap.best(
                pairs[...], classes: 2, grid: PatchGrid(rows: 2, columns: 2), height: 4, width: 4)
            #expect(best == wanted.map { $0 > threshold ? 1 : 0 }, "\(threshold)")
        }
        let equal = ScoreMap.best([1, 1, 1], classes: 3, grid: PatchGrid(rows: 1, columns: 1), height: 2, width: 3)
        #expect(equal == [0, 0, 0, 0, 0, 0])
    }

    @Test func overlapIsCountedOverAllPictures() {
        func counts(_ rows: [(Int, Int, Int, Int)]) -> [RegionOverlap.Count] {
            rows.map { RegionOverlap.Count(label: $0.0, hits: $0.1, truth: $0.2, predicted: $0.3) }
        }
        let regions = RegionOverlap(
            names: ["a", "b", "c"], keys: ["1", "2"],
            counts: [counts([(0, 3, 4, 4), (1, 1, 2, 1), (2, 0, 0, 1)]), counts([(0, 2, 2, 4), (1, 0, 2, 0)])])
        // a: 5 / (6 + 8 - 5), b: 1 / (4 + 1 - 1), c is nowhere.
        #expect(regions.intersectionOverUnion == [5.0 / 9, 0.25, nil])
        #expect(abs(regions.mean - (5.0 / 9 + 0.25) / 2) < 1e-15 && regions.pixels == 10)
        #expect(regions.pixelAccuracy == 0.6 && regions.pixelsOfClass == [6, 4, 0])
        let interval = regions.interval(random: RandomStream(seed: 1))
        #expect(interval.low < regions.mean && interval.high > regions.mean)
        let same = RegionOverlap.pairedDifference(regions, regions, random: RandomStream(seed: 1))
        #expect(same?.low == 0 && same?.high == 0)
        let others = RegionOverlap(
            names: ["a"], keys: ["1", "3"], counts: [counts([(0, 1, 1, 1)]), counts([(0, 1, 1, 1)])])
        #expect(RegionOverlap.pairedDifference(regions, others, random: RandomStream(seed: 1)) == nil)
    }

    @Test func patchPixelsAreThoseOfThePatch() throws {
        let features = PatchFeatures(pixelsOf: Self.transform, patchSize: 8, engine: Samples.engine)
        #expect(features.grid == PatchGrid(rows: 2, columns: 2) && features.dimension == 64)
        let loader = EvaluationLoader(
            source: Regions(count: 2), transform: Self.transform, batchSize: 2, threads: 0, requiresLabels: false)
        let batch = try #require(try loader.next())
        let values = features.features(of: batch)
        // Picture 1, patch 2 (second row, first column), pixel (3, 5).
        let place = (1 * 4 + 2) * 64 + 3 * 8 + 5
        let pixel = 256 + (8 + 3) * 16 + 5
        #expect(values[place] == batch.images[pixel])
        #expect(batch.sizes == [ImageSize(16), ImageSize(16)])
        // Patches of 64 x 64 pixels have more numbers than are kept.
        let wide = EvaluationTransform(shape: (3, 64, 64), normalization: Self.transform.normalization)
        #expect(PatchFeatures(pixelsOf: wide, patchSize: 64, engine: Samples.engine).dimension == 3 * 32 * 32)
    }
}
