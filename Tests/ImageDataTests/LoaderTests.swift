import ImageData
import RandomStreams
import Testing

/// Pictures whose single value is their number, some of which cannot be read.
private struct NumberedSource: ImageSource {
    var count: Int
    var unreadable: Set<Int> = []
    var faulty: Set<Int> = []
    var labelNames: [String]? { nil }
    var fingerprint: String { "numbers" }

    func image(_ index: Int) throws(ImageError) -> DecodedImage {
        if unreadable.contains(index) { throw ImageError(.corrupt, path: key(index), "broken on purpose") }
        var image = DecodedImage(height: 1, width: 1, channels: 1, samples: .float32([Float(index)]))
        image.fault = faulty.contains(index) ? "scratched" : nil
        return image
    }
    func label(_ index: Int) -> Int? { index == 5 ? nil : index % 3 }
    func key(_ index: Int) -> String { "number \(index)" }
}

private let asTheyAre = Normalization(mean: [0], deviation: [1])

private func loader(
    _ source: any ImageSource, batchSize: Int = 4, seed: UInt64 = 7, threads: Int, firstStep: Int = 0,
    corruptLimit: Double = 0.01
) throws -> Loader {
    try Loader(
        source: source,
        transform: TrainingTransform(shape: (1, 1, 1), crop: nil, flip: false, normalization: asTheyAre),
        batchSize: batchSize, random: RandomStream(seed: seed), corruptLimit: corruptLimit, threads: threads,
        firstStep: firstStep)
}

@Suite struct LoaderTests {
    /// The first batch of four built-in pictures under a transform, made without and with threads of the loader.
    static func firstBatches(of transform: any ImageTransform) throws -> [ImageBatch] {
        try [0, 2].map { threads in
            let loader = try Loader(
                source: ProceduralSource(part: .train, count: 12), transform: transform, batchSize: 4,
                random: RandomStream(seed: 1), corruptLimit: 0.1, threads: threads)
            defer { loader.stop() }
            return try loader.next()
        }
    }

    /// Loaders of several processes make the batches of one, each its own, and count what the others found unreadable.
    @Test func severalLoadersShareTheBatchesOfOne() throws {
        let source = NumberedSource(count: 22)
        func loader(offset: Int, stride: Int) throws -> Loader {
            try Loader(
                source: source,
                transform: TrainingTransform(shape: (1, 1, 1), crop: nil, flip: false, normalization: asTheyAre),
                batchSize: 2, accumulate: 2, random: RandomStream(seed: 3),
                corruptLimit: 0.1, threads: 1, firstStep: 4, offset: offset, stride: stride)
        }
        let (one, two) = (try loader(offset: 0, stride: 2), try loader(offset: 1, stride: 2))
        let whole = try loader(offset: 0, stride: 1)
        for step in 0..<20 {
            let (batch, shared) = (try whole.next(), try (step % 2 == 0 ? one : two).next())
            #expect(batch.samples == shared.samples && batch.step == shared.step && batch.epoch == shared.epoch)
        }
        let bad = (0..<3).map {
            UnreadablePicture(sample: $0, key: "\($0)", replacement: 9, error: ImageError(.corrupt, path: "", "torn"))
        }
        try one.count(Array(bad.prefix(2)))
        #expect(throws: ImageError.self) { try one.count([bad[2]]) }
    }

    @Test func anEpochHoldsEveryPictureOnceAndDropsTheRest() throws {
        let loader = try loader(NumberedSource(count: 22), threads: 2)
        #expect(loader.stepsPerEpoch == 5)
        for epoch in 0..<3 {
            var seen: [Int] = []
            for step in 0..<5 {
                let batch = try loader.next()
                #expect(batch.epoch == epoch && batch.step == epoch * 5 + step && batch.shape == [4, 1, 1, 1])
                #expect(batch.images == batch.samples.map(Float.init))
                seen += batch.samples
            }
            #expect(Set(seen).count == 20)
        }
    }

    @Test func batchesSayWhichPicturesTheyHoldAndWhichAreMirrored() throws {
        let source = ProceduralSource(part: .train, count: 40)
        func batch(flip: Bool) throws -> ImageBatch {
            try Loader(
                source: source,
                transform: TrainingTransform(shape: (3, 32, 32), crop: nil, flip: flip, normalization: .imageNet),
                batchSize: 40, random: RandomStream(seed: 3), corruptLimit: 0, threads: 0
            ).next()
        }
        let (straight, flipped) = (try batch(flip: false), try batch(flip: true))
        #expect(straight.keys == straight.samples.map { source.key($0) } && !straight.mirrored.contains(true))
        #expect(Set(flipped.mirrored).count == 2)
        for row in 0..<40 {
            let lines = (row * 3 * 32..<(row + 1) * 3 * 32).map { $0 * 32..<($0 + 1) * 32 }
            let expected = lines.flatMap { line -> [Float] in
                let values = Array(straight.images[line])
                return flipped.mirrored[row] ? values.reversed() : values
            }
            #expect(Array(flipped.images[row * 3072..<(row + 1) * 3072]) == expected)
        }
    }

    @Test func epochsHaveOrdersOfTheirOwn() throws {
        let loader = try loader(NumberedSource(count: 40), batchSize: 40, threads: 0)
        let first = try loader.next().samples
        let second = try loader.next().samples
        #expect(first != second && first != Array(0..<40) && Set(first) == Set(second))
    }

    @Test(arguments: [0, 1, 3])
    func batchesDoNotDependOnThreadsOrOnTheFirstStep(threads: Int) throws {
        let source = ProceduralSource(part: .train, count: 30)
        let transform = TrainingTransform(
            shape: (3, 16, 16), crop: RandomResizedCrop(scale: 0.2...1), flip: true, normalization: .imageNet)
        func batches(_ threads: Int, from first: Int, to last: Int) throws -> [[Float]] {
            let loader = try Loader(
                source: source, transform: transform, batchSize: 8, random: RandomStream(seed: 3), corruptLimit: 0,
                threads: threads, firstStep: first)
            return try (first..<last).map { _ in try loader.next().images }
        }
        let plain = try batches(0, from: 0, to: 8)
        #expect(try batches(threads, from: 0, to: 8) == plain)
        #expect(try batches(threads, from: 5, to: 8) == Array(plain[5...]))
        #expect(plain[0] != plain[3])
    }

    @Test func aPictureIsAugmentedAnewInEachEpoch() throws {
        let loader = try Loader(
            source: ProceduralSource(part: .train, count: 1),
            transform: TrainingTransform(
                shape: (3, 16, 16), crop: RandomResizedCrop(scale: 0.2...1), flip: true, normalization: .imageNet),
            batchSize: 1, random: RandomStream(seed: 3), corruptLimit: 0, threads: 1)
        #expect(try loader.next().images != loader.next().images)
    }

    @Test(arguments: [0, 2])
    func unreadablePicturesAreReplacedAlikeAtEveryRun(threads: Int) throws {
        let source = NumberedSource(count: 40, unreadable: [3, 17])
        func run(_ threads: Int) throws -> (samples: [[Int]], bad: [UnreadablePicture]) {
            let loader = try loader(source, threads: threads, corruptLimit: 0.05)
            let batches = try (0..<20).map { _ in try loader.next() }
            #expect(loader.unreadable == [3, 17])
            return (batches.map(\.samples), batches.flatMap(\.unreadable))
        }
        let plain = try run(0)
        let threaded = try run(threads)
        #expect(plain.samples == threaded.samples && plain.bad == threaded.bad)
        #expect(Set(plain.bad.map(\.sample)) == [3, 17])
        #expect(plain.bad.allSatisfy { !source.unreadable.contains($0.replacement) })
        #expect(!plain.samples.joined().contains(3))
    }

    @Test func moreUnreadablePicturesThanTheLimitStopTheRun() throws {
        let loader = try loader(NumberedSource(count: 40, unreadable: [3, 17]), threads: 1, corruptLimit: 0.04)
        let error = try #require(throws: ImageError.self) { for _ in 0..<10 { _ = try loader.next() } }
        #expect(error.reason == .corrupt && error.message.contains("2 of 40 pictures"))
        #expect(error.message.contains("data.corrupt_limit"))
    }

    @Test func aResumedRunRemembersThePicturesThatItCouldNotRead() throws {
        let source = NumberedSource(count: 40, unreadable: [3, 17])
        let loader = try Loader(
            source: source,
            transform: TrainingTransform(shape: (1, 1, 1), crop: nil, flip: false, normalization: asTheyAre),
            batchSize: 4, random: RandomStream(seed: 7), corruptLimit: 0.05, threads: 0, unreadable: [30])
        let error = try #require(throws: ImageError.self) { for _ in 0..<10 { _ = try loader.next() } }
        #expect(error.message.contains("3 of 40 pictures"))
    }

    @Test func picturesDecodedInSpiteOfFaultsAreNamed() throws {
        let loader = try loader(NumberedSource(count: 8, faulty: [2]), threads: 0)
        let damaged = try (0..<4).flatMap { _ in try loader.next().damaged }
        #expect(damaged.map(\.key) == ["number 2", "number 2"] && damaged.map(\.fault) == ["scratched", "scratched"])
    }

    @Test func aSourceWithoutAReadablePictureIsAnError() throws {
        let loader = try loader(NumberedSource(count: 8, unreadable: Set(0..<8)), threads: 1, corruptLimit: 1)
        #expect(throws: ImageError.self) { try loader.next() }
    }

    @Test func fewerPicturesThanABatchAreAnError() throws {
        let error = try #require(throws: ImageError.self) { try loader(NumberedSource(count: 3), threads: 0) }
        #expect(error.message.contains("3 pictures") && error.message.contains("step of 4"))
    }

    @Test func stoppingEndsTheThreadsWhereverTheyAre() throws {
        for taken in 0..<6 {
            let loader = try loader(NumberedSource(count: 100), threads: 3)
            for _ in 0..<taken { _ = try loader.next() }
            loader.stop()
            #expect(throws: ImageError.self) { try loader.next() }
        }
    }

    @Test(arguments: [0, 2])
    func evaluationGoesThroughTheSourceInOrder(threads: Int) throws {
        let loader = EvaluationLoader(
            source: NumberedSource(count: 11),
            transform: EvaluationTransform(shape: (1, 1, 1), normalization: asTheyAre),
            batchSize: 4, threads: threads, requiresLabels: false)
        var values: [Float] = []
        var labels: [Int?] = []
        while let batch = try loader.next() {
            #expect(batch.samples.first == values.count && batch.shape[0] == batch.samples.count)
            values += batch.images
            labels += batch.labels
        }
        #expect(values == (0..<11).map(Float.init))
        #expect(labels == (0..<11).map { $0 == 5 ? nil : $0 % 3 })
    }

    @Test func evaluationNamesThePictureWithoutALabel() throws {
        let loader = EvaluationLoader(
            source: NumberedSource(count: 11),
            transform: EvaluationTransform(shape: (1, 1, 1), normalization: asTheyAre),
            batchSize: 4, threads: 1, requiresLabels: true)
        #expect(try loader.next()?.samples == Array(0..<4))
        let error = try #require(throws: ImageError.self) { try loader.next() }
        #expect(error.reason == .label && error.member == "number 5")
    }

    @Test(arguments: [0, 2])
    func evaluationLeavesUnreadablePicturesOutAndNamesThem(threads: Int) throws {
        let loader = EvaluationLoader(
            source: NumberedSource(count: 11, unreadable: [0, 4, 5, 6, 7]),
            transform: EvaluationTransform(shape: (1, 1, 1), normalization: asTheyAre), batchSize: 4, threads: threads,
            requiresLabels: false, policy: .skip)
        var values: [Float] = []
        var samples: [Int] = []
        var skipped: [SkippedPicture] = []
        while let batch = try loader.next() {
            #expect(batch.shape[0] == batch.samples.count && batch.images.count == batch.samples.count)
            #expect(batch.labels.count == batch.samples.count)
            values += batch.images
            samples += batch.samples
            skipped += batch.skipped
        }
        #expect(values == [1, 2, 3, 8, 9, 10] && samples == [1, 2, 3, 8, 9, 10])
        #expect(skipped.map(\.sample) == [0, 4, 5, 6, 7] && skipped[1].key == "number 4")
    }

    @Test(arguments: 1...5)
    func processesShareTheBatchesOfAnEvaluation(count: Int) throws {
        var batches: [Int: [Int]] = [:]
        for rank in 0..<count {
            // All that the second of two processes sees is unreadable, which is no fault of the whole.
            let loader = EvaluationLoader(
                source: NumberedSource(count: 11, unreadable: [4, 5, 6, 7]),
                transform: EvaluationTransform(shape: (1, 1, 1), normalization: asTheyAre), batchSize: 4, threads: 1,
                requiresLabels: false, policy: .skip, offset: rank, stride: count)
            var turn = 0
            while let batch = try loader.next() {
                batches[turn * count + rank] = batch.samples
                turn += 1
            }
        }
        #expect(batches == [0: [0, 1, 2, 3], 1: [], 2: [8, 9, 10]])
    }

    @Test func anEvaluationOfNothingIsAnError() throws {
        let loader = EvaluationLoader(
            source: NumberedSource(count: 3, unreadable: [0, 1, 2]),
            transform: EvaluationTransform(shape: (1, 1, 1), normalization: asTheyAre), batchSize: 2, threads: 0,
            requiresLabels: false, policy: .skip)
        _ = try loader.next()
        let error = try #require(throws: ImageError.self) { try loader.next() }
        #expect(error.message.hasPrefix("none of the 3 pictures can be read; the first: "))
    }

    @Test func evaluationStopsAtTheFirstUnreadablePicture() throws {
        let loader = EvaluationLoader(
            source: NumberedSource(count: 11, unreadable: [6]),
            transform: EvaluationTransform(shape: (1, 1, 1), normalization: asTheyAre), batchSize: 4, threads: 2,
            requiresLabels: false)
        #expect(try loader.next() != nil)
        #expect(throws: ImageError.self) { try loader.next() }
    }
}
