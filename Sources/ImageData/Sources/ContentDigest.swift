import ContentDigests
import Dispatch
import Foundation
import Locks

/// A digest of pictures by their names, labels, sizes and bytes, made by all processors.
///
/// All bytes count where they are less than 1 GiB together; else the first, middle and last 4 KiB of pictures, and of
/// very many (beyond 65,536) of those whose names hash to 0 modulo a power of two. Names and sizes always count all. The
/// place of the data does not.
enum ContentDigest {
    /// Bytes of pictures from which on a sample is digested.
    static let mostBytes = 1 << 30
    /// Bytes of a piece of the sample.
    static let piece = 4 << 10
    /// Pictures that a sample is taken of.
    static let mostSampled = 1 << 16

    /// What is known of a picture before its bytes are.
    struct Picture {
        var name: [UInt8]
        var label: Int?
        /// The file with its bytes; nil where it cannot be opened.
        var bytes: (size: Int, read: (Int, Int) -> [UInt8]?)?
    }

    /// Digests of single pictures that are known without a look at their bytes.
    struct Known: Sendable {
        /// The digest of a picture, 64 hexadecimal digits, of all bytes (0) or of a sample; nil where it must be made. Called from several
        /// threads.
        var find: @Sendable (_ picture: Int, _ sample: UInt64) -> [UInt8]?
        /// Gets the digests of all pictures whose bytes could be read, where one at least is new.
        var keep: @Sendable (_ digests: [(picture: Int, digest: [UInt8])], _ sample: UInt64) -> Void
    }

    /// 64 hexadecimal digits.
    ///
    /// - Parameters:
    ///   - pictures: the pictures that count, in their order.
    ///   - size: the bytes of a picture.
    ///   - known: where digests of pictures are found and kept, if anywhere.
    ///   - picture: the picture of a number; called from several threads.
    static func hexadecimal(
        pictures: [Int], size: (Int) -> Int, known: Known? = nil, picture: @Sendable (Int) -> Picture
    ) -> String {
        var total = 0
        for index in pictures where total < mostBytes { total += min(size(index), mostBytes) }
        let samples = total >= mostBytes
        var doubling: UInt64 = 1
        while pictures.count / Int(doubling) > mostSampled { doubling *= 2 }
        let step = doubling
        let sample = samples ? step : 0
        let parts = parallel(pictures.count) { place in
            if let digest = known?.find(pictures[place], sample) {
                return (digest: digest, isWhole: true, isNew: false)
            }
            let (digest, isWhole) = Self.digest(picture(pictures[place]), samples: samples, step: step)
            return (digest, isWhole, true)
        }
        var digest = SHA256()
        digest.update([UInt8]((samples ? "sample " : "all ").utf8))
        for part in parts { digest.update(part.digest) }
        if parts.contains(where: \.isNew) {
            known?.keep(zip(pictures, parts).filter { $0.1.isWhole }.map { ($0, $1.digest) }, sample)
        }
        return digest.hexadecimal()
    }

    /// A digest of bytes in memory, all or, of 1 GiB and more, a piece of every MiB.
    static func hexadecimal(head: String, of arrays: [[UInt8]]) -> String {
        let block = 1 << 20
        let samples = arrays.reduce(0) { $0 + $1.count } >= mostBytes
        var digest = SHA256()
        digest.update([UInt8](head.utf8))
        for array in arrays {
            digest.update([UInt8]("\0\(array.count)\0".utf8))
            let parts = parallel((array.count + block - 1) / block) { number in
                let first = number * block
                let end = min(array.count, first + (samples ? piece : block))
                var part = SHA256()
                array.withUnsafeBytes { part.update(UnsafeRawBufferPointer(rebasing: $0[first..<end])) }
                return [UInt8](part.hexadecimal().utf8)
            }
            for part in parts { digest.update(part) }
        }
        return digest.hexadecimal()
    }

    /// The digest of a picture, and whether all of its bytes that count could be read.
    private static func digest(
        _ picture: Picture, samples: Bool, step: UInt64
    ) -> (digest: [UInt8], isWhole: Bool) {
        var digest = SHA256()
        digest.update(picture.name)
        let label = picture.label.map(String.init) ?? "-"
        guard let (size, read) = picture.bytes else {
            digest.update([UInt8]("\0\(label)\0unreadable".utf8))
            return ([UInt8](digest.hexadecimal().utf8), false)
        }
        var isWhole = true
        digest.update([UInt8]("\0\(label)\0\(size)\0".utf8))
        let whole = !samples || size <= 3 * piece
        if samples && hash(picture.name) % step != 0 {
            // Name and size are all that is taken of this one.
        } else if whole {
            var place = 0
            while place < size, let bytes = read(place, min(1 << 20, size - place)), !bytes.isEmpty {
                digest.update(bytes)
                place += bytes.count
            }
            isWhole = place == size
        } else {
            for place in [0, size / 2 - piece / 2, size - piece] {
                let bytes = read(place, piece) ?? []
                digest.update(bytes)
                isWhole = isWhole && bytes.count == piece
            }
        }
        return ([UInt8](digest.hexadecimal().utf8), isWhole)
    }

    /// FNV-1a, which is the same on every system.
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    private static func parallel<Part: Sendable>(_ count: Int, _ make: @Sendable (Int) -> Part) -> [Part] {
        let chunk = 64
        let parts = Locked<[Int: [Part]]>([:])
        DispatchQueue.concurrentPerform(iterations: (count + chunk - 1) / chunk) { number in
            let made = ((number * chunk)..<min(count, (number + 1) * chunk)).map(make)
            parts.withLock { $0[number] = made }
        }
        return parts.withLock { parts in parts.keys.sorted().flatMap { parts[$0] ?? [] } }
    }
}

extension ContentDigest.Picture {
    /// A picture in memory.
    init(name: [UInt8], label: Int?, in memory: [UInt8], part: Range<Int>) {
        self.init(
            name: name, label: label,
            bytes: (part.count, { place, count in Array(memory[(part.lowerBound + place)...].prefix(count)) }))
    }

    /// A picture in a file, or in a part of one.
    init(name: [UInt8], label: Int?, file: FileName, part: Range<Int>? = nil) {
        self.init(name: name, label: label, bytes: nil)
        guard let file = try? OpenFile(file) else { return }
        let part = part ?? 0..<file.size
        bytes = (
            part.count,
            { place, count in
                var bytes = [UInt8](repeating: 0, count: count)
                guard let read = try? file.read(into: &bytes, at: part.lowerBound + place) else { return nil }
                bytes.removeLast(count - read)
                return bytes
            }
        )
    }
}
