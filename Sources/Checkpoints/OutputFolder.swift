import Foundation

/// A folder of files that somebody asked to have written: looked at before any work is done for it, filled at the end.
///
/// Files of ours in it that an earlier call left, and that this one does not write, are removed at the end: nothing old stands beside
/// the new. Files that are not ours by name stay; one that is ours by name and holds something else is refused.
public struct OutputFolder: Sendable {
    /// What a name holds, where it is one that is written there; nil for the names of others.
    public typealias Names = @Sendable (String) -> OutputFile.Content?

    /// The path as it was given.
    public let path: String
    private let names: Names
    private let replacing: Bool

    /// Looks at the place of a folder; throws where it cannot be made or written, or holds something else under a name of ours.
    ///
    /// `replacing` allows any regular file of such a name to be replaced.
    public init(_ path: String, replacing: Bool = false, names: @escaping Names) throws(CheckpointError) {
        var path = path
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        self.path = path
        self.names = names
        self.replacing = replacing
        guard !path.isEmpty else {
            throw CheckpointError(.unwritable, path: "\"\"", "the name of the output is empty; give a folder")
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else {
                throw CheckpointError(.unwritable, path: path, "cannot be written: \(systemReason())")
            }
            let parent = split(path).folder
            guard isFolder(parent) else {
                throw CheckpointError(
                    .unwritable, path: path,
                    "cannot be created: there is no folder \(parent); make it, or name another place")
            }
            try Self.requireWritable(parent, for: path)
            return
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw CheckpointError(.unwritable, path: path, "is no folder; name another place")
        }
        try Self.requireWritable(path, for: path)
        for name in try present() { _ = try file(name) }
    }

    /// Throws where the folder is one that is read, or lies in one, or where a file of it would replace what is read. Whoever reads a
    /// folder passes over the runs in it, so a folder of a run may lie there.
    public func requireApart(from read: [String]) throws(CheckpointError) {
        if let real = realPath(path) ?? realPath(split(path).folder).map({ "\($0)/\(split(path).name)" }) {
            let isOfRun = access("\(split(real).folder)/\(runMarkerName)", F_OK) == 0
            for place in read {
                guard let other = realPath(place) else { continue }
                guard real == other || (real.hasPrefix(other + "/") && !isOfRun) else { continue }
                throw CheckpointError(
                    .unwritable, path: path,
                    "\(real == other ? "is" : "lies in") \(place), which is read for this; name another folder")
            }
        }
        for name in try present() { try file(name).requireApart(from: read) }
    }

    /// Writes all files in their order, the last of which tells that the others are there, and removes those of ours that are older.
    public func write(_ files: [(name: String, bytes: [UInt8])]) throws(CheckpointError) {
        try createFolder(path)
        let written = Set(files.map(\.name))
        for entry in files { try file(entry.name).write(entry.bytes) }
        for name in try present() where !written.contains(name) {
            // What is not ours by content is left: it was not replaced, so it need not go.
            guard (try? OutputFile("\(path)/\(name)", names(name) ?? .unmarked)) != nil else { continue }
            unlink("\(path)/\(name)")
        }
    }

    /// Names of ours that are there.
    private func present() throws(CheckpointError) -> [String] {
        guard isFolder(path) else { return [] }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).filter { names($0) != nil }.sorted()
        } catch {
            throw CheckpointError(.unwritable, path: path, "cannot be listed: \(error.localizedDescription)")
        }
    }

    private func file(_ name: String) throws(CheckpointError) -> OutputFile {
        guard let content = names(name) else { preconditionFailure("\(name) is no name of this folder") }
        return try OutputFile("\(path)/\(name)", content, replacing: replacing)
    }

    private static func requireWritable(_ folder: String, for path: String) throws(CheckpointError) {
        guard access(folder, W_OK | X_OK) == 0 else {
            throw CheckpointError(
                .unwritable, path: path, "cannot be written: the folder \(folder) refuses: \(systemReason())")
        }
    }
}
