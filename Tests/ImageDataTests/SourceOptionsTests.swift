import Foundation
import ImageData
import RecipeSchema
import TestSupport
import Testing

private let cards = DatasetCards(folders: [SharedFiles.packageRoot.appendingPathComponent("datasets").path])

private func decode(_ text: String) throws -> (DataOptions?, [Problem]) {
    var problems: [Problem] = []
    return (DataOptions.decode(try JSONParser.parse(text), at: "$.data", &problems), problems)
}

private func datasets(_ path: String) -> String { SharedFiles.url("datasets/\(path)").path }

@Suite struct SourceOptionsTests {
    @Test func optionsReadBackAsWritten() throws {
        let (options, problems) = try decode(
            """
            {"source": {"kind": "cifar", "path": "x", "variant": "cifar100", "labels": "coarse"},
             "image_size": [24, 32], "crop_scale": null, "mean": [0.5], "std": [0.25]}
            """)
        #expect(problems.isEmpty)
        let encoded = try #require(options).encoded
        let again = try #require(try decode(encoded.text()).0)
        #expect(again.encoded == encoded)
        #expect(again.imageSize == ImageSize(height: 24, width: 32) && again.cropScale == nil)
        #expect((again.source as? CIFARSourceOptions)?.labels == .coarse)
    }

    @Test(arguments: [
        (
            #"{"image_size": 0}"#,
            "$.data.image_size: found 0, allowed is an integer from 1 to 65500, or [height, width]"
        ),
        (#"{"crop_scale": [0.5, 0.2]}"#, "allowed is [low, high] with 0 < low ≤ high ≤ 1 or null"),
        (#"{"crop_scale": [0.2, 1.5]}"#, "allowed is [low, high] with 0 < low ≤ high ≤ 1 or null"),
        (#"{"mean": [0.5]}"#, "mean and std must be given together"),
        (#"{"mean": [0.5], "std": [0.5, 0.5]}"#, "mean has 1 numbers and std has 2"),
        (#"{"mean": [0.5], "std": [0]}"#, "allowed is a list of 1 to 64 numbers from 1e-09 to 1000000000 or null"),
        (#"{"source": {"kind": "tar"}}"#, "$.data.source.kind"),
        (#"{"value_range": [1, 1]}"#, "$.data.value_range: found [1, 1], allowed is \"measured\", or [low, high]"),
        (#"{"value_range": [0, 1e-46]}"#, "with low < high in single precision"),
        (#"{"value_range": [0, 1e13]}"#, "both from -1e12 to 1e12"),
        (#"{"value_range": "all"}"#, "allowed is \"measured\", or [low, high]"),
        (#"{"source": {"kind": "procedural", "count": 1000000000000}}"#, "$.data.source.count"),
        (#"{"source": {"kind": "procedural", "test_count": 9223372036854775807}}"#, "$.data.source.test_count"),
        (#"{"corrupt_limit": 2}"#, "allowed is a number from 0"),
    ])
    func faultsSayWhatIsAllowed(text: String, words: String) throws {
        let (options, problems) = try decode(text)
        #expect(options == nil)
        #expect(problems.count == 1 && problems[0].description.contains(words), "\(problems)")
    }

    @Test func everyPropertyHasARow() {
        #expect(Mirror(reflecting: DataOptions()).children.count == DataOptions.fields.count)
        #expect(Mirror(reflecting: DatasetCard()).children.count == DatasetCard.fields.count)
        #expect(Mirror(reflecting: ProceduralSourceOptions()).children.count == ProceduralSourceOptions.fields.count)
        #expect(Mirror(reflecting: CIFARSourceOptions()).children.count == CIFARSourceOptions.fields.count)
        #expect(Mirror(reflecting: ShardsSourceOptions()).children.count == ShardsSourceOptions.fields.count)
        #expect(Mirror(reflecting: IDXSourceOptions()).children.count == IDXSourceOptions.fields.count)
    }

    @Test func aMissingPathIsAnErrorThatSaysWhereToGiveIt() {
        let error = #expect(throws: ImageError.self) {
            try ImagesSourceOptions().open(.train, in: SourceContext(cards: cards))
        }
        #expect(error?.message.contains("--data PATH") == true)
    }

    @Test func commandLineTextsNameKindsCardsAndPaths() throws {
        let cifar = try SourceArgument.parse("cifar:/some/where")
        #expect((cifar as? CIFARSourceOptions)?.path == "/some/where")
        let card = try #require(try SourceArgument.parse("card=mnist:/data/m") as? CardSourceOptions)
        #expect(card.card == "mnist" && card.path == "/data/m")
        var base = CIFARSourceOptions()
        base.labels = .coarse
        let moved = try #require(try SourceArgument.parse("/elsewhere", keeping: base) as? CIFARSourceOptions)
        #expect(moved.path == "/elsewhere" && moved.labels == .coarse)
        #expect(try SourceArgument.parse("procedural") is ProceduralSourceOptions)
        #expect(throws: ImageError.self) { try SourceArgument.parse("/there/is/nothing") }
    }

    @Test func everyCardReads() throws {
        #expect(
            cards.names == ["builtin", "cifar10", "cifar100", "fashion-mnist", "imagenet", "imagenette", "mnist"])
        for name in cards.names {
            let card = try cards.card(name)
            #expect(card.name == name && !card.licence.isEmpty && !card.origin.isEmpty)
        }
        #expect(try cards.card("builtin").classes == ProceduralSource(part: .train).labelNames)
        let error = #expect(throws: ImageError.self) { try cards.card("cifar-10") }
        #expect(error?.message.contains("did you mean `cifar10`?") == true)
    }

    @Test func constantsComeFromTheRecipeTheCardOrImageNet() throws {
        var options = DataOptions()
        #expect(try options.normalization(channels: 3, cards: cards).mean == [0.499, 0.499, 0.501])
        options.source = ImagesSourceOptions()
        #expect(try options.normalization(channels: 3, cards: cards) == .imageNet)
        #expect(throws: ImageError.self) { try options.normalization(channels: 5, cards: cards) }
        options.mean = [0.1]
        options.deviation = [0.2]
        #expect(try options.normalization(channels: 3, cards: cards).mean == [0.1])
    }

    @Test func theBuiltInCardHasTheMeanAndDeviationOfItsPictures() throws {
        let card = try cards.card("builtin").normalization
        let source = ProceduralSource(part: .train)
        var sums = [0.0, 0, 0]
        var squares = sums
        for index in 0..<source.count {
            let values = try source.image(index).unitSamples()
            for (place, value) in values.enumerated() {
                sums[place % 3] += Double(value)
                squares[place % 3] += Double(value) * Double(value)
            }
        }
        let count = Double(source.count * 32 * 32)
        let means = sums.map { $0 / count }
        let deviations = zip(means, squares).map { ($1 / count - $0 * $0).squareRoot() }
        #expect(zip(means, card.mean).allSatisfy { abs($0 - $1) < 6e-4 }, "\(means)")
        #expect(zip(deviations, card.deviation).allSatisfy { abs($0 - $1) < 6e-4 }, "\(deviations)")
    }

    @Test func proceduralPartsAreBalancedAndDifferent() throws {
        let options = ProceduralSourceOptions()
        let train = try options.open(.train, in: SourceContext(cards: cards))
        let test = try options.open(.test, in: SourceContext(cards: cards))
        #expect(train.count == 8000 && test.count == 2000 && train.labelNames?.count == 6)
        #expect(train.fingerprint != test.fingerprint)
        #expect(try train.image(17) == ProceduralSource(part: .train).image(17))
        #expect(try train.image(17) != test.image(17))
        #expect(try train.image(17) != ProceduralSource(part: .train, seed: 1).image(17))
        let large = try ProceduralSource(part: .train, count: 10, size: 64).image(3)
        #expect(large.height == 64 && large.width == 64 && large.channels == 3)
    }
}

/// The real sets of the shared folder, through cards and guesses.
@Suite(.enabled(if: SharedFiles.isPresent))
struct SharedDatasetTests {
    private let context = SourceContext(cards: cards)

    @Test func cifarShardsOpenByCard() throws {
        let options = try SourceArgument.parse("card=cifar10:\(datasets("cifar10"))")
        let test = try options.open(.test, in: context)
        #expect(test.count == 10_000 && test.labelNames?[3] == "cat")
        var counts = [Int](repeating: 0, count: 10)
        for i in 0..<test.count { counts[try #require(test.label(i))] += 1 }
        #expect(counts == [Int](repeating: 1000, count: 10))
        var sums = [0.0, 0, 0]
        for i in 0..<1000 { for (c, mean) in try test.image(i).channelMeans().enumerated() { sums[c] += mean / 1000 } }
        // The README's means of all ten thousand.
        #expect(zip(sums, [0.49407, 0.48506, 0.45038]).allSatisfy { abs($0 - $1) < 0.01 })
        #expect(test.key(0) == "000000")
    }

    @Test func imagenetteShardsNumberTheirClassFolders() throws {
        for text in ["card=imagenette:\(datasets("imagenette224"))", datasets("imagenette224")] {
            let options = try SourceArgument.parse(text)
            let train = try options.open(.train, in: context)
            let test = try options.open(.test, in: context)
            #expect(train.count == 1200 && test.count == 600)
            #expect(train.key(0) == "n03394916/n03394916_54429.JPEG" && train.label(0) == 5)
            #expect(train.labelNames?[5] == (text.hasPrefix("card") ? "French horn" : "n03394916"))
            #expect(try train.image(0).width == 224)
        }
    }

    @Test func classFoldersHaveTrainAndTestParts() throws {
        let options = try SourceArgument.parse(datasets("clothing-sample"))
        #expect(options is ClassFoldersSourceOptions)
        let train = try options.open(.train, in: context)
        let test = try options.open(.test, in: context)
        #expect(train.count == 80 && test.count == 40 && train.labelNames == test.labelNames)
        #expect(train.labelNames?.first == "dress" && train.label(79) == 9)
        let flat = try SourceArgument.parse("images:\(datasets("clothing-sample"))").open(.train, in: context)
        #expect(flat.count == 120 && flat.labelNames == nil && flat.label(0) == nil)
        #expect(throws: ImageError.self) { try ImagesSourceOptions().open(.test, in: context) }
    }

    @Test func mnistHasItsTestPartHere() throws {
        let options = try SourceArgument.parse("card=mnist:\(datasets("mnist"))")
        #expect(try options.open(.test, in: context).count == 10_000)
        let error = #expect(throws: ImageError.self) { try options.open(.train, in: context) }
        #expect(error?.message.contains("train-images-idx3-ubyte") == true)
    }

    @Test func cifarBinariesAreFoundByTheirNames() throws {
        let options = try SourceArgument.parse(datasets("cifar10-binary-sample"))
        #expect(options is CIFARSourceOptions)
        #expect(try options.open(.train, in: context).count == 1000)
        #expect(throws: ImageError.self) { try options.open(.test, in: context) }
    }

    @Test(arguments: [0, 2])
    func summariesCountReadAndMeasure(threads: Int) throws {
        let train = try SourceArgument.parse(datasets("clothing-sample")).open(.train, in: context)
        let summary = SourceSummary(of: train, threads: threads)
        #expect(summary.count == 80 && summary.labelCounts == [Int](repeating: 8, count: 10))
        #expect(summary.unreadable.isEmpty && summary.unlabelled == 0 && summary.channelCounts[3] == 80)
        let mnist = try SourceArgument.parse(datasets("mnist")).open(.test, in: context)
        let constants = try #require(SourceSummary(of: mnist, threads: threads).normalization)
        #expect(abs(constants.mean[0] - 0.13251) < 1e-5 && abs(constants.deviation[0] - 0.31048) < 1e-5)
        let odd = try ImageFolder(flat: datasets("odd-images"))
        let oddities = SourceSummary(of: odd, threads: threads)
        #expect(oddities.count == odd.count && oddities.unreadable.count > 40)
        #expect(oddities.unreadable.contains { $0.key == "html.jpg" && $0.error.reason == .notAnImage })
        #expect(oddities.widths == 1...53 && oddities.normalization != nil)
    }
}
