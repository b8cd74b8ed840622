import Checkpoints
import Foundation
import TestSupport
import Testing

/// A folder of outputs: nothing of others is lost, nothing old of ours stays.
struct OutputFolderTests {
    private let home: TemporaryFolder
    init() throws { home = try TemporaryFolder() }

    private func folder(_ name: String, replacing: Bool = false) throws(CheckpointError) -> OutputFolder {
        try OutputFolder("\(home.path)/\(name)", replacing: replacing) { name in
            name.hasSuffix(".rows") ? .text(start: "ours") : nil
        }
    }

    @Test func whatIsOldGoesAndWhatIsOthersStays() throws {
        try folder("out/").write([("a.rows", Array("ours 1".utf8)), ("b.rows", Array("ours 2".utf8))])
        try home.write([1], "out/notes.txt")
        try folder("out").write([("b.rows", Array("ours 3".utf8))])
        #expect(try home.names("out") == ["b.rows", "notes.txt"])
        #expect(try home.read("out/b.rows") == Array("ours 3".utf8))
    }

    @Test func aNameOfOursThatHoldsSomethingElseIsRefused() throws {
        try FileManager.default.createDirectory(atPath: home.path + "/out", withIntermediateDirectories: true)
        try home.write(Array("mine".utf8), "out/a.rows")
        let error = #expect(throws: CheckpointError.self) { try folder("out") }
        #expect(error?.kind == .unwritable && error?.description.contains("--overwrite") == true)
        try folder("out", replacing: true).write([("b.rows", Array("ours".utf8))])
        // It was not replaced, so it need not go.
        #expect(try home.names("out") == ["a.rows", "b.rows"])
        try folder("out", replacing: true).write([("a.rows", Array("ours".utf8))])
        #expect(try home.names("out") == ["a.rows"])
    }

    @Test func placesThatCannotBeAreRefusedBeforeAnyWork() throws {
        try home.write([1], "file")
        for name in ["file", "nowhere/out", "file/out"] {
            let error = #expect(throws: CheckpointError.self) { try folder(name) }
            #expect(error?.kind == .unwritable)
        }
        #expect(throws: CheckpointError.self) { try OutputFolder("") { _ in nil } }
        #expect(try home.names() == ["file"])
    }

    @Test func picturesThatAreReadGetNoneOfOurs() throws {
        try FileManager.default.createDirectory(atPath: home.path + "/pictures/cat", withIntermediateDirectories: true)
        for name in ["pictures", "pictures/cat", "pictures/new"] {
            let place = try folder(name)
            let error = #expect(throws: CheckpointError.self) {
                try place.requireApart(from: [home.path + "/pictures"])
            }
            #expect(error?.description.contains("name another folder") == true)
        }
        // Runs among pictures are passed over.
        try home.write([1], "pictures/cat/palimpsest-run.json")
        try folder("pictures/cat/explore").requireApart(from: [home.path + "/pictures"])
        try folder("pictures-2").requireApart(from: [home.path + "/pictures", home.path + "/nowhere"])
    }
}
