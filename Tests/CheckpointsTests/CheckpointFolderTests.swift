import Checkpoints
import Foundation
import RecipeSchema
import TestSupport
import Testing

@Suite struct CheckpointFolderTests {
    static func checkpoint(_ step: Int) -> Checkpoint {
        Checkpoint(
            step: step, model: SafetensorsFile([("w", StoredTensor([Float(step), 2]))]),
            optimizer: SafetensorsFile([("w.moment", StoredTensor([Float(step) / 3]))], metadata: ["kind": "adamw"]),
            state: .object([("epoch", JSONValue(step / 10)), ("rate", JSONValue(0.1)), ("name", JSONValue("ä\n"))]))
    }

    @Test func aCheckpointReadsBackEqual() throws {
        let folder = try TemporaryFolder()
        let checkpoints = CheckpointFolder("\(folder.path)/run/checkpoints")
        #expect(try checkpoints.latest().checkpoint == nil)
        try checkpoints.write(Self.checkpoint(1950), keep: 3)
        #expect(try folder.names("run/checkpoints") == ["step-00001950"])
        #expect(
            try folder.names("run/checkpoints/step-00001950")
                == ["model.safetensors", "optimizer.safetensors", "state.json"])
        #expect(try checkpoints.read(step: 1950) == Self.checkpoint(1950))
        #expect(try checkpoints.latest().checkpoint == Self.checkpoint(1950))
        #expect(try checkpoints.latest().warnings.isEmpty)
    }

    @Test func onlyTheLastAreKept() throws {
        let folder = try TemporaryFolder()
        let checkpoints = CheckpointFolder(folder.path)
        for step in [5, 10, 99_999_999, 100_000_000] { try checkpoints.write(Self.checkpoint(step), keep: 2) }
        #expect(checkpoints.steps() == [99_999_999, 100_000_000])
        #expect(try checkpoints.latest().checkpoint?.step == 100_000_000)
    }

    @Test func whatSomebodyPutIntoACheckpointStays() throws {
        let folder = try TemporaryFolder()
        let checkpoints = CheckpointFolder(folder.path)
        try checkpoints.write(Self.checkpoint(1), keep: 2)
        try folder.write([1], "step-00000001/mine.txt")
        for step in 2...3 { #expect(try checkpoints.write(Self.checkpoint(step), keep: 1).isEmpty) }
        #expect(try folder.names("step-00000001") == ["mine.txt"] && folder.names().count == 2)
        #expect(checkpoints.steps() == [3])
        let latest = try checkpoints.latest()
        #expect(latest.checkpoint?.step == 3 && latest.warnings.isEmpty)
        // A checkpoint of the same step comes beside it.
        try checkpoints.write(Self.checkpoint(1), keep: 2)
        try checkpoints.write(Self.checkpoint(1), keep: 2)
        #expect(try folder.read("step-00000001/mine.txt") == [1] && checkpoints.read(step: 1) == Self.checkpoint(1))
    }

    @Test func aFolderOfTheSameStepIsReplaced() throws {
        let folder = try TemporaryFolder()
        let checkpoints = CheckpointFolder(folder.path)
        try checkpoints.write(Self.checkpoint(7), keep: 2)
        var other = Self.checkpoint(7)
        other.state = .object([("epoch", JSONValue(42))])
        try checkpoints.write(other, keep: 2)
        #expect(try checkpoints.read(step: 7) == other)
        #expect(try folder.names() == ["step-00000007"])
    }

    /// Every single byte of every file, changed: the checkpoint before it is used, and the warning names the file.
    @Test(arguments: ["model.safetensors", "optimizer.safetensors", "state.json"])
    func aDamagedCheckpointIsSkippedWithAWarning(_ name: String) throws {
        let folder = try TemporaryFolder()
        let checkpoints = CheckpointFolder(folder.path)
        try checkpoints.write(Self.checkpoint(1), keep: 2)
        try checkpoints.write(Self.checkpoint(2), keep: 2)
        let good = try folder.read("step-00000002/\(name)")
        for place in good.indices {
            var bad = good
            bad[place] ^= 0x10
            try folder.write(bad, "step-00000002/\(name)")
            let found = try checkpoints.latest()
            // A space that became another blank is no damage to state.json.
            if found.checkpoint != Self.checkpoint(2) {
                #expect(found.checkpoint == Self.checkpoint(1))
                #expect(found.warnings.count == 1)
                #expect(found.warnings.first?.contains("checkpoint of step 2 is skipped") == true)
                #expect(found.warnings.first?.contains("step-00000002/") == true)
            } else {
                #expect(name == "state.json")
            }
        }
        try folder.write([UInt8](good.dropLast()), "step-00000002/\(name)")
        #expect(try name == "state.json" || checkpoints.latest().checkpoint?.step == 1)
        try FileManager.default.removeItem(atPath: "\(folder.path)/step-00000002/\(name)")
        #expect(try checkpoints.latest().checkpoint?.step == 1)
    }

    @Test func halfWrittenFoldersAndForeignNamesAreNotCheckpoints() throws {
        let folder = try TemporaryFolder()
        let checkpoints = CheckpointFolder(folder.path)
        for name in [".step-00000009.77.partial", ".step-00000003.old.partial", "step-9", "step-0000000x", "notes"] {
            try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
        }
        #expect(checkpoints.steps() == [])
        try checkpoints.write(Self.checkpoint(4), keep: 1)
        #expect(try folder.names() == ["notes", "step-00000004", "step-0000000x", "step-9"])
    }

    @Test func aFailedWriteLeavesNothingAndTheOlderOnesWhole() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/out"
        let error = #expect(throws: CheckpointError.self) {
            try AtomicFolder.write(to: path) { (writer: inout FolderWriter) throws(CheckpointError) in
                try writer.file("a") { (output: inout FileWriter) throws(CheckpointError) in try output.write([1]) }
                throw CheckpointError(.unwritable, path: "out/b", "no space")
            }
        }
        #expect(error?.reason == "no space")
        #expect(throws: CheckpointError.self) {
            try AtomicFile.write(to: path) { (output: inout FileWriter) throws(CheckpointError) in
                try output.write([1])
                throw CheckpointError(.unwritable, path: "out", "no space")
            }
        }
        #expect(try folder.names() == [])
    }

    @Test func placesThatCannotBeWrittenAreErrorsWithTheSystemsWords() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], "file")
        let error = #expect(throws: CheckpointError.self) {
            try AtomicFile.write([1], to: "\(folder.path)/file/inside")
        }
        #expect(error?.description == "\(folder.path)/file/inside: cannot be created: Not a directory")
        #expect(error?.kind == .unwritable)
        #expect(throws: CheckpointError.self) {
            try CheckpointFolder("\(folder.path)/file/checkpoints").write(Self.checkpoint(1), keep: 1)
        }
        #expect(throws: CheckpointError.self) {
            try AtomicFolder.write(to: "\(folder.path)/none/out") { (_: inout FolderWriter) in }
        }
        try FileManager.default.createDirectory(atPath: "\(folder.path)/there", withIntermediateDirectories: true)
        #expect(throws: CheckpointError.self) {
            try AtomicFolder.write(to: "\(folder.path)/there") { (_: inout FolderWriter) in }
        }
    }

    /// The file size limit of a process stands in for a full disk.
    @Test func aFullDiskIsAnErrorAndLeavesTheLastCheckpointWhole() async throws {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let checkpoints = CheckpointFolder(folder.path)
            try checkpoints.write(CheckpointFolderTests.checkpoint(1), keep: 1)
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            var large = CheckpointFolderTests.checkpoint(2)
            large.optimizer["m"] = StoredTensor([Float](repeating: 1, count: 100_000))
            do throws(CheckpointError) {
                try checkpoints.write(large, keep: 1)
                exit(1)
            } catch {
                guard error.kind == .unwritable, error.reason == "cannot be written: File too large" else { exit(2) }
            }
            guard try checkpoints.latest().checkpoint == CheckpointFolderTests.checkpoint(1) else { exit(3) }
            guard try folder.names() == ["step-00000001"] else { exit(4) }
        }
    }
}
