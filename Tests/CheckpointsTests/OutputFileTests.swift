import Checkpoints
import Foundation
import TestSupport
import Testing

/// What stands at the place of an output is looked at before it is written, and only what is ours is replaced.
struct OutputFileTests {
    private let home: TemporaryFolder
    init() throws { home = try TemporaryFolder() }

    private func path(_ name: String) -> String { home.path + "/" + name }

    @Test func aFileOfOursIsReplacedAndAnotherIsNot() throws {
        let features = OutputFile.Content.safetensors(key: "format", value: "features")
        var file = SafetensorsFile(metadata: ["palimpsest": "0", "format": "features"])
        file["x"] = StoredTensor([1, 2] as [Float])
        try OutputFile(path("a.st"), features).write(Safetensors.bytes(of: file))
        try OutputFile(path("a.st"), features).write(Safetensors.bytes(of: file))
        // An encoder is ours, too, and no file of features.
        file.metadata["format"] = "pt"
        let encoder = Safetensors.bytes(of: file)
        file.metadata = [:]
        for bytes in [encoder, Safetensors.bytes(of: file), Array("notes".utf8), [0x89, 0x50, 0x4E, 0x47]] {
            try home.write(bytes, "b.st")
            #expect {
                try OutputFile(path("b.st"), features)
            } throws: { "\($0)".contains("--overwrite") && ($0 as? CheckpointError)?.kind == .unwritable }
            #expect(throws: CheckpointError.self) { try OutputFile(path("b.st"), .png) }
            #expect(try home.read("b.st") == bytes)
        }
        try OutputFile(path("b.st"), features, replacing: true).write([1])
        #expect(try home.read("b.st") == [1])
        try home.write([], "empty")
        try OutputFile(path("empty"), .png).write([2])
        #expect(try home.names() == ["a.st", "b.st", "empty"])
    }

    /// Even on request, what is read is not replaced by what is made of it.
    @Test func whatIsReadIsNoOutput() throws {
        try FileManager.default.createDirectory(atPath: path("pictures"), withIntermediateDirectories: false)
        try home.write([1], "pictures/a.png")
        try home.write([1], "labels.csv")
        symlink("labels.csv", path("link"))
        for (out, read) in [
            ("labels.csv", "labels.csv"), ("link", "labels.csv"), ("pictures/a.png", "pictures"),
            ("pictures/../labels.csv", "link"),
        ] {
            let file = try OutputFile(path(out), .png, replacing: true)
            let error = #expect(throws: CheckpointError.self) { try file.requireApart(from: [path(read)]) }
            #expect(error?.description.contains("would be replaced; name another file") == true)
        }
        try home.write([1], "pictures/palimpsest-run.json")
        try home.write([1], "pictures/recipe.json")
        let recipe = try OutputFile(path("pictures/recipe.json"), .unmarked, replacing: true)
        #expect(throws: CheckpointError.self, "a file of a run") { try recipe.requireApart(from: []) }
        try OutputFile(path("pictures/new.png"), .png).requireApart(from: [path("pictures")])
        try OutputFile(path("labels.csv"), .png, replacing: true).requireApart(from: [
            path("pictures"), path("nowhere"),
        ])
    }

    /// What is written among pictures would be learned from next time.
    @Test func picturesThatAreReadGetNoneMore() throws {
        try FileManager.default.createDirectory(atPath: path("pictures/cat"), withIntermediateDirectories: true)
        for (out, content) in [("pictures/new.png", OutputFile.Content.png), ("pictures/cat/a.NPY", .unmarked)] {
            let error = #expect(throws: CheckpointError.self) {
                try OutputFile(path(out), content).requireApart(from: [path("pictures")])
            }
            #expect(error?.description.contains("be one of them from then on; name a file elsewhere") == true)
        }
        for out in ["pictures/features.csv", "pictures-2.png", "features.npy"] {
            try OutputFile(path(out), .unmarked).requireApart(from: [path("pictures")])
        }
    }

    /// What a killed process left is cleared by the next one that writes the file; nothing else is.
    @Test func remainsOfKilledProcessesAreCleared() throws {
        let ended = Process()
        ended.executableURL = URL(fileURLWithPath: "/bin/sh")
        ended.arguments = ["-c", "true"]
        try ended.run()
        ended.waitUntilExit()
        let dead = ended.processIdentifier
        let old = Date(timeIntervalSinceNow: -3600)
        let kept = [
            ".a.st.\(getppid()).partial", ".b.st.\(dead).partial", ".a.st.mine.partial", ".a.st.\(dead).txt",
        ]
        for name in kept + [".a.st.\(dead).partial"] {
            try home.write([1], name)
            try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path(name))
        }
        try OutputFile(path("a.st"), .unmarked).write([9])
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: home.path)) == Set(kept + ["a.st"]))
        // It may be at work on another machine.
        try home.write([1], ".a.st.\(dead).partial")
        try OutputFile(path("a.st"), .unmarked, replacing: true).write([9])
        #expect(FileManager.default.fileExists(atPath: path(".a.st.\(dead).partial")))
    }

    @Test func aLinkIsFollowedAndStays() throws {
        try FileManager.default.createDirectory(atPath: path("inner"), withIntermediateDirectories: false)
        symlink("inner/target", path("link"))
        try OutputFile(path("link"), .png).write([7])
        #expect(try home.read("inner/target") == [7])
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path("link")) == "inner/target")
        symlink("loop", path("loop"))
        #expect(throws: CheckpointError.self) { try OutputFile(path("loop"), .png) }
    }

    @Test func aPipeIsWrittenIntoAndADeviceStays() throws {
        mkfifo(path("pipe"), 0o600)
        let reader = open(path("pipe"), O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        try OutputFile(path("pipe"), .safetensors(key: "format", value: "features")).write([1, 2, 3])
        var bytes = [UInt8](repeating: 0, count: 8)
        #expect(read(reader, &bytes, 8) == 3)
        try OutputFile("/dev/null", .png).write([1])
        #expect(throws: CheckpointError.self) { try OutputFile("/dev/full", .png).write([1]) }
    }

    @Test(arguments: ["", "nowhere/a", "inner", "inner/", "file/a", "new/"])
    func aPlaceThatCannotBeWrittenIsToldBeforeAnyWork(name: String) throws {
        try FileManager.default.createDirectory(atPath: path("inner"), withIntermediateDirectories: false)
        try home.write([1], "file")
        #expect(throws: CheckpointError.self) { try OutputFile(name.isEmpty ? "" : path(name), .png, replacing: true) }
    }
}
