import Checkpoints
import Foundation
import RecipeSchema

/// The folder of a sweep: `sweep.json`, which tells it from others, and a run's folder for each member.
public struct SweepFolder: Sendable {
    /// The folder.
    public let path: String

    /// The sweep at a path.
    public init(_ path: String) { self.path = RunFolder(path).path }

    /// What only a sweep has.
    private var markerFile: String { path + "/sweep.json" }

    /// The page at the end.
    public var pageFile: String { path + "/compare.html" }

    /// The folder of a member.
    public func run(_ member: Sweep.Member) -> RunFolder { RunFolder("\(path)/\(member.name)") }

    /// What the member's process said.
    public func said(_ member: Sweep.Member) -> String { "\(path)/\(member.name).txt" }

    /// Begins a sweep in a new or empty folder, or goes on with the same one; refuses any other folder.
    ///
    /// The lock holds until the result is let go of.
    package func claim(_ sweep: Sweep) throws(RunError) -> RunLock {
        let names: [String]
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw RunError(.cannotCreate, "the folder \(path) cannot be made or listed: \(error.localizedDescription)")
        }
        if let data = FileManager.default.contents(atPath: markerFile) {
            guard let found = try? JSONParser.parse(Array(data)), found["palimpsest_sweep"]?.int == 1 else {
                throw RunError(
                    .cannotCreate,
                    "\(markerFile) is none of ours, so nothing is written there; name a new folder with --run")
            }
            guard found["digest"]?.string == sweep.digest else {
                throw RunError(
                    .usage,
                    "\(path) holds another sweep (of other recipes, values or seeds); repeat the command that made it, or name a new "
                        + "folder with --run")
            }
        } else {
            guard names.allSatisfy(RunFolder.isPartial) else {
                let shown = names.sorted().prefix(3).map { "\"\($0.shown)\"" }.joined(separator: ", ")
                throw RunError(
                    .cannotCreate,
                    "\(path) is no sweep and not empty (it holds \(shown)), so nothing is written there; name a new folder with --run"
                )
            }
            let marker = JSONValue.object([
                ("palimpsest_sweep", JSONValue(1)), ("version", JSONValue(palimpsestVersion)),
                ("digest", JSONValue(sweep.digest)),
                ("runs", JSONValue(sweep.members.map { JSONValue($0.name) })),
            ])
            _ = try orRunError { () throws(CheckpointError) in
                try AtomicFile.write(Array((marker.text(pretty: true) + "\n").utf8), to: markerFile)
            }
        }
        guard let lock = try RunLock(folder: path) else {
            throw RunError(.inUse, "another process works on the sweep in \(path); wait for it, or stop it")
        }
        return lock
    }
}
