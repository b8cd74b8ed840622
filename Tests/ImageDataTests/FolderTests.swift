import Foundation
import ImageData
import Testing

/// A folder that is removed at the end of a test.
final class TemporaryFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path

    init(_ files: [String]) throws {
        for file in files { try add(file) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A file of bytes.
    func write(_ file: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
    }

    /// A gray picture of one pixel, or a file of no bytes where the name ends otherwise.
    func add(_ file: String) throws {
        let url = URL(fileURLWithPath: "\(path)/\(file)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        let isPicture = ["png", "jpg", "JPEG"].contains(url.pathExtension)
        try Data(isPicture ? try PNGEncoder.encode([7], height: 1, width: 1, channels: 1) : []).write(to: url)
    }
}

@Suite struct FolderTests {
    @Test func flatFoldersAreInTheOrderOfBytes() throws {
        let folder = try TemporaryFolder([
            "b.png", "a/x.JPEG", "a-b/y.png", "B.jpg", "ä.png", "a/.hidden.png", "._b.png", "notes.txt", "c.bmp",
        ])
        let source = try ImageFolder(flat: folder.path)
        #expect((0..<source.count).map(source.key) == ["B.jpg", "a-b/y.png", "a/x.JPEG", "b.png", "ä.png"])
        #expect(source.labelNames == nil && source.label(0) == nil)
        #expect(source.ledger.count(.otherFormat) == 1 && source.ledger.count(.hidden) == 2)
        #expect(source.ledger.count(.otherSuffix) == 1 && source.ledger.isAlarming)
        #expect(try source.image(0).bytes() == [7])
    }

    @Test func classFoldersAreThoseOfTorchvision() throws {
        let folder = try TemporaryFolder([
            "zebra/1.png", "Bee/2.png", "ant/b.png", "ant/a/c.png", "ant/a.png", "loose.png",
        ])
        let source = try ImageFolder(classes: folder.path)
        #expect(source.labelNames == ["Bee", "ant", "zebra"])
        #expect(
            (0..<source.count).map(source.key) == ["Bee/2.png", "ant/a.png", "ant/b.png", "ant/a/c.png", "zebra/1.png"])
        #expect((0..<source.count).compactMap(source.label) == [0, 1, 1, 1, 2])
    }

    /// What this program has drawn is none of the pictures that it learns from.
    @Test func foldersOfRunsArePassedOver() throws {
        let run = ["palimpsest-run.json", "pictures/reconstructions.png"]
        let folder = try TemporaryFolder(
            ["cat/1.png", "dog/1.png"] + run.map { "runs/mine/\($0)" } + run.map { "dog/try/\($0)" })
        let flat = try ImageFolder(flat: folder.path)
        #expect((0..<flat.count).map(flat.key) == ["cat/1.png", "dog/1.png"] && flat.ledger.count(.runFolder) == 2)
        let classes = try ImageFolder(classes: folder.path)
        #expect(classes.labelNames == ["cat", "dog"] && classes.count == 2 && classes.ledger.count(.runFolder) == 2)
    }

    @Test func foldersWithoutPicturesAreErrorsThatNameThem() throws {
        let folder = try TemporaryFolder(["one/a.png", "two/readme.txt"])
        let error = try #require(throws: ImageError.self) { try ImageFolder(classes: folder.path) }
        #expect(error.reason == .empty && error.message.contains("`two`"))
        #expect(error.message.contains("files ending in .jpg .jpeg .jpe .jfif .png .tif .tiff .webp .npy are read"))
        let none = try #require(throws: ImageError.self) { try ImageFolder(flat: "\(folder.path)/two") }
        #expect(none.reason == .empty && none.path == "\(folder.path)/two")
        let absent = try #require(throws: ImageError.self) { try ImageFolder(flat: "\(folder.path)/three") }
        #expect(absent.reason == .io)
    }

    @Test func linksAreFollowedAndCyclesEnd() throws {
        let folder = try TemporaryFolder(["real/a.png", "other/b.png"])
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/real/again", withDestinationPath: "\(folder.path)/real")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/real/linked", withDestinationPath: "\(folder.path)/other")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/dangling.png", withDestinationPath: "\(folder.path)/nothing.png")
        let source = try ImageFolder(flat: folder.path)
        #expect((0..<source.count).map(source.key) == ["other/b.png", "real/a.png", "real/linked/b.png"])
        #expect(source.ledger.count(.linkToAncestor) == 1 && source.ledger.count(.danglingLink) == 1)
    }

    @Test func partsMustHaveTheSameClasses() throws {
        let folder = try TemporaryFolder(["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/c/1.png"])
        var options = ClassFoldersSourceOptions()
        options.path = folder.path
        let context = SourceContext(cards: DatasetCards(folders: []))
        let train = try options.open(.train, in: context)
        #expect(train.labelNames == ["a", "b"])
        let error = try #require(throws: ImageError.self) { try options.open(.test, in: context) }
        #expect(error.reason == .label && error.message.contains("`c`") && !error.message.contains("`b`"))
    }

    @Test func aTableKeepsTheNumberOfAnAbsentClass() throws {
        let folder = try TemporaryFolder(["n3/1.png", "n1/1.png"])
        let table = ClassTable(names: ["tench", "church", "golf ball"], folders: ["n1", "n2", "n3"])
        let source = try ImageFolder(classes: folder.path, table: table)
        #expect((0..<2).compactMap(source.label) == [0, 2] && source.labelNames == table.names)
        let other = ClassTable(names: ["tench"], folders: ["n1"])
        #expect(throws: ImageError.self) { try ImageFolder(classes: folder.path, table: other) }
    }

    @Test func fingerprintsFollowNamesAndBytes() throws {
        let folder = try TemporaryFolder(["a.png", "b.png"])
        let before = try ImageFolder(flat: folder.path).fingerprint
        #expect(try ImageFolder(flat: folder.path).fingerprint == before)
        try folder.write("a.png", [UInt8](repeating: 1, count: 70))
        let one = try ImageFolder(flat: folder.path).fingerprint
        try folder.write("a.png", [UInt8](repeating: 2, count: 70))
        let two = try ImageFolder(flat: folder.path).fingerprint
        #expect(Set([before, one, two]).count == 3, "as many bytes, others")
        try folder.add("c.png")
        #expect(try ImageFolder(flat: folder.path).fingerprint != two)
    }
}
