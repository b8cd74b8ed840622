import Foundation

/// The picture files below a folder, found in an order that does not depend on the file system.
struct FolderWalk {
    /// Suffixes of files that can be read, lower-cased.
    static let readable = ["jpg", "jpeg", "png"]
    /// Suffixes of pictures that other programs read and this one does not.
    static let unreadable = ["ppm", "bmp", "pgm", "tif", "tiff", "webp", "gif", "heic", "avif"]

    /// A folder or file found; folders with what tells one from another.
    struct Entry {
        var name: String
        var isFolder: Bool
        var device: UInt64
        var inode: UInt64
    }

    /// Paths below the root, with `/` between names.
    private(set) var files: [String] = []
    /// Pictures of formats that are not read.
    private(set) var foreign = 0
    /// Names that are not UTF-8.
    private(set) var unnameable = 0

    /// Walks a folder to any depth, following symbolic links except into a folder that is being walked already. Names that
    /// begin with a dot are passed over.
    mutating func walk(_ root: String, below prefix: String = "") throws(ImageError) {
        var trail: [Entry] = []
        try walk(root, prefix, &trail)
    }

    private mutating func walk(_ folder: String, _ prefix: String, _ trail: inout [Entry]) throws(ImageError) {
        for entry in try Self.entries(of: folder, unnameable: &unnameable) {
            let path = prefix.isEmpty ? entry.name : "\(prefix)/\(entry.name)"
            if entry.isFolder {
                guard !trail.contains(where: { $0.device == entry.device && $0.inode == entry.inode }) else { continue }
                trail.append(entry)
                try walk("\(folder)/\(entry.name)", path, &trail)
                trail.removeLast()
            } else {
                let suffix = suffix(of: entry.name)
                if Self.readable.contains(suffix) {
                    files.append(path)
                } else if Self.unreadable.contains(suffix) {
                    foreign += 1
                }
            }
        }
    }

    /// What was passed over, for people.
    var warnings: [String] {
        var sentences: [String] = []
        if foreign > 0 {
            sentences.append("\(foreign) pictures of other formats were passed over; JPEG and PNG are read")
        }
        if unnameable > 0 { sentences.append("\(unnameable) files were passed over because their names are not UTF-8") }
        return sentences
    }

    /// The visible folders and regular files directly in a folder, links followed, sorted by the bytes of their names.
    static func entries(of folder: String, unnameable: inout Int) throws(ImageError) -> [Entry] {
        guard let directory = opendir(folder) else {
            throw ImageError(.io, path: folder, "cannot be listed: \(systemError())")
        }
        defer { closedir(directory) }
        var entries: [Entry] = []
        while let found = readdir(directory) {
            let name = withUnsafeBytes(of: &found.pointee.d_name) {
                String(validating: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let name else {
                unnameable += 1
                continue
            }
            if name.hasPrefix(".") { continue }
            // Most file systems tell files apart here already, which saves a look at each of millions.
            if Int(found.pointee.d_type) == Int(DT_REG) {
                entries.append(Entry(name: name, isFolder: false, device: 0, inode: 0))
                continue
            }
            var status = stat()
            guard stat("\(folder)/\(name)", &status) == 0 else { continue }  // a dangling link
            let kind = status.st_mode & S_IFMT
            guard kind == S_IFDIR || kind == S_IFREG else { continue }
            entries.append(
                Entry(
                    name: name, isFolder: kind == S_IFDIR, device: UInt64(truncatingIfNeeded: status.st_dev),
                    inode: UInt64(status.st_ino)))
        }
        return entries.sorted { bytesPrecede($0.name, $1.name) }
    }
}

/// The part of a name after its last dot, lower-cased; empty without a dot.
func suffix(of name: String) -> String {
    guard let dot = name.lastIndex(of: ".") else { return "" }
    return name[name.index(after: dot)...].lowercased()
}

/// The order of UTF-8 bytes, which is that of code points: no locale, no normalisation.
func bytesPrecede(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

/// What a path leads to, links followed.
enum PathKind { case file, folder, nothing }

func kind(of path: String) -> PathKind {
    var status = stat()
    guard stat(path, &status) == 0 else { return .nothing }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return .folder
    case S_IFREG: return .file
    default: return .nothing
    }
}
