import Foundation

/// Files that are complete or absent, whatever happens while they are written.
public enum AtomicFile {
    /// Writes `bytes` to `path`; what was there before stays until the new content is on the disk.
    @discardableResult
    public static func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) -> FileSummary {
        try write(to: path) { (writer: inout FileWriter) throws(CheckpointError) in try writer.write(bytes) }
    }

    /// Writes what `body` appends to `path`: under another name in the same folder, flushed, then renamed, and the
    /// folder flushed. If `body` throws, nothing remains of the new file.
    @discardableResult
    public static func write(
        to path: String, _ body: (inout FileWriter) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> FileSummary {
        let (folder, name) = split(path)
        let temporary = "\(folder)/.\(name).\(getpid()).partial"
        unlink(temporary)  // left by a killed process that had our number
        do throws(CheckpointError) {
            var writer = try FileWriter(creating: temporary, reportedAs: path)
            try body(&writer)
            let summary = try writer.finish()
            guard rename(temporary, path) == 0 else {
                throw CheckpointError(.unwritable, path: path, "cannot be put in place: \(systemReason())")
            }
            try flushFolder(folder, reportedAs: path)
            return summary
        } catch {
            unlink(temporary)
            throw error
        }
    }
}
