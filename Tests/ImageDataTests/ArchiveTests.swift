import Foundation
import ImageData
import Testing

private let pixel = (try? PNGEncoder.encode([7], height: 1, width: 1, channels: 1)) ?? []
private let context = SourceContext(cards: DatasetCards(folders: []))

/// Shards of a test, removed at its end.
private final class Shards {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(["keep/a.png"]) }

    @discardableResult
    func add(_ name: String = "a.tar", _ make: (inout TarWriter) -> Void) throws -> String {
        var tar = TarWriter()
        make(&tar)
        try folder.write(name, tar.bytes)
        return "\(folder.path)/\(name)"
    }

    func options() -> ShardsSourceOptions {
        var options = ShardsSourceOptions()
        options.path = folder.path
        return options
    }
}

private func sample(_ tar: inout TarWriter, _ key: String, _ label: Int) {
    tar.add("\(key).png", pixel)
    tar.add("\(key).cls", Array("\(label)".utf8))
}

extension ImageSource {
    fileprivate var keys: [String] { (0..<count).map { key($0) } }
    fileprivate var labels: [Int?] { (0..<count).map { label($0) } }
}

@Suite struct ArchiveTests {
    private let shards: Shards

    init() throws { shards = try Shards() }

    @Test func joinedArchivesAreReadOn() throws {
        let path = try shards.add { tar in
            sample(&tar, "0", 3)
            tar.end()
            tar.end()
            sample(&tar, "1", 4)
            tar.end()
        }
        let source = try ShardSource(path)
        #expect(source.keys == ["0", "1"] && source.labels == [3, 4])
        #expect(source.ledger.count(.secondArchive) == 1 && source.ledger.count(.archiveEndedEarly) == 0)
        for index in 0..<2 { #expect(try source.image(index).bytes() == [7]) }
    }

    @Test func junkBehindTheEndIsIgnored() throws {
        var tar = TarWriter()
        sample(&tar, "0", 3)
        tar.end()
        try shards.folder.write("a.tar", tar.bytes + [UInt8](repeating: 9, count: 2000))
        let source = try ShardSource("\(shards.folder.path)/a.tar")
        #expect(source.keys == ["0"] && source.ledger.entries.isEmpty)
    }

    /// Neither of two labels of one picture is taken in silence.
    @Test func labelsThatContradictEachOtherAreRefused() throws {
        func path(_ json: String) throws -> String {
            try shards.add { tar in
                sample(&tar, "0", 1)
                tar.add("0.json", Array(json.utf8))
                tar.end()
            }
        }
        let error = #expect(throws: ImageError.self) { try ShardSource(try path(#"{"label": 0}"#)) }
        #expect(error?.reason == .label && error?.message.contains("`.cls` says 1 and `.json` says 0") == true)
        for json in [#"{"label": 1}"#, #"{"caption": "x"}"#] {
            #expect(try ShardSource(try path(json)).labels == [1])
        }
    }

    @Test func anArchiveWithoutItsEndIsTold() throws {
        let path = try shards.add { sample(&$0, "0", 3) }
        #expect(try ShardSource(path).ledger.count(.archiveEndedEarly) == 1)
    }

    @Test func dottedNamesSplitAtTheLastDotWhereTheFirstGivesNoPicture() throws {
        let path = try shards.add { tar in
            for day in 1...3 { sample(&tar, "2020.01.0\(day)", day) }
            tar.add("a.png", pixel)
            tar.add("a.seg.png", pixel)
            tar.add("a.cls", Array("9".utf8))
            tar.end()
        }
        let source = try ShardSource(path)
        #expect(source.keys == ["2020.01.01", "2020.01.02", "2020.01.03", "a"] && source.labels == [1, 2, 3, 9])
        #expect(source.ledger.entries.first { $0.reason == .memberWithoutPicture }?.examples == ["a.seg.png"])
    }

    @Test(arguments: [false, true])
    func labelsMayComeBehindOrBeforeAllPictures(labelsFirst: Bool) throws {
        let path = try shards.add { tar in
            let pictures = { (tar: inout TarWriter) in for i in 0..<3 { tar.add("x.\(i).png", pixel) } }
            if !labelsFirst { pictures(&tar) }
            for i in [2, 0, 1, 5] { tar.add("x.\(i).cls", Array("\(i)".utf8)) }
            if labelsFirst { pictures(&tar) }
            tar.end()
        }
        let source = try ShardSource(path)
        #expect(source.keys == ["x.0", "x.1", "x.2"] && source.labels == [0, 1, 2])
        #expect(source.ledger.entries.first { $0.reason == .labelWithoutPicture }?.examples == ["x.5.cls"])
    }

    @Test func linksAreFollowedInsideOrCounted() throws {
        let path = try shards.add { tar in
            tar.add("cat/a.png", pixel)
            tar.add("cat/b.png", type: "2", target: "a.png")
            tar.add("dog/c.png", type: "1", target: "cat/a.png")
            tar.add("dog/d.png", type: "2", target: "../dog/c.png")
            tar.add("dog/out.png", type: "2", target: "/etc/passwd")
            tar.add("dog/self.png", type: "2", target: "self.png")
            tar.add("dog/pipe", type: "6")
            tar.end()
        }
        let source = try ShardSource(path)
        #expect(source.keys == ["cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png"] && source.labels == [0, 0, 1, 1])
        for index in 0..<4 { #expect(try source.image(index).bytes() == [7]) }
        #expect(source.ledger.count(.linkMember) == 2 && source.ledger.count(.notAFile) == 1)
    }

    @Test func aLinkWithoutALabelAmongLabelledPicturesIsCounted() throws {
        let path = try shards.add { tar in
            sample(&tar, "0", 1)
            tar.add("link.png", type: "2", target: "0.png")
            tar.add("2.png", type: "2", target: "0.png")
            tar.add("2.cls", Array("5".utf8))
            tar.end()
        }
        let source = try ShardSource(path)
        #expect(source.keys == ["0", "2"] && source.labels == [1, 5])
        #expect(source.ledger.entries.first { $0.reason == .linkMember }?.examples == ["link.png"])
    }

    @Test func membersAreNamedByBytes() throws {
        let path = try shards.add { tar in
            for byte: UInt8 in [0xE9, 0xE8] { tar.add([0x63, byte, 0x2F, 0x31] + Array(".png".utf8), pixel) }
            tar.end()
        }
        let source = try ShardSource(path)
        #expect(source.labelNames == ["c\\xe8", "c\\xe9"] && source.labels == [1, 0])
        #expect(source.ledger.notes.count == 2 && source.ledger.notes[0].contains("UTF-8"))
    }

    @Test func picturesWithoutALabelAmongOthersAreTold() throws {
        let path = try shards.add { tar in
            sample(&tar, "0", 1)
            tar.add("1.png", pixel)
            tar.end()
        }
        let source = try ShardSource(path)
        #expect(source.labels == [1, nil] && source.ledger.count(.pictureWithoutLabel) == 1)
    }

    @Test(arguments: [65_536, 100_000_000, 2_000_000_000])
    func aLabelBeyondAllPicturesIsAnError(label: Int) throws {
        let path = try shards.add { tar in
            sample(&tar, "0", label)
            tar.end()
        }
        let error = try #require(throws: ImageError.self) { try ShardSource(path) }
        #expect(error.reason == .label && error.member == "0" && error.message.contains("beyond 65535"))
    }

    @Test func fingerprintsFollowThePixels() throws {
        func fingerprint(_ byte: UInt8) throws -> String {
            let picture = try PNGEncoder.encode([byte], height: 1, width: 1, channels: 1)
            return try ShardSource(
                shards.add {
                    $0.add("a.png", picture)
                    $0.end()
                }
            ).fingerprint
        }
        #expect(try fingerprint(1) != fingerprint(2) && fingerprint(1) == fingerprint(1))
    }
}

@Suite struct ShardPartTests {
    private let shards: Shards

    init() throws { shards = try Shards() }

    private func folders(_ shard: String, _ names: [String], below prefix: String = "") throws {
        try shards.add(shard) { tar in
            for name in names { tar.add("\(prefix)\(name)/0.png", pixel) }
            tar.end()
        }
    }

    @Test func theTrainingPartNumbersTheClasses() throws {
        try folders("train-0.tar", ["a", "b", "c"])
        try folders("test-0.tar", ["c", "a"])
        let test = try shards.options().open(.test, in: context)
        #expect(test.labelNames == ["a", "b", "c"] && test.labels == [2, 0])
        #expect(test.ledger.notes.contains { $0.contains("1 of 3 classes have no picture in the test part: `b`") })
        try folders("test-0.tar", ["a", "d"])
        let error = try #require(throws: ImageError.self) { try shards.options().open(.test, in: context) }
        #expect(error.reason == .label && error.message.contains("`d`"))
    }

    @Test func classesOfAListKeepItsOrder() throws {
        try folders("train-0.tar", ["a", "b"])
        try folders("val-0.tar", ["b"])
        try shards.folder.write("classes.txt", Array("z\nb\na\n".utf8))
        let train = try shards.options().open(.train, in: context)
        #expect(train.labelNames == ["z", "b", "a"] && train.labels == [2, 1])
        #expect(try shards.options().open(.test, in: context).labels == [1])
    }

    @Test func aFileBesideClassFoldersIsNoLabel() throws {
        try shards.add("train-0.tar") { tar in
            tar.add("meta.json", Array("{}".utf8))
            tar.add("a/0.png", pixel)
            tar.add("b/0.png", pixel)
            tar.end()
        }
        let train = try shards.options().open(.train, in: context)
        #expect(train.labels == [0, 1] && train.ledger.count(.labelWithoutPicture) == 1)
    }

    @Test func theFolderOfAPartIsNoClass() throws {
        try folders("train.tar", ["a", "b"], below: "set/train/")
        try folders("validation.tar", ["b"], below: "set/validation/")
        #expect(try shards.options().open(.train, in: context).labels == [0, 1])
        let test = try shards.options().open(.test, in: context)
        #expect(test.labels == [1] && test.labelNames == ["a", "b"])
    }

    @Test func labelsThatTrainingNeverShowsAreTold() throws {
        try shards.add("imagenet-train-0.tar") { tar in
            sample(&tar, "0", 0)
            tar.end()
        }
        try shards.add("imagenet-validation-0.tar") { tar in
            sample(&tar, "0", 0)
            sample(&tar, "1", 3)
            tar.end()
        }
        let test = try shards.options().open(.test, in: context)
        #expect(test.labels == [0, 3])
        #expect(
            test.ledger.notes.contains { $0.hasPrefix("1 of 2 test pictures are of classes") && $0.hasSuffix(": 3") })
    }

    @Test func shardsOfNoPartAreCounted() throws {
        for name in ["train-0.tar", "test-0.tar", "val-0.tar", "extra.tar"] {
            try shards.add(name) { tar in
                sample(&tar, name, 0)
                tar.end()
            }
        }
        let train = try shards.options().open(.train, in: context)
        #expect(train.keys == ["train-0.tar"] && train.ledger.count(.otherShard) == 2)
    }

    @Test(arguments: [
        String(repeating: "{0..1}", count: 20_000), String(repeating: "{", count: 20_000),
        String(repeating: "{a}", count: 600) + "{0..9}{0..9}{0..9}{0..9}{0..9}{0..9}",
    ])
    func bracesOfAnyNumberEndInASentence(text: String) throws {
        let error = try #require(throws: ImageError.self) { try ShardSource(text) }
        #expect(error.reason == .tooLarge && error.description.utf8.count < 3000)
    }
}
