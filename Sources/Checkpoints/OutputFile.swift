import Foundation

/// A file that somebody asked to have written: looked at before any work is done for it, written at the end.
///
/// - A link to a file is followed, so that the link stays. A device or a pipe is written into, never replaced.
/// - What is there already is replaced only where it is what we would write, where it is empty, or on request.
/// - The new content is complete or absent.
public struct OutputFile: Sendable {
    /// What stands in the file: how a file that we wrote before is recognised.
    public enum Content: Sendable {
        /// Tensors with a value of ours in their metadata, of any value where `value` is nil: a file of features is none of encoders.
        case safetensors(key: String, value: String?)
        /// A picture whose text says `Software: Palimpsest`.
        case png
        /// Text that begins with a header of ours.
        case text(start: String)
        /// What a file of ours beside it names, such as a table of numbers: ours where text that begins so stands in the file `name`.
        case named(by: String, start: String)
        /// What has no place for a mark of ours, or is changed by people, such as a recipe: only an empty file is replaced without
        /// being asked.
        case unmarked
    }

    /// The path as it was given.
    public let path: String
    /// The file that is written, links followed.
    private let target: String
    private let isStream: Bool
    /// True where a regular file is there that is not ours by what is in it.
    private let isForeign: Bool

    /// Looks at the place of a file; throws where it cannot be written, or holds something else.
    ///
    /// `replacing` allows any regular file to be replaced.
    public init(_ path: String, _ content: Content, replacing: Bool = false) throws(CheckpointError) {
        guard !path.isEmpty else {
            throw CheckpointError(.unwritable, path: "\"\"", "the name of the output is empty; give a file")
        }
        self.path = path
        var status = stat()
        // A device or pipe is written where it stands: what /dev/stdout leads to has no name of its own.
        let isSpecial = stat(path, &status) == 0 && [S_IFCHR, S_IFIFO].contains(status.st_mode & S_IFMT)
        target = isSpecial ? path : try Self.followed(path)
        guard stat(target, &status) == 0 else {
            guard errno == ENOENT else {
                throw CheckpointError(.unwritable, path: path, "cannot be written: \(systemReason())")
            }
            guard !path.hasSuffix("/") else {
                throw CheckpointError(.unwritable, path: path, "there is no such folder; name a file in one")
            }
            isStream = false
            isForeign = false
            try Self.requireFolder(of: target, path)
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            throw CheckpointError(.unwritable, path: path, "is a folder; name a file in it")
        case S_IFCHR, S_IFIFO:
            guard access(target, W_OK) == 0 else {
                throw CheckpointError(.unwritable, path: path, "cannot be written: \(systemReason())")
            }
            isStream = true
            isForeign = false
        case S_IFREG:
            isStream = false
            try Self.requireFolder(of: target, path)
            isForeign = !Self.isOurs(target, content)
            guard replacing || !isForeign else {
                throw CheckpointError(
                    .unwritable, path: path,
                    content.refusal)
            }
        default:
            throw CheckpointError(.unwritable, path: path, "is neither a file nor a device or pipe; name a file")
        }
    }

    /// True for a regular file that is empty or holds what we write as this; false where there is none.
    package static func isOurs(_ path: String, _ content: Content) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        return status.st_size == 0 || content.isIn(path)
    }

    /// Throws where writing would replace what is read, one of some files or a file that is not ours in one of some folders, or what
    /// a run is made of; and where the file would be a picture more of a folder that is read. Whoever reads a folder passes over the
    /// runs in it, so pictures of a run may lie there.
    public func requireApart(from read: [String]) throws(CheckpointError) {
        guard !isStream, let folder = realPath(split(target).folder) else { return }
        let real = "\(folder)/\(split(target).name)"
        // In the run's folder, or in a folder of a checkpoint.
        let run = [folder, split(folder).folder].first { access("\($0)/\(runMarkerName)", F_OK) == 0 }
        if isForeign, let run {
            throw CheckpointError(
                .unwritable, path: path, "belongs to the run \(run) and would be replaced; name another file")
        }
        var own = stat()
        let exists = stat(target, &own) == 0
        for place in read {
            var other = stat()
            guard stat(place, &other) == 0, let outer = realPath(place) else { continue }
            let isSame = exists && own.st_dev == other.st_dev && own.st_ino == other.st_ino
            let isInside = real.hasPrefix(outer + "/")
            if isSame || (isForeign && isInside) {
                throw CheckpointError(
                    .unwritable, path: path,
                    (isSame ? "is read for this" : "belongs to \(place), which is read for this")
                        + " and would be replaced; name another file")
            }
            if isInside, run == nil, Self.pictureSuffixes.contains(where: real.lowercased().hasSuffix) {
                throw CheckpointError(
                    .unwritable, path: path,
                    "would lie among the pictures of \(place), which is read for this, and be one of them from then on; name a file "
                        + "elsewhere")
            }
        }
    }

    /// How names of outputs end that are read as pictures.
    private static let pictureSuffixes = [".png", ".npy"]

    /// Throws where so many bytes find no room on the disk, or where the place is a device or pipe, in which the start cannot be
    /// written last.
    package func requireRoom(_ bytes: Double, spoken: (Double) -> String) throws(CheckpointError) {
        guard !isStream else {
            throw CheckpointError(
                .unwritable, path: path, "is a device or pipe, and this is written to files only; name a file")
        }
        guard let free = freeSpace(of: target), free < bytes else { return }
        throw CheckpointError(
            .unwritable, path: path,
            "takes \(spoken(bytes)), and its disk has \(spoken(free)) left; make room, or name a file elsewhere")
    }

    /// Writes a regular file whose first `room` bytes are known last, as `AtomicFile` does.
    package func write(room: Int, _ body: (inout FileWriter) throws -> [UInt8]) throws {
        precondition(!isStream, "a stream has no start to come back to")
        try AtomicFile.write(to: target, room: room, body)
    }

    /// Writes the content: a regular file is complete or as it was, a device or pipe gets the bytes.
    public func write(_ bytes: [UInt8]) throws(CheckpointError) {
        guard isStream else {
            try AtomicFile.write(bytes, to: target)
            return
        }
        let descriptor = uninterrupted { open(target, O_WRONLY | O_CLOEXEC) }
        guard descriptor >= 0 else {
            throw CheckpointError(.unwritable, path: path, "cannot be opened: \(systemReason())")
        }
        let failure = writeAll(bytes, to: descriptor)
        // A device may tell only now that nothing arrived.
        let closed = close(descriptor) == 0 ? nil : systemReason()
        if let reason = failure ?? closed {
            throw CheckpointError(.unreadable, path: path, "cannot be written: \(reason)")
        }
    }

    /// The file at the end of a chain of links, which need not exist.
    private static func followed(_ path: String) throws(CheckpointError) -> String {
        var place = path
        for _ in 0..<40 {
            var status = stat()
            guard lstat(place, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return place }
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(place, &buffer, buffer.count)
            guard count > 0 else { return place }
            guard let next = String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) else {
                throw CheckpointError(
                    .unwritable, path: path, "is a link to a name that is not UTF-8; name the file itself, or another")
            }
            place = next.hasPrefix("/") ? next : "\(split(place).folder)/\(next)"
        }
        throw CheckpointError(.unwritable, path: path, "is a link that leads back to itself; name a file")
    }

    private static func requireFolder(of target: String, _ path: String) throws(CheckpointError) {
        let folder = split(target).folder
        guard isFolder(folder) else {
            throw CheckpointError(
                .unwritable, path: path,
                "cannot be created: there is no folder \(folder); make it, or name another place")
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw CheckpointError(
                .unwritable, path: path, "cannot be created: the folder \(folder) refuses: \(systemReason())")
        }
    }
}

extension OutputFile.Content {
    /// Whether a regular file holds what we write as this; only its beginning is read.
    fileprivate func isIn(_ path: String) -> Bool {
        switch self {
        case .safetensors(let key, let value):
            guard let found = (try? Safetensors.metadata(path))?[key] else { return false }
            return value.map { $0 == found } ?? true
        case .png:
            guard let reader = try? FileReader(path), let start = try? reader.read(min(reader.size, 512)) else {
                return false
            }
            return start.starts(with: [0x89, 0x50, 0x4E, 0x47]) && Self.contains(start, "Software\0Palimpsest")
        case .text(let wanted):
            guard let reader = try? FileReader(path), let start = try? reader.read(min(reader.size, wanted.utf8.count))
            else { return false }
            return start.elementsEqual(wanted.utf8)
        case .named(let name, let start): return Self.text(start: start).isIn("\(split(path).folder)/\(name)")
        case .unmarked: return false
        }
    }

    /// Why a file that is there is left alone.
    fileprivate var refusal: String {
        let remedy = "name another file, or replace it with --overwrite"
        if case .unmarked = self { return "exists; \(remedy)" }
        return "exists and is not a file that pretrain would write there; \(remedy)"
    }

    private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        let wanted = Array(text.utf8)
        guard bytes.count >= wanted.count else { return false }
        return (0...bytes.count - wanted.count).contains { bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}

/// Writes all bytes to an open file; returns the system's reason where it cannot.
public func writeAll(_ bytes: some Sequence<UInt8>, to descriptor: Int32) -> String? {
    let all = Array(bytes)
    return all.withUnsafeBytes { raw in
        var rest = raw
        while !rest.isEmpty {
            let wrote = uninterrupted { Foundation.write(descriptor, rest.baseAddress, min(rest.count, 1 << 30)) }
            guard wrote > 0 else { return wrote == 0 ? "nothing more is taken" : systemReason() }
            rest = UnsafeRawBufferPointer(rebasing: rest[wrote...])
        }
        return nil
    }
}
