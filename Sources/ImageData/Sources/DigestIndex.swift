import Checkpoints
import ContentDigests
import Foundation

/// The digests of a folder's files from an earlier look, each good for as long as the system says the same of its file: device, inode,
/// size, and the times of the last change of content and of anything, in nanoseconds.
///
/// Kept in a folder of its own, never beside the pictures. It only saves time: an index that is missing, damaged or cannot be written is
/// as good as none. Files that were changed within two seconds of a look are not kept, since a change in the same tick of the file
/// system's clock would not show.
///
/// The form, all numbers little-endian: `PALINDX1`, the SHA-256 of the records in 64 hexadecimal digits, and the records in the order of
/// their keys: key, size, the two times (8 bytes each), and the digest's 64 digits. A key is a hash of everything else that a digest
/// depends on, so that another label or another sample of the bytes finds nothing.
struct DigestIndex: Sendable {
    /// Folders of fewer pictures are read faster than an index is explained.
    static let fewest = 4096
    /// Records that an index may have: those of files that are gone or of other parts stay until there are more.
    private static let most = 1 << 20
    private static let magic = Array("PALINDX1".utf8)
    private static let head = magic.count + digits
    private static let digits = 64
    private static let recordBytes = 4 * 8 + digits

    /// What the system says of a file.
    struct Stamp: Sendable {
        var device: UInt64
        var inode: UInt64
        var size: Int
        /// Nanoseconds since 1970 of the last change of the content, and of anything.
        var modified: Int64
        var changed: Int64

        /// The stamp of a file, links followed; nil where it cannot be looked at.
        init?(of path: FileName) {
            var status = stat()
            guard path.withCString({ stat($0, &status) }) == 0 else { return nil }
            device = UInt64(truncatingIfNeeded: status.st_dev)
            inode = UInt64(truncatingIfNeeded: status.st_ino)
            size = Int(status.st_size)
            modified = Self.nanoseconds(status.st_mtim)
            changed = Self.nanoseconds(status.st_ctim)
        }

        fileprivate static func nanoseconds(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
    }

    /// A digest that is found or kept: of a picture with a name and label, whose bytes all count (`sample` 0) or a sample of them.
    struct Entry {
        var name: FileName
        var label: Int?
        var sample: UInt64
        var stamp: Stamp

        fileprivate var key: UInt64 {
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            let label = label.map { UInt64(bitPattern: Int64($0)) } ?? .max
            for number in [sample, stamp.device, stamp.inode, label] {
                for shift in stride(from: UInt64(0), to: 64, by: 8) { add(UInt8(truncatingIfNeeded: number >> shift)) }
            }
            for byte in name.bytes { add(byte) }
            return hash
        }
    }

    private let path: String
    /// The records, in the order of their keys.
    private let records: [UInt8]
    private let began: Int64

    /// The index of the pictures below `root`, in a folder of indices.
    init(of root: FileName, in folder: String) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        began = Stamp.nanoseconds(now)
        path = "\(folder)/\(SHA256.hexadecimal(of: realPath(root).bytes)).index"
        records = Self.read(path) ?? []
    }

    /// The records of a file; nil where it is not whole.
    private static func read(_ path: String) -> [UInt8]? {
        guard let file = try? readFile(path, limit: head + most * recordBytes), file.count >= head,
            file.starts(with: magic), (file.count - head) % recordBytes == 0
        else { return nil }
        let records = Array(file[head...])
        return file[magic.count..<head].elementsEqual(SHA256.hexadecimal(of: records).utf8) ? records : nil
    }

    private var count: Int { records.count / Self.recordBytes }

    private func number(_ record: Int, _ field: Int) -> UInt64 {
        records.withUnsafeBytes {
            UInt64(
                littleEndian: $0.loadUnaligned(fromByteOffset: record * Self.recordBytes + 8 * field, as: UInt64.self))
        }
    }

    /// The digest of an entry, 64 hexadecimal digits; nil where none is known, or the file is another one by now.
    func digest(_ entry: Entry) -> [UInt8]? {
        let key = entry.key
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if number(middle, 0) < key { low = middle + 1 } else { high = middle }
        }
        guard low < count, number(low, 0) == key, number(low, 1) == UInt64(bitPattern: Int64(entry.stamp.size)),
            number(low, 2) == UInt64(bitPattern: entry.stamp.modified),
            number(low, 3) == UInt64(bitPattern: entry.stamp.changed)
        else { return nil }
        let start = low * Self.recordBytes + 4 * 8
        return Array(records[start..<start + Self.digits])
    }

    /// Keeps digests, where there are some that the index lacks; what it has of other files stays. Digests are of the bytes that the
    /// files had when the index was made, or later.
    func keep(_ entries: [(entry: Entry, digest: [UInt8])]) {
        let settled = entries.filter {
            max($0.entry.stamp.modified, $0.entry.stamp.changed) < began - 2_000_000_000
        }
        guard settled.contains(where: { digest($0.entry) == nil }) else { return }
        var made: [(key: UInt64, bytes: [UInt8])] = []
        var known: Set<UInt64> = []
        for (entry, digest) in settled where digest.count == Self.digits && known.insert(entry.key).inserted {
            let numbers = [
                entry.key, UInt64(bitPattern: Int64(entry.stamp.size)), UInt64(bitPattern: entry.stamp.modified),
                UInt64(bitPattern: entry.stamp.changed),
            ]
            made.append((entry.key, numbers.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) } + digest))
        }
        guard made.count <= Self.most else { return }
        let others = (0..<count).filter { !known.contains(number($0, 0)) }
        if made.count + others.count <= Self.most {
            made += others.map {
                (number($0, 0), Array(records[$0 * Self.recordBytes..<($0 + 1) * Self.recordBytes]))
            }
        }
        made.sort { $0.key < $1.key }
        var content: [UInt8] = []
        content.reserveCapacity(made.count * Self.recordBytes)
        for record in made { content += record.bytes }
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        _ = try? AtomicFile.write(Self.magic + Array(SHA256.hexadecimal(of: content).utf8) + content, to: path)
    }
}
