public import Checkpoints
import Foundation
public import RecipeSchema

/// The scores of a run, `probes.json`: a row for each protocol, kind of features, data and settings. New rows are added; one of
/// the same is replaced, and nothing else ever vanishes.
public struct ProbeRecord: Sendable {
    private let path: String

    /// The scores in a file that may not be there yet; throws where it is not a list of rows, which is then left alone.
    public init(_ path: String) throws(CheckpointError) {
        self.path = path
        _ = try Self.rows(path)
    }

    private static func rows(_ path: String) throws(CheckpointError) -> [JSONValue] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CheckpointError(.unreadable, path: path, "cannot be read: \(systemReason())")
        }
        guard let list = try? JSONParser.parse(Array(data)).array, list.allSatisfy({ $0["protocol"]?.string != nil })
        else {
            throw CheckpointError(
                .invalid, path: path, "is not the list of scores that pretrain probe writes; move it away first")
        }
        return list
    }

    /// Adds rows to those that stand in the file now: what others have added since is kept, and who adds at the same time waits.
    public func add(_ new: [JSONValue]) throws(CheckpointError) {
        let descriptor = open(split(path).folder, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        // Where a file system has no locks, rows are added all the same.
        if descriptor >= 0 { flock(descriptor, LOCK_EX) }
        var rows = try Self.rows(path)
        for row in new {
            if let place = rows.firstIndex(where: { Self.identity($0) == Self.identity(row) }) {
                rows[place] = row
            } else {
                rows.append(row)
            }
        }
        let text = JSONValue(rows).text(pretty: true) + "\n"
        // What could not be read again would take the scores of all others with it.
        guard (try? JSONParser.parse(text)) != nil else {
            throw CheckpointError(
                .invalid, path: path,
                "would not be readable with these scores, so it is left as it is; this is a fault of ours")
        }
        try AtomicFile.write(Array(text.utf8), to: path)
    }

    /// What tells a row from the others: all of it but what came out.
    private static func identity(_ row: JSONValue) -> [String: String] {
        let results: Set = [
            "accuracy", "mean_iou", "pixel_accuracy", "iou", "interval", "spread", "chosen", "outcomes",
            "recipe_digest",
            "run",
        ]
        var identity: [String: String] = [:]
        for member in row.members ?? [] where !results.contains(member.name) {
            identity[member.name] = member.value.text()
        }
        identity["shots"] = row["chosen"]?["shots"]?.text()
        return identity
    }
}
