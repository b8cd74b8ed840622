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
        let prepared = try prepare(path, body)
        let summary = prepared.summary
        try prepared.commit()
        return summary
    }

    /// Writes a file whose first `room` bytes are known last, when its length is: what `body` appends comes behind them, and what it
    /// returns, of just that many bytes, is then put before it. As `write`, complete or as it was, whatever `body` throws.
    public static func write(
        to path: String, room: Int, _ body: (inout FileWriter) throws -> [UInt8]
    ) throws {
        removeRemains(of: path)
        let temporary = temporaryName(path)
        unlink(temporary)
        do {
            var writer = try FileWriter(creating: temporary, reportedAs: path)
            try writer.write([UInt8](repeating: 0, count: room))
            let head = try body(&writer)
            precondition(head.count == room, "\(head.count) bytes for a room of \(room)")
            try writer.overwriteStart(head)
            _ = try writer.finish()
            try PreparedFile(temporary: temporary, path: path, summary: FileSummary(bytes: 0, sha256: "")).commit()
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Removes what killed processes left of earlier tries. A process of another machine may have a number that is free here, so
    /// what was written to within the last minute stays.
    private static func removeRemains(of path: String) {
        let (folder, name) = split(path)
        for found in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where found.hasPrefix(".\(name).") && found.hasSuffix(AtomicFolder.partialSuffix) {
            var status = stat()
            guard let process = Int32(found.dropFirst(name.count + 2).dropLast(AtomicFolder.partialSuffix.count)),
                process > 0,
                kill(process, 0) != 0, errno == ESRCH, lstat("\(folder)/\(found)", &status) == 0,
                status.st_mode & S_IFMT == S_IFREG, status.st_mtim.tv_sec < time(nil) - 60
            else { continue }
            unlink("\(folder)/\(found)")
        }
    }

    /// Another name in the folder of a file.
    private static func temporaryName(_ path: String) -> String {
        let (folder, name) = split(path)
        return "\(folder)/.\(name).\(getpid())\(AtomicFolder.partialSuffix)"
    }

    /// Writes what `body` appends under another name in the folder of `path` and flushes it, so that putting it in place can
    /// hardly fail any more.
    public static func prepare(
        _ path: String, _ body: (inout FileWriter) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> PreparedFile {
        removeRemains(of: path)
        let temporary = temporaryName(path)
        unlink(temporary)  // left by a killed process that had our number
        do throws(CheckpointError) {
            var writer = try FileWriter(creating: temporary, reportedAs: path)
            try body(&writer)
            return PreparedFile(temporary: temporary, path: path, summary: try writer.finish())
        } catch {
            unlink(temporary)
            throw error
        }
    }
}

/// A file that is whole on the disk, but not yet under its name; it vanishes unless it is put in place.
public struct PreparedFile: ~Copyable {
    fileprivate let temporary: String
    fileprivate let path: String
    /// Length and digest of the content.
    public let summary: FileSummary

    fileprivate init(temporary: String, path: String, summary: FileSummary) {
        self.temporary = temporary
        self.path = path
        self.summary = summary
    }

    deinit { unlink(temporary) }

    /// Gives the file its name; what was there before stays until then.
    public consuming func commit() throws(CheckpointError) {
        guard rename(temporary, path) == 0 else {
            throw CheckpointError(.unwritable, path: path, "cannot be put in place: \(systemReason())")
        }
        try flushFolder(split(path).folder, reportedAs: path)
    }
}
