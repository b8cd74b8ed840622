public import Checkpoints
import ContentDigests
import Foundation
import RecipeSchema

/// The folder of one run: where each of its files stands.
public struct RunFolder: Sendable {
    /// The folder.
    public let path: String

    /// The run at a path.
    public init(_ path: String) { self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }

    /// The resolved recipe.
    public var recipeFile: String { path + "/recipe.json" }
    /// Rows of steps and epochs.
    public var metricsFile: String { path + "/metrics.jsonl" }
    /// The last encoder, under timm's names.
    public var encoderFile: String { path + "/encoder.safetensors" }
    /// Pictures that could not be read.
    public var skippedFile: String { path + "/skipped.txt" }
    /// The log for people.
    public var logFile: String { path + "/log.txt" }
    /// The scores of the probes.
    public var probesFile: String { path + "/probes.json" }
    /// Pictures.
    public var pictures: String { path + "/pictures" }
    /// The checkpoints.
    public var checkpoints: CheckpointFolder { CheckpointFolder(path + "/checkpoints") }

    /// True where there is a run.
    public var exists: Bool { FileManager.default.fileExists(atPath: recipeFile) }

    /// Makes the folder for a new run; an old run in it is refused, or removed when `overwriting`.
    public func create(overwriting: Bool) throws(RunError) {
        let manager = FileManager.default
        if manager.fileExists(atPath: path) {
            guard overwriting || !exists else {
                throw RunError(
                    .cannotCreate,
                    "\(path) holds a run already: go on with --resume, replace it with --overwrite, or name "
                        + "another folder with --run")
            }
        }
        do {
            try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw RunError(.cannotCreate, "cannot create the run folder \(path): \(error.localizedDescription)")
        }
    }

    /// Removes what an earlier run left, once the folder is locked.
    func clear() throws(RunError) {
        let manager = FileManager.default
        for name in ["checkpoints", "pictures"] { try? manager.removeItem(atPath: "\(path)/\(name)") }
        for file in [recipeFile, metricsFile, encoderFile, skippedFile, probesFile] {
            try? manager.removeItem(atPath: file)
        }
        if exists { throw RunError(.cannotCreate, "cannot remove the earlier run in \(path)") }
    }

    /// The recipe of the run.
    public func recipe() throws -> Recipe {
        guard let data = FileManager.default.contents(atPath: recipeFile) else {
            throw RunError(.missing, "\(path) is not a run: it has no recipe.json")
        }
        do {
            return try Recipe.parse(Array(data))
        } catch {
            throw RunError(.data, "\(recipeFile): \(error)")
        }
    }

    /// Writes the recipe with every value, and what resolved it.
    func write(_ recipe: Recipe) throws(RunError) {
        var members = (recipe.encoded.members ?? []).map { ($0.name, $0.value) }
        members.append(
            ("resolved_by", .object([("version", JSONValue(palimpsestVersion)), ("digest", JSONValue(recipe.digest))])))
        _ = try orRunError { () throws(CheckpointError) in
            try AtomicFile.write(Array((JSONValue.object(members).text(pretty: true) + "\n").utf8), to: recipeFile)
        }
    }
}

extension Recipe {
    /// The SHA-256 of everything that decides the run, so that equal digests mean equal runs.
    public var digest: String { SHA256.hexadecimal(of: Array(encoded.text().utf8)) }

    /// The key paths in which two recipes differ.
    func differences(from other: Recipe) -> [String] {
        func walk(_ a: JSONValue, _ b: JSONValue, _ path: String) -> [String] {
            guard let members = a.members, let others = b.members else { return a == b ? [] : [path] }
            let names = members.map(\.name) + others.map(\.name).filter { a[$0] == nil }
            return names.flatMap { name in
                walk(a[name] ?? .null, b[name] ?? .null, path.isEmpty ? name : "\(path).\(name)")
            }
        }
        return walk(encoded, other.encoded, "")
    }
}

/// Runs a body and turns its file error into one with an exit code.
func orRunError<Result>(_ body: () throws(CheckpointError) -> Result) throws(RunError) -> Result {
    do {
        return try body()
    } catch {
        throw RunError(error)
    }
}

extension RunError {
    /// The error of a file, with the exit code of its kind.
    public init(_ error: CheckpointError) {
        switch error.kind {
        case .invalid: self.init(.data, "\(error)")
        case .missing: self.init(.missing, "\(error)")
        case .unreadable: self.init(.inputOutput, "\(error)")
        case .unwritable: self.init(.cannotCreate, "\(error)")
        }
    }
}
