import Foundation

/// All bytes of a file, at most `limit` of them.
func readFile(_ path: String, limit: Int) throws(ImageError) -> [UInt8] {
    let file = try OpenFile(path)
    guard file.size <= limit else {
        throw ImageError(.tooLarge, path: path, "\(file.size) bytes; at most \(limit) are read")
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
    let path: String
    /// Bytes, when it was opened.
    let size: Int
    private let descriptor: Int32

    init(_ path: String) throws(ImageError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ImageError(.io, path: path, "cannot be opened: \(systemError())") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let reason = systemError()
            close(descriptor)
            throw ImageError(.io, path: path, "cannot be read: \(reason)")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw ImageError(.io, path: path, "not a regular file")
        }
        self.path = path
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

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
