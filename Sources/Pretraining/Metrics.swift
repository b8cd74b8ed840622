import Checkpoints
import ContentDigests
import Foundation
import RecipeSchema

/// The rows of `metrics.jsonl`: appended one by one, cut back to a checkpoint on resume.
struct MetricsFile {
    private let path: String
    private let handle: FileHandle

    /// Opens the file of a run, keeping only rows of steps up to `step`; none where nothing was trained yet.
    init(path: String, keepingThrough step: Int) throws(RunError) {
        self.path = path
        let kept = step > 0 ? try Self.rows(path).filter { ($0["step"]?.int ?? 0) <= step } : []
        try orRunError { () throws(CheckpointError) in
            _ = try AtomicFile.write(Array(kept.map { $0.text() + "\n" }.joined().utf8), to: path)
        }
        do {
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.seekToEnd()
        } catch {
            throw RunError(.inputOutput, "cannot write \(path): \(error.localizedDescription)")
        }
    }

    /// The whole rows of a file; a last line that was cut off by a kill is left out.
    private static func rows(_ path: String) throws(RunError) -> [JSONValue] {
        guard isFile(path) else { return [] }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RunError(.inputOutput, "\(path) cannot be read: \(systemReason())")
        }
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

extension RunFolder {
    /// Lists pictures that cannot be read: key and reason, a line each.
    func addSkipped(_ pictures: [(key: String, reason: String)]) throws(RunError) {
        let text = pictures.map { "\($0.key.shown)\t\($0.reason.shown)\n" }.joined()
        let descriptor = Foundation.open(skippedFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw RunError(.cannotCreate, "cannot write \(skippedFile): \(systemReason())") }
        defer { close(descriptor) }
        if let reason = writeAll(text.utf8, to: descriptor) {
            throw RunError(.inputOutput, "cannot write \(skippedFile): \(reason)")
        }
    }

    /// Takes back lines of pictures that the last checkpoint did not know of: they are found again.
    func keepSkipped(of keys: [String]) throws(RunError) {
        guard isFile(skippedFile) else { return }
        let known = Set(keys.map(\.shown))
        let lines = (FileManager.default.contents(atPath: skippedFile) ?? Data()).split(separator: UInt8(ascii: "\n"))
        let kept = lines.filter { line in
            known.contains(String(decoding: line.prefix { $0 != UInt8(ascii: "\t") }, as: UTF8.self))
        }
        guard kept.count < lines.count else { return }
        guard !kept.isEmpty else {
            unlink(skippedFile)
            return
        }
        try orRunError { () throws(CheckpointError) in
            _ = try AtomicFile.write(kept.flatMap { Array($0) + [UInt8(ascii: "\n")] }, to: skippedFile)
        }
    }

    /// SHA-256 of the encoder's file as it is; nil where there is none.
    var encoderDigest: String? {
        guard isFile(encoderFile), let data = FileManager.default.contents(atPath: encoderFile) else { return nil }
        return SHA256.hexadecimal(of: Array(data))
    }
}
