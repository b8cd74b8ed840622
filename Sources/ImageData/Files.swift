import Foundation

/// All bytes of a file, at most `limit` of them.
func readFile(_ path: String, limit: Int) throws(ImageError) -> [UInt8] {
    try readFile(FileName(path), limit: limit)
}

/// All bytes of a file, at most `limit` of them.
func readFile(_ path: FileName, limit: Int) throws(ImageError) -> [UInt8] {
    let file = try OpenFile(path)
    guard file.size <= limit else {
        throw ImageError(.tooLarge, path: file.path, "\(file.size) bytes; at most \(limit) are read")
    }
    var bytes = [UInt8](repeating: 0, count: file.size)
    let read = try file.read(into: &bytes, at: 0)
    bytes.removeLast(bytes.count - read)
    return bytes
}

/// The text of the system's last error.
func systemError() -> String { String(cString: strerror(errno)) }

/// A regular file open for reading at any place, from any thread.
final class OpenFile: Sendable {
    /// The path for people.
    let path: String
    /// Bytes, when it was opened.
    let size: Int
    private let descriptor: Int32

    convenience init(_ path: String) throws(ImageError) { try self.init(FileName(path)) }

    init(_ name: FileName) throws(ImageError) {
        let path = name.description
        guard !name.bytes.contains(0) else { throw ImageError(.io, path: path, "a path with a zero byte") }
        // Looked at before it is opened: to open a pipe waits for a writer, and to open a device can do things.
        var status = stat()
        guard name.withCString({ stat($0, &status) }) == 0 else {
            throw ImageError(.io, path: path, "cannot be opened: \(systemError())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Self.special(path) }
        descriptor = name.withCString { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { throw ImageError(.io, path: path, "cannot be opened: \(systemError())") }
        guard fstat(descriptor, &status) == 0 else {
            let reason = systemError()
            close(descriptor)
            throw ImageError(.io, path: path, "cannot be read: \(reason)")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Self.special(path)
        }
        self.path = path
        size = Int(status.st_size)
    }

    private static func special(_ path: String) -> ImageError {
        ImageError(.io, path: path, "not a regular file; folders, pipes and devices are not read")
    }

    deinit { close(descriptor) }

    /// Lends the descriptor to C.
    func withDescriptor<Result>(_ body: (Int32) -> Result) -> Result { body(descriptor) }

    /// Fills `bytes` from a place; fewer bytes come only at the end of the file.
    func read(into bytes: inout [UInt8], at offset: Int) throws(ImageError) -> Int {
        let wanted = bytes.count
        var done = 0
        while done < wanted {
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress?.advanced(by: done), wanted - done, off_t(offset + done))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw ImageError(.io, path: path, "cannot be read: \(systemError())")
            }
            if count == 0 { break }
            done += count
        }
        return done
    }
}

/// What a path leads to, links followed.
enum PathKind { case file, folder, nothing }

func kind(of path: String) -> PathKind { kind(of: FileName(path)) }

func kind(of path: FileName) -> PathKind {
    var status = stat()
    guard !path.bytes.contains(0), path.withCString({ stat($0, &status) }) == 0 else { return .nothing }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return .folder
    case S_IFREG: return .file
    default: return .nothing
    }
}

/// The path without links, from the root on; the same path where it leads to nothing.
func realPath(_ path: FileName) -> FileName {
    guard !path.bytes.contains(0), let found = path.withCString({ realpath($0, nil) }) else { return path }
    defer { free(found) }
    return FileName(UnsafeBufferPointer(start: found, count: strlen(found)).map { UInt8(bitPattern: $0) })
}

/// The bytes of a file; 0 where it cannot be looked at.
func sizeOfFile(_ path: FileName) -> Int {
    var status = stat()
    return path.withCString { stat($0, &status) } == 0 ? Int(status.st_size) : 0
}
