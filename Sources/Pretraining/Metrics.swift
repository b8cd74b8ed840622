import Foundation
import RecipeSchema

/// The rows of `metrics.jsonl`: appended one by one, cut back to a checkpoint on resume.
struct MetricsFile {
    private let path: String
    private let handle: FileHandle

    /// Opens the file of a run, keeping only rows of steps up to `step`.
    init(path: String, keepingThrough step: Int) throws(RunError) {
        self.path = path
        do {
            let kept = try Self.rows(path).filter { ($0["step"]?.int ?? 0) <= step }
            let text = kept.map { $0.text() + "\n" }.joined()
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.seekToEnd()
        } catch {
            throw RunError(.inputOutput, "cannot write \(path): \(error.localizedDescription)")
        }
    }

    /// The whole rows of a file; a last line that was cut off by a kill is left out.
    private static func rows(_ path: String) throws -> [JSONValue] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return data.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONParser.parse(Array($0)) }
    }

    /// Appends a row.
    func append(_ row: JSONValue) throws(RunError) {
        do {
            try handle.write(contentsOf: Data((row.text() + "\n").utf8))
        } catch {
            throw RunError(.inputOutput, "cannot write \(path): \(error.localizedDescription)")
        }
    }
}
