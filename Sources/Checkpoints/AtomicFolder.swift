import Foundation

/// Folders that are complete or absent, whatever happens while they are written.
public enum AtomicFolder {
    /// Ending of the names under which folders are written or removed; what carries it is rubbish after a crash.
    static let partialSuffix = ".partial"

    /// Writes a folder aside, then renames it to `path` and flushes the folder around it.
    ///
    /// - Parameters:
    ///   - replacing: whether a folder of that name may be there already; it is then removed after the new one is
    ///     complete. Otherwise it is an error.
    ///   - own: what the folder that is replaced may hold of ours; nil for everything. Anything else in it is taken over.
    ///   - body: fills the folder by `FolderWriter.file`. If it throws, nothing remains of the new folder.
    public static func write(
        to path: String, replacing: Bool = false, ofFiles own: [String]? = nil,
        _ body: (inout FolderWriter) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let (parent, name) = split(path)
        let existing = isFolder(path)
        guard replacing || !existing else {
            throw CheckpointError(.unwritable, path: path, "exists already; choose another name or remove it")
        }
        let temporary = "\(parent)/.\(name).\(getpid())\(partialSuffix)"
        let old = "\(parent)/.\(name).old\(partialSuffix)"
        try removeFolder(temporary)
        guard mkdir(temporary, 0o777) == 0 else {
            throw CheckpointError(.unwritable, path: path, "the folder cannot be created: \(systemReason())")
        }
        do throws(CheckpointError) {
            var writer = FolderWriter(folder: temporary, reportedAs: path)
            try body(&writer)
            try flushFolder(temporary, reportedAs: path)
            if existing {
                // A folder cannot be renamed over a full one.
                try removeFolder(old)
                guard rename(path, old) == 0 else {
                    throw CheckpointError(.unwritable, path: path, "cannot be replaced: \(systemReason())")
                }
            }
            guard rename(temporary, path) == 0 else {
                let reason = systemReason()
                if existing { rename(old, path) }
                throw CheckpointError(.unwritable, path: path, "cannot be put in place: \(reason)")
            }
            try flushFolder(parent, reportedAs: path)
        } catch {
            try? removeFolder(temporary)
            throw error
        }
        guard existing else { return }
        for name in own.map({ foreign(in: old, besides: $0) }) ?? []
        where rename("\(old)/\(name)", "\(path)/\(name)") != 0 {
            throw CheckpointError(.unwritable, path: "\(old)/\(name)", "cannot be moved back: \(systemReason())")
        }
        try removeFolder(old)
    }

    /// What a folder holds besides some files.
    private static func foreign(in folder: String, besides own: [String]) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !own.contains($0) }
    }

    /// Removes the files of a folder, and it, so that no half of it is ever seen under its name; nothing happens where there is
    /// none. One that is protected against writing is left as it is. Where it holds anything else, the files are removed in their
    /// order and the rest stays.
    public static func remove(_ path: String, files: [String]) throws(CheckpointError) {
        guard isFolder(path) else { return }
        guard access(path, W_OK | X_OK) == 0 else {
            throw CheckpointError(.unwritable, path: path, "cannot be removed: \(systemReason())")
        }
        guard foreign(in: path, besides: files).isEmpty else {
            for name in files { unlink("\(path)/\(name)") }
            return
        }
        let (parent, name) = split(path)
        let old = "\(parent)/.\(name).old\(partialSuffix)"
        try removeFolder(old)
        guard rename(path, old) == 0 else {
            throw CheckpointError(.unwritable, path: path, "cannot be removed: \(systemReason())")
        }
        try removeFolder(old)
    }
}

/// Makes the files of a folder that is being written; each is flushed to the disk.
public struct FolderWriter: ~Copyable {
    private let folder: String
    private let path: String

    init(folder: String, reportedAs path: String) {
        self.folder = folder
        self.path = path
    }

    /// Writes the file `name` of this folder with what `body` appends.
    @discardableResult
    public mutating func file(
        _ name: String, _ body: (inout FileWriter) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> FileSummary {
        var writer = try FileWriter(creating: "\(folder)/\(name)", reportedAs: "\(path)/\(name)")
        try body(&writer)
        return try writer.finish()
    }
}

/// Removes a folder and all in it; nothing happens where there is none.
func removeFolder(_ path: String) throws(CheckpointError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    do {
        try FileManager.default.removeItem(atPath: path)
    } catch {
        throw CheckpointError(.unwritable, path: path, "cannot be removed: \(error.localizedDescription)")
    }
}
