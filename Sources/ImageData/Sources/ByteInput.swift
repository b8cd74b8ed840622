import CPalimpsestImageCodecs
import Foundation

/// Bytes that come in order, from a file as it is or inflated on the way.
protocol ByteInput {
    /// Bytes read or skipped so far.
    var position: Int { get }
    /// The next `count` bytes; fewer come only at the end. Memory grows with what is there, not with what is asked for.
    mutating func read(_ count: Int) throws(ImageError) -> [UInt8]
    /// Passes over `count` bytes; false where the input ends before.
    mutating func skip(_ count: Int) throws(ImageError) -> Bool
}

/// A file read as it is, from its start.
struct FileInput: ByteInput {
    let file: OpenFile
    private(set) var position = 0

    init(_ file: OpenFile) { self.file = file }

    mutating func read(_ count: Int) throws(ImageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: min(count, max(0, file.size - position)))
        let read = try file.read(into: &bytes, at: position)
        bytes.removeLast(bytes.count - read)
        position += read
        return bytes
    }

    mutating func skip(_ count: Int) throws(ImageError) -> Bool {
        let there = count <= file.size - position
        position = there ? position + count : file.size
        return there
    }
}

/// A gzip file inflated from its start; several members make one stream. An input that ends within a member is an error,
/// as is a wrong checksum, or a size out of proportion.
struct GzipInput: ByteInput {
    private static let piece = 256 << 10
    /// Bytes that any file may inflate to.
    private static let freeBytes = 32 << 20
    /// Bytes that larger files may inflate to, for each of theirs: a thousand are possible, but only without content.
    private static let mostInflation = 64
    let file: OpenFile
    private(set) var position = 0
    private let inflater: Inflater
    private var compressed: [UInt8] = []
    private var used = 0
    private var offset = 0
    private var memberEnded = false

    init(_ file: OpenFile) throws(ImageError) {
        self.file = file
        guard let stream = pal_gunzip_open() else { throw ImageError(.io, path: file.path, "no memory to inflate it") }
        inflater = Inflater(stream)
    }

    /// True where a file begins as gzip does, whatever its name.
    static func recognises(_ file: OpenFile) throws(ImageError) -> Bool {
        var start: [UInt8] = [0, 0]
        return try file.read(into: &start, at: 0) == 2 && start == [0x1F, 0x8B]
    }

    mutating func read(_ count: Int) throws(ImageError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try inflate(atMost: min(count - bytes.count, Self.piece))
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    mutating func skip(_ count: Int) throws(ImageError) -> Bool {
        var left = count
        while left > 0 {
            let passed = try inflate(atMost: min(left, Self.piece)).count
            if passed == 0 { return false }
            left -= passed
        }
        return true
    }

    /// Up to `count` more bytes; none only at the end of the stream.
    private mutating func inflate(atMost count: Int) throws(ImageError) -> [UInt8] {
        while true {
            if used == compressed.count {
                compressed = [UInt8](repeating: 0, count: min(Self.piece, max(0, file.size - offset)))
                let read = try file.read(into: &compressed, at: offset)
                compressed.removeLast(compressed.count - read)
                offset += read
                used = 0
            }
            var taken = 0
            var made = 0
            var ended: Int32 = 0
            var status = PAL_OK
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                compressed.withUnsafeBufferPointer { input in
                    // Both have a base address: the input's is made up where there is nothing left, and is not read.
                    guard let out = buffer.baseAddress else { return }
                    let from = input.baseAddress.map { $0 + used } ?? UnsafePointer(out)
                    status = pal_gunzip_step(
                        inflater.stream, from, input.count - used, &taken, out, count, &made, &ended)
                }
                initialized = made
            }
            used += taken
            memberEnded = ended != 0
            position += made
            guard position <= Self.freeBytes + Self.mostInflation * file.size else {
                throw ImageError(
                    .tooLarge, path: file.path,
                    "inflates to more than \(Self.mostInflation) times its \(file.size) bytes; decompress it first")
            }
            guard status == PAL_OK else {
                throw ImageError(
                    .corrupt, path: file.path, "not a gzip stream after \(position) inflated bytes, or damaged")
            }
            if made > 0 { return bytes }
            if used == compressed.count, offset >= file.size || compressed.isEmpty {
                guard memberEnded else {
                    throw ImageError(
                        .truncated, path: file.path, "the gzip stream ends after \(position) inflated bytes")
                }
                return []
            }
        }
    }

    /// Owns the C state.
    private final class Inflater {
        let stream: OpaquePointer
        init(_ stream: OpaquePointer) { self.stream = stream }
        deinit { pal_gunzip_close(stream) }
    }
}
