import Foundation
import ImageData
import RandomStreams
import TestSupport
import Testing

/// A file of `Tests/Fixtures/picture-kinds` and the numbers that other programs read from it.
struct PictureKind: Decodable, Sendable, CustomTestStringConvertible {
    struct Upright: Decodable, Sendable {
        var height: Int
        var width: Int
        var values: [Double]
    }
    var what: String
    var height: Int
    var width: Int
    var channels: Int
    var type: String
    var bits: Int
    var values: [Double]
    var layout: String?
    var pages: Int?
    var upright: Upright?
    var name: String? = nil

    var testDescription: String { "\(name ?? ""): \(what)" }

    static let folder = SharedFiles.shipped("picture-kinds")

    static let all: [PictureKind] = {
        struct File: Decodable { var files: [String: PictureKind] }
        guard let text = try? Data(contentsOf: folder.appendingPathComponent("expected.json")),
            let file = try? JSONDecoder().decode(File.self, from: text)
        else { return [] }
        return file.files.map { name, kind in
            var kind = kind
            kind.name = name
            return kind
        }.sorted { ($0.name ?? "") < ($1.name ?? "") }
    }()

    func bytes() throws -> [UInt8] {
        [UInt8](try Data(contentsOf: Self.folder.appendingPathComponent(try #require(name))))
    }

    func decoder() -> ImageDecoder {
        var decoder = ImageDecoder()
        decoder.arrayLayout = layout.flatMap { ArrayLayout(rawValue: $0) } ?? .auto
        return decoder
    }
}

/// The stored numbers.
func stored(_ image: DecodedImage) -> [Double] {
    switch image.samples {
    case .uint8(let values): values.map(Double.init)
    case .int8(let values): values.map(Double.init)
    case .uint16(let values): values.map(Double.init)
    case .int16(let values): values.map(Double.init)
    case .uint32(let values): values.map(Double.init)
    case .int32(let values): values.map(Double.init)
    case .float32(let values): values.map(Double.init)
    }
}

@Suite struct PictureKindTests {
    @Test func thereAreAllOfThem() { #expect(PictureKind.all.count == 37) }

    @Test(arguments: PictureKind.all)
    func everyKindHasTheNumbersThatOthersRead(_ kind: PictureKind) throws {
        let file = try kind.decoder().decode(kind.bytes(), path: "no-name")
        let image = file.image
        #expect(image.height == kind.height && image.width == kind.width && image.channels == kind.channels)
        #expect(file.image.numberType == kind.type && file.bitDepth == kind.bits)
        #expect(file.pages == kind.pages ?? 1 && file.warningCount == 0)
        #expect(stored(file.image) == kind.values)
    }

    @Test func orientationIsAppliedOnRequest() throws {
        let kind = try #require(PictureKind.all.first { $0.upright != nil })
        let upright = try #require(kind.upright)
        var decoder = ImageDecoder()
        #expect(try decoder.decode(kind.bytes(), path: "").orientation == .rotatedClockwise)
        decoder.appliesOrientation = true
        let image = try decoder.decode(kind.bytes(), path: "").image
        #expect(image.height == upright.height && image.width == upright.width && stored(image) == upright.values)
    }

    @Test func pagesAreChosen() throws {
        let kind = try #require(PictureKind.all.first { $0.name == "pages.tif" })
        var decoder = ImageDecoder()
        for page in 0..<3 {
            decoder.page = page
            let image = try decoder.decode(kind.bytes(), path: "").image
            #expect(image.width == 3 + page && stored(image).allSatisfy { $0 == Double(10 + 10 * page) })
        }
        decoder.page = 3
        let error = try #require(throws: ImageError.self) { try decoder.decode(kind.bytes(), path: "x.tif") }
        #expect(error.reason == .unsupported && error.message.contains("no page 3") && error.message.contains("has 3"))
        #expect(error.message.contains("data.tiff_page"))
    }

    @Test(arguments: PictureKind.all)
    func everyCutFailsOrGivesTheWhole(_ kind: PictureKind) throws {
        let bytes = try kind.bytes()
        let whole = try kind.decoder().decode(bytes, path: "").image
        for length in 0..<bytes.count {
            guard let cut = try? kind.decoder().decode(bytes[..<length], path: "").image else { continue }
            #expect(cut == whole, "cut at \(length) of \(bytes.count)")
        }
    }

    @Test(arguments: PictureKind.all)
    func damagedFilesDecodeOrFailCleanlyAndSoon(_ kind: PictureKind) throws {
        let bytes = try kind.bytes()
        var random = RandomStream(seed: 9).child(try #require(kind.name))
        var decoder = kind.decoder()
        decoder.appliesOrientation = true
        decoder.mostPixels = 1_000_000
        for _ in 0..<300 {
            var copy = bytes
            for _ in 0..<(1 + random.integer(below: 6)) {
                copy[random.integer(below: copy.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            var file: DecodedFile?
            #expect(processorSeconds { file = try? decoder.decode(copy, path: "") } < 2)
            guard let image = file?.image else { continue }
            #expect(image.samples.count == image.height * image.width * image.channels)
        }
    }

    @Test func foldersAndShardsTakeAllKindsAndContentDecides() throws {
        let folder = try TestSupport.TemporaryFolder()
        let png = try PNGEncoder.encode([7], height: 1, width: 1, channels: 1)
        var shard = TarWriter()
        var names: [String] = []
        for (number, kind) in PictureKind.all.filter({ $0.layout == nil }).enumerated() {
            // The ending is that of another kind: only content tells.
            let ending = ["tif", "tiff", "webp", "npy", "jpg", "png"][number % 6]
            names.append("\(10 + number).\(ending)")
            try folder.write(kind.bytes(), names[number])
            shard.add(names[number], try kind.bytes())
        }
        try folder.write(png, "99.TIF")
        shard.add("99.TIF", png)
        shard.end()
        let archives = try TestSupport.TemporaryFolder()
        try archives.write(shard.bytes, "train.tar")
        let kinds = PictureKind.all.filter { $0.layout == nil }
        for source in [try ImageFolder(flat: folder.path), try ShardSource(archives.path)] as [any ImageSource] {
            #expect(source.count == kinds.count + 1 && source.ledger.entries.isEmpty, "\(source.ledger)")
            for (index, kind) in kinds.enumerated() { #expect(stored(try source.image(index)) == kind.values) }
            #expect(try source.image(kinds.count).bytes() == [7])
        }
    }

    @Test func anArrayBesideAPictureOfAShardIsNotItsPicture() throws {
        let kind = try #require(PictureKind.all.first { $0.name == "u2.npy" })
        var shard = TarWriter()
        shard.add("a.npy", try kind.bytes())
        shard.add("a.png", try PNGEncoder.encode([7], height: 1, width: 1, channels: 1))
        shard.end()
        let archives = try TestSupport.TemporaryFolder()
        try archives.write(shard.bytes, "train.tar")
        let source = try ShardSource(archives.path)
        #expect(source.count == 1)
        #expect(try source.image(0).bytes() == [7])
    }
}
