import ContentDigests
import Foundation

/// The system's words for the last failed call, such as "No space left on device".
package func systemReason() -> String { String(cString: strerror(errno)) }

/// What only the folder of a run has, and everything that looks at folders knows it by.
public let runMarkerName = "palimpsest-run.json"

/// A path without links, `.` and `..`; nil where nothing is there.
package func realPath(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
}

/// Repeats a call that a signal interrupted.
func uninterrupted<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

/// Reads a regular file piece by piece; the pieces never add up to more than the size it had when opened.
struct FileReader: ~Copyable {
    let path: String
    let size: Int
    private let descriptor: Int32

    init(_ path: String) throws(CheckpointError) {
        // Without O_NONBLOCK, opening a pipe would wait for a writer.
        let descriptor = uninterrupted { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else {
            throw CheckpointError(.unreadable, path: path, "cannot be opened: \(systemReason())")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw CheckpointError(.unreadable, path: path, "is not a regular file")
        }
        // A file full of holes may claim any size.
        guard status.st_size <= ProcessInfo.processInfo.physicalMemory else {
            close(descriptor)
            throw CheckpointError(
                .unreadable, path: path, "has \(status.st_size) bytes, more than this machine's memory")
        }
        self.path = path
        self.size = Int(status.st_size)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// The next `count` bytes; fails where the file ends before.
    borrowing func read(_ count: Int) throws(CheckpointError) -> [UInt8] {
        var failure: String?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let got = uninterrupted { Foundation.read(descriptor, rest.baseAddress, min(rest.count, 1 << 30)) }
                if got > 0 {
                    filled += got
                } else {
                    failure = got == 0 ? "the file became shorter while it was read" : systemReason()
                    return
                }
            }
        }
        if let failure { throw CheckpointError(.unreadable, path: path, "cannot be read: \(failure)") }
        return bytes
    }
}

/// A file's length and digest, as written.
public struct FileSummary: Sendable, Equatable {
    /// Number of bytes.
    public let bytes: Int
    /// SHA-256 of the content, as 64 hexadecimal digits.
    public let sha256: String
}

/// Writes a new file from front to back and keeps its digest.
public struct FileWriter: ~Copyable {
    private let path: String
    private var descriptor: Int32
    private var digest = SHA256()
    private var count = 0

    /// Creates `path`, which must not exist; errors speak of `name`.
    init(creating path: String, reportedAs name: String) throws(CheckpointError) {
        descriptor = uninterrupted { open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else {
            throw CheckpointError(.unwritable, path: name, "cannot be created: \(systemReason())")
        }
        self.path = name
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends bytes.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        var rest = bytes
        while !rest.isEmpty {
            let wanted = min(rest.count, 1 << 30)
            let wrote = uninterrupted { Foundation.write(descriptor, rest.baseAddress, wanted) }
            guard wrote > 0 else {
                throw CheckpointError(.unwritable, path: path, "cannot be written: \(systemReason())")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[wrote...])
        }
        digest.update(bytes)
        count += bytes.count
    }

    /// Appends bytes.
    public mutating func write(_ bytes: [UInt8]) throws(CheckpointError) {
        let result = bytes.withUnsafeBytes { raw in Result { () throws(CheckpointError) in try write(raw) } }
        try result.get()
    }

    /// Writes over the first bytes, which are there already; the digest then is of what was there before.
    mutating func overwriteStart(_ bytes: [UInt8]) throws(CheckpointError) {
        var done = 0
        while done < bytes.count {
            let wrote = bytes[done...].withUnsafeBytes { raw in
                uninterrupted { pwrite(descriptor, raw.baseAddress, min(raw.count, 1 << 30), off_t(done)) }
            }
            guard wrote > 0 else {
                throw CheckpointError(.unwritable, path: path, "cannot be written: \(systemReason())")
            }
            done += wrote
        }
    }

    /// Flushes the content to the disk and closes the file.
    mutating func finish() throws(CheckpointError) -> FileSummary {
        guard fsync(descriptor) == 0 else {
            throw CheckpointError(.unwritable, path: path, "cannot be flushed to the disk: \(systemReason())")
        }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else {
            throw CheckpointError(.unwritable, path: path, "cannot be written: \(systemReason())")
        }
        return FileSummary(bytes: count, sha256: digest.hexadecimal())
    }
}

/// The folder part and the last part of a path.
package func split(_ path: String) -> (folder: String, name: String) {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    guard let slash = trimmed.lastIndex(of: "/") else { return (".", trimmed) }
    let folder = trimmed[..<slash]
    return (folder.isEmpty ? "/" : String(folder), String(trimmed[trimmed.index(after: slash)...]))
}

/// Flushes a folder's list of names, so that a rename in it survives a power cut.
package func flushFolder(_ folder: String, reportedAs path: String) throws(CheckpointError) {
    let descriptor = uninterrupted { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else {
        throw CheckpointError(.unwritable, path: path, "its folder cannot be opened: \(systemReason())")
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
        throw CheckpointError(.unwritable, path: path, "its folder cannot be flushed to the disk: \(systemReason())")
    }
}

/// Creates a folder and those above it.
package func createFolder(_ path: String) throws(CheckpointError) {
    guard mkdir(path, 0o777) != 0, errno != EEXIST || !isFolder(path) else { return }
    if errno == ENOENT {
        let parent = split(path).folder
        if parent != path && parent != "." {
            try createFolder(parent)
            if mkdir(path, 0o777) == 0 || errno == EEXIST && isFolder(path) { return }
        }
    }
    throw CheckpointError(.unwritable, path: path, "the folder cannot be created: \(systemReason())")
}

/// The bytes that are free where a file or folder is, or would be, for who is not the administrator; nil where nobody says.
package func freeSpace(of path: String) -> Double? {
    var place = path
    while !isFolder(place), split(place).folder != place { place = split(place).folder }
    var disk = statvfs()
    guard statvfs(place, &disk) == 0 else { return nil }
    return Double(disk.f_bavail) * Double(disk.f_frsize)
}

/// True where a folder of that name exists.
package func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
