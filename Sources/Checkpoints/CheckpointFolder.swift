import ContentDigests
import Foundation
public import RecipeSchema

/// What training needs to go on: weights, optimiser state, and all else as a JSON object.
public struct Checkpoint: Sendable, Equatable {
    /// Number of optimiser steps done.
    public var step: Int
    /// The weights (`model.safetensors`).
    public var model: SafetensorsFile
    /// Moments and whatever else the optimiser keeps (`optimizer.safetensors`).
    public var optimizer: SafetensorsFile
    /// All else (`state.json`): an object, without the members `files` and `sha256`, which are ours.
    public var state: JSONValue

    /// A checkpoint of the given parts.
    public init(step: Int, model: SafetensorsFile, optimizer: SafetensorsFile, state: JSONValue) {
        self.step = step
        self.model = model
        self.optimizer = optimizer
        self.state = state
    }
}

/// The `checkpoints` folder of a run: one folder `step-00001950` a checkpoint, each complete or absent.
///
/// `state.json` holds, beside the caller's members, `files` (`{"model.safetensors": {"bytes", "sha256"}, …}`) and
/// `sha256`, the digest of its own text without that member; a checkpoint with a changed bit anywhere is found out.
/// One process at a time may write (the run folder's lock sees to that).
public struct CheckpointFolder: Sendable {
    /// The folder that holds the checkpoints.
    public let path: String

    private static let modelName = "model.safetensors"
    private static let optimizerName = "optimizer.safetensors"
    private static let stateName = "state.json"

    /// The checkpoints in the folder `path`, which need not exist yet.
    public init(_ path: String) {
        self.path = path
    }

    /// The folder of a step.
    public func folder(of step: Int) -> String { "\(path)/\(Self.name(of: step))" }

    /// The name of a step's folder: `step-00001950`.
    public static func name(of step: Int) -> String {
        let digits = String(step)
        return "step-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits)"
    }

    /// The files of a checkpoint.
    public static let fileNames = [modelName, optimizerName, stateName]

    /// The steps that have a folder with a file of a checkpoint in it, rising; not all of them need be good.
    public func steps() -> [Int] {
        folders().filter { step in
            let folder = folder(of: step)
            // What cannot be listed may well hold one.
            guard access(folder, R_OK | X_OK) == 0 else { return true }
            return Self.fileNames.contains { access("\(folder)/\($0)", F_OK) == 0 }
        }
    }

    /// The steps that have a folder, whatever is in it, rising.
    public func folders() -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap(Self.step(of:)).sorted()
    }

    private static func step(of name: String) -> Int? {
        guard name.hasPrefix("step-") else { return nil }
        let digits = name.dropFirst(5)
        guard digits.count >= 8, digits.utf8.allSatisfy({ (48...57).contains($0) }), let step = Int(digits) else {
            return nil
        }
        // The one spelling that `name(of:)` gives.
        return digits.count == 8 || digits.first != "0" ? step : nil
    }

    /// Writes a checkpoint, then removes all but the last `keep`, this one among them. A folder of the same step is
    /// replaced. When it fails (no space, no permission), the older checkpoints are as they were.
    ///
    /// Returns a sentence for each old checkpoint that could not be removed: that is no reason to stop.
    @discardableResult
    public func write(_ checkpoint: Checkpoint, keep: Int) throws(CheckpointError) -> [String] {
        precondition(keep >= 1, "keep is \(keep); at least the checkpoint just written is kept")
        guard let own = checkpoint.state.members else {
            preconditionFailure("the state of a checkpoint is a JSON object, not \(checkpoint.state.text())")
        }
        try createFolder(path)
        removePartials()
        try AtomicFolder.write(to: folder(of: checkpoint.step), replacing: true, ofFiles: Self.fileNames) {
            (writer: inout FolderWriter) throws(CheckpointError) in
            var files: [(String, JSONValue)] = []
            for (name, file) in [(Self.modelName, checkpoint.model), (Self.optimizerName, checkpoint.optimizer)] {
                let summary = try writer.file(name) { (output: inout FileWriter) throws(CheckpointError) in
                    try Safetensors.write(file, into: &output)
                }
                files.append(
                    (name, .object([("bytes", JSONValue(summary.bytes)), ("sha256", JSONValue(summary.sha256))])))
            }
            let state = Self.sealed(own.map { ($0.name, $0.value) } + [("files", .object(files))])
            try writer.file(Self.stateName) { (output: inout FileWriter) throws(CheckpointError) in
                try output.write([UInt8]((state.text(pretty: true) + "\n").utf8))
            }
        }
        return removeOld(through: checkpoint.step, keep: keep)
    }

    /// Removes all checkpoints up to a step but the last `keep` of them: what a process that was killed may have left.
    ///
    /// Returns a sentence for each that could not be removed.
    public func removeOld(through last: Int, keep: Int) -> [String] {
        var warnings: [String] = []
        for step in steps().filter({ $0 <= last }).dropLast(keep) {
            do throws(CheckpointError) {
                try AtomicFolder.remove(folder(of: step), files: Self.fileNames.reversed())
            } catch {
                warnings.append("an old checkpoint stays: \(error)")
            }
        }
        return warnings
    }

    /// Reads the checkpoint of a step; fails where a file is missing, damaged, or not the one that was written.
    public func read(step: Int) throws(CheckpointError) -> Checkpoint {
        let folder = folder(of: step)
        var members = try Self.unsealed("\(folder)/\(Self.stateName)")
        guard let place = members.firstIndex(where: { $0.name == "files" }) else {
            throw CheckpointError(.invalid, path: "\(folder)/\(Self.stateName)", "has no \"files\"")
        }
        let files = members.remove(at: place).value
        return Checkpoint(
            step: step, model: try Self.checked(Self.modelName, in: folder, files),
            optimizer: try Self.checked(Self.optimizerName, in: folder, files),
            state: .object(members.map { ($0.name, $0.value) }))
    }

    /// The newest checkpoint that is whole, nil where there is none, and a sentence for each newer one that is damaged.
    ///
    /// Throws where one cannot be read for want of permission, say: it may well be whole, and going on from an older one would
    /// lose what it holds.
    public func latest() throws(CheckpointError) -> (checkpoint: Checkpoint?, warnings: [String]) {
        var warnings: [String] = []
        for step in steps().reversed() {
            do throws(CheckpointError) {
                return (try read(step: step), warnings)
            } catch {
                let isMissing = Self.fileNames.contains {
                    access("\(folder(of: step))/\($0)", F_OK) != 0 && errno == ENOENT
                }
                guard error.kind == .invalid || isMissing else { throw error }
                warnings.append("checkpoint of step \(step) is skipped: \(error)")
            }
        }
        return (nil, warnings)
    }

    /// The state of the newest checkpoint whose state is whole; the other files are not looked at.
    public func newestState() -> JSONValue? {
        for step in steps().reversed() {
            if let members = try? Self.unsealed("\(folder(of: step))/\(Self.stateName)") {
                return .object(members.map { ($0.name, $0.value) })
            }
        }
        return nil
    }

    /// Removes what a killed process left half written or half removed; only for whoever holds the lock of the run.
    public func removePartials() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        where name.hasPrefix(".step-") && name.hasSuffix(AtomicFolder.partialSuffix) {
            // Rubbish that stays takes space, nothing else; writing goes on.
            try? removeFolder("\(path)/\(name)")
        }
    }

    private static func checked(
        _ name: String, in folder: String, _ files: JSONValue
    ) throws(CheckpointError) -> SafetensorsFile {
        let path = "\(folder)/\(name)"
        guard let expected = files[name]?["sha256"]?.string else {
            throw CheckpointError(.invalid, path: "\(folder)/\(stateName)", "has no digest of \(name)")
        }
        let reader = try FileReader(path)
        if let bytes = files[name]?["bytes"]?.int, bytes != reader.size {
            throw CheckpointError(.invalid, path: path, "has \(reader.size) bytes; \(bytes) were written")
        }
        let content = try reader.read(reader.size)
        guard SHA256.hexadecimal(of: content) == expected else {
            throw CheckpointError(.invalid, path: path, "is not the file that was written: its sha256 differs")
        }
        return try Safetensors.read(content, path: path)
    }

    /// The object with a last member `sha256`: the digest of the text of all others.
    private static func sealed(_ members: [(String, JSONValue)]) -> JSONValue {
        let digest = SHA256.hexadecimal(of: [UInt8](JSONValue.object(members).text().utf8))
        return .object(members + [("sha256", JSONValue(digest))])
    }

    private static func unsealed(_ path: String) throws(CheckpointError) -> [JSONValue.Member] {
        let reader = try FileReader(path)
        let content = try reader.read(reader.size)
        let value: JSONValue
        do {
            value = try JSONParser.parse(content)
        } catch {
            throw CheckpointError(.invalid, path: path, "line \(error.line): \(error.message)")
        }
        guard var members = value.members, let place = members.firstIndex(where: { $0.name == "sha256" }) else {
            throw CheckpointError(.invalid, path: path, "is not a JSON object with a \"sha256\"")
        }
        let expected = members.remove(at: place).value.string
        let text = JSONValue.object(members.map { ($0.name, $0.value) }).text()
        guard SHA256.hexadecimal(of: [UInt8](text.utf8)) == expected else {
            throw CheckpointError(.invalid, path: path, "is not the file that was written: its sha256 differs")
        }
        return members
    }
}
