import Foundation
import ImageData
import RecipeSchema
import TestSupport
import Testing

private let pagesOfThree = PictureKind.folder.appendingPathComponent("pages.tif")

/// The places of the numbers that lead from page to page in `pages.tif`: behind its header, and in each directory.
private let links = [4, 154, 328, 506]

/// A folder of files, and the context that takes each page.
private struct Pages {
    let folder: TestSupport.TemporaryFolder
    let context = SourceContext(cards: DatasetCards(folders: []), takesEachPage: true)

    init(_ files: [String: [UInt8]]) throws {
        folder = try TestSupport.TemporaryFolder()
        for (name, bytes) in files {
            let url = URL(fileURLWithPath: "\(folder.path)/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: url)
        }
    }

    func open() throws -> any ImageSource {
        var options = ImagesSourceOptions()
        options.path = folder.path
        return try options.open(.train, in: context)
    }
}

private func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: PictureKind.folder.appendingPathComponent(name)))
}

private func keys(_ source: any ImageSource) -> [String] { (0..<source.count).map(source.key) }

/// `pages.tif` where a link leads to another place.
private func linked(_ link: Int, to place: UInt32) throws -> [UInt8] {
    var copy = try bytes("pages.tif")
    for byte in 0..<4 { copy[links[link] + byte] = UInt8(truncatingIfNeeded: place >> (8 * UInt32(byte))) }
    return copy
}

@Suite struct PageTests {
    /// What a file holds and nobody reads is counted: transparency, frames behind the first, other pages.
    @Test func whatIsNotReadOfAFileIsTold() throws {
        let odd = SharedFiles.packageRoot.appendingPathComponent("Tests/Fixtures/odd-images")
        var animation = try PNGEncoder.encode([7], height: 1, width: 1, channels: 1)
        // A chunk acTL behind the header; libpng passes over its check sum with it.
        animation.insert(contentsOf: [0, 0, 0, 8] + Array("acTL".utf8) + [UInt8](repeating: 0, count: 12), at: 33)
        let set = try Pages([
            "alpha.webp": try bytes("alpha.webp"), "animation.webp": try bytes("animation.webp"),
            "rgba.tif": try bytes("rgba.tif"), "pages.tif": try bytes("pages.tif"), "plain.tif": try bytes("u8.tif"),
            "key.png": [UInt8](try Data(contentsOf: odd.appendingPathComponent("rgb8_trns.png"))),
            "frames.png": animation,
        ])
        var options = DataOptions()
        var source = ImagesSourceOptions()
        source.path = set.folder.path
        options.source = source
        let opened = try options.open(.train, cards: DatasetCards(folders: []))
        #expect(opened.ledger.count(.otherPages) == 1 && opened.ledger.entries[0].examples == ["pages.tif"])
        let summary = SourceSummary(of: opened, threads: 1)
        #expect(summary.unreadable.isEmpty, "\(summary.unreadable)")
        #expect(summary.transparent.pictures == 3, "\(summary.transparent.examples)")
        #expect(summary.animated.pictures == 2, "\(summary.animated.examples)")
        #expect(summary.warnings.contains { $0.contains("with transparency (a band of alpha), which is not read") })
    }

    @Test func eachPageIsAPicture() throws {
        let pixel = try PNGEncoder.encode([7], height: 1, width: 1, channels: 1)
        let set = try Pages([
            "b.png": pixel, "one.tif": try bytes("orientation6.tif"), "p.tif": try bytes("pages.tif"),
            "x/P.TIFF": try bytes("pages.tif"), "z.tif": pixel, "zz.png": try bytes("pages.tif"),
        ])
        let source = try set.open()
        #expect(
            keys(source) == [
                "b.png", "one.tif", "p.tif#0", "p.tif#1", "p.tif#2", "x/P.TIFF#0", "x/P.TIFF#1", "x/P.TIFF#2", "z.tif",
                "zz.png",
            ])
        for page in 0..<3 {
            let image = try source.image(2 + page)
            #expect(image.width == 3 + page && stored(image).allSatisfy { $0 == Double(10 + 10 * page) })
        }
        #expect(try source.image(8).width == 1 && source.image(9).width == 3)
        #expect(source.ledger.notes.contains("2 TIFF files with several pages are 6 pictures, one a page"))
        // Otherwise files are pictures as ever.
        let whole = try ImageFolder(flat: set.folder.path)
        #expect(whole.count == 6 && whole.key(2) == "p.tif" && whole.fingerprint != source.fingerprint)
    }

    @Test func filesOfOnePageAreTheSameEitherWay() throws {
        let set = try Pages(["one.tif": try bytes("orientation6.tif"), "big.tif": try bytes("u32-bigtiff.tif")])
        #expect(try set.open().fingerprint == ImageFolder(flat: set.folder.path).fingerprint)
    }

    @Test func digestsFollowBytesWithoutAnyPage() throws {
        let original = try Pages(["p.tif": try bytes("pages.tif")])
        let one = try original.open()
        var copy = try bytes("pages.tif")
        copy[copy.count - 1] ^= 1
        let changed = try Pages(["p.tif": copy])
        let other = try changed.open()
        for excluded in [[], [0], [0, 1], [2]] as [Set<Int>] {
            #expect(one.contentDigest(excluding: excluded) != other.contentDigest(excluding: excluded))
        }
        let some: [Set<Int>] = [[], [0], [1], [0, 1]]
        #expect(Set(some.map { one.contentDigest(excluding: $0) }).count == 4)
        withExtendedLifetime((original, changed)) {}
    }

    /// What cannot be reached is one picture that cannot be read: its error says what is lost.
    @Test(arguments: 0..<3) func aBrokenChainEndsInAnUnreadablePicture(link: Int) throws {
        for place in [UInt32(538), 537, 100_000, .max] {
            let set = try Pages(["p.tif": try linked(link, to: place)])
            let source = try set.open()
            #expect(keys(source) == (link == 0 ? ["p.tif"] : (0...link).map { "p.tif#\($0)" }))
            for index in 0..<link { #expect(try source.image(index).width == 3 + index) }
            let error = try #require(throws: ImageError.self) { try source.image(link) }
            #expect(error.reason == .truncated && (link == 0 || error.member == "page \(link)"), "\(error)")
        }
    }

    @Test(arguments: 0..<3) func aLoopEndsAndIsTold(back: Int) throws {
        let places: [UInt32] = [8, 182, 360]
        let set = try Pages(["p.tif": try linked(3, to: places[back])])
        let source = try set.open()
        #expect(try source.image(2).width == 5 && source.count == 3)
        #expect(source.ledger.notes.contains { $0.contains("lead back to an earlier one; its 3 different pages") })
        let first = try Pages(["p.tif": try linked(1, to: 8)])
        #expect(keys(try first.open()) == ["p.tif"])
    }

    @Test func whatIsNoTIFFIsOnePicture() throws {
        for content in [[], [0x49], Array("II*\0".utf8), Array("II*\0\0\0\0\0".utf8), Array("no TIFF at all".utf8)]
            as [[UInt8]]
        {
            let set = try Pages(["a.tif": content])
            let source = try set.open()
            #expect(keys(source) == ["a.tif"])
            #expect(throws: ImageError.self) { try source.image(0) }
        }
    }

    @Test func pagesStandOnOneSideOfASplit() throws {
        var files: [String: [UInt8]] = [:]
        for number in 0..<10 { for name in ["a", "b"] { files["\(name)/\(number).tif"] = try bytes("pages.tif") } }
        let set = try Pages(files)
        var options = ClassFoldersSourceOptions()
        options.path = set.folder.path
        options.split = SplitOptions()
        let train = try options.open(.train, in: set.context)
        let test = try options.open(.test, in: set.context)
        #expect(train.count == 48 && test.count == 12)
        #expect((0..<12).compactMap(test.label) == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
        func names(_ source: any ImageSource) -> Set<Substring> { Set(keys(source).map { $0.prefix { $0 != "#" } }) }
        #expect(names(train).isDisjoint(with: names(test)))
    }

    @Test func shardsSayThatTheyHaveNoPages() throws {
        var options = ShardsSourceOptions()
        options.path = "/nowhere"
        let context = SourceContext(cards: DatasetCards(folders: []), takesEachPage: true)
        let error = try #require(throws: ImageError.self) { try options.open(.train, in: context) }
        #expect(error.reason == .unsupported && error.message.contains("data.tiff_page is \"all\""))
    }

    @Test(arguments: [
        ("\"all\"", true), ("0", true), ("65535", true), ("65536", false), ("-1", false), ("\"each\"", false),
    ])
    func recipesSayAPageOrAll(text: String, isRight: Bool) throws {
        var problems: [Problem] = []
        let options = DataOptions.decode(try JSONParser.parse("{\"tiff_page\": \(text)}"), at: "$.data", &problems)
        #expect((options != nil) == isRight && (isRight || problems.count == 1))
        if let options {
            #expect(options.encoded["tiff_page"]?.text() == text)
        } else {
            #expect(problems[0].message.contains("allowed is an integer from 0 to 65535, or \"all\""), "\(problems)")
        }
    }
}
