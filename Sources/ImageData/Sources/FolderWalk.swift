import Checkpoints
import Foundation

/// The picture files below a folder, found in an order that does not depend on the file system.
struct FolderWalk {
    /// Suffixes of files that can be read, lower-cased.
    static let readable = ImageFormat.allCases.flatMap(\.suffixes)
    /// Suffixes of pictures that other programs read and this one does not.
    static let unreadable: Set = ["ppm", "bmp", "pgm", "gif", "heic", "avif", "jp2", "jxl"]
    /// How often folders that were read already are entered again through links. Without a limit, thirty folders with
    /// two links each to the next one are a thousand million folders.
    static let mostRepeats = 1000

    /// A folder or file found.
    struct Entry {
        var name: FileName
        var isFolder: Bool
        /// What tells one folder from another.
        var identity: Identity
    }

    /// What tells one folder from another.
    struct Identity: Hashable {
        var device: UInt64 = 0
        var inode: UInt64 = 0
    }

    /// Paths below the root, with `/` between names.
    private(set) var files: [FileName] = []
    /// What was passed over.
    var ledger = SourceLedger()
    private var entered: Set<Identity> = []
    private var repeats = 0

    /// Walks a folder to any depth, following symbolic links except into a folder that is being walked already or lies
    /// around the root. Names that begin with a dot are passed over, as are folders that cannot be listed.
    mutating func walk(_ root: FileName, below prefix: FileName = "") throws(ImageError) {
        var trail = Self.foldersAround(root)
        try walk(root, prefix, try Self.entries(of: root, below: prefix, ledger: &ledger), &trail)
    }

    private mutating func walk(
        _ folder: FileName, _ prefix: FileName, _ entries: [Entry], _ trail: inout [Identity]
    ) throws(ImageError) {
        for entry in entries {
            let path = entry.name.inside(prefix)
            guard entry.isFolder else {
                add(path)
                continue
            }
            guard !trail.contains(entry.identity) else {
                ledger.add(.linkToAncestor, path.description)
                continue
            }
            if !entered.insert(entry.identity).inserted {
                repeats += 1
                guard repeats <= Self.mostRepeats else {
                    ledger.add(.repeatedLink, path.description)
                    continue
                }
            }
            let inner = entry.name.inside(folder)
            let below: [Entry]
            do {
                below = try Self.entries(of: inner, below: path, ledger: &ledger)
            } catch {
                ledger.add(.unreadableFolder, path.description)
                continue
            }
            guard !Self.isRun(below) else {
                ledger.add(.runFolder, path.description)
                continue
            }
            trail.append(entry.identity)
            try walk(inner, path, below, &trail)
            trail.removeLast()
        }
    }

    private mutating func add(_ path: FileName) {
        let suffix = path.suffix
        if Self.readable.contains(suffix) {
            files.append(path)
            if !path.isUTF8 { ledger.add(.nameNotUTF8, path.description) }
        } else {
            ledger.add(Self.unreadable.contains(suffix) ? .otherFormat : .otherSuffix, path.description)
        }
    }

    /// A folder and all that it lies in, up to the root of the file system.
    private static func foldersAround(_ folder: FileName) -> [Identity] {
        var found: [Identity] = []
        var path = folder
        while let identity = identity(of: path), identity != found.last {
            found.append(identity)
            path = FileName("..").inside(path)
        }
        return found
    }

    private static func identity(of folder: FileName) -> Identity? {
        var status = stat()
        guard folder.withCString({ stat($0, &status) }) == 0 else { return nil }
        return Identity(status)
    }

    /// True for what stands in the folder of a run: its pictures are of our making, and none of anybody's set.
    static func isRun(_ entries: [Entry]) -> Bool {
        entries.contains { !$0.isFolder && $0.name == FileName(runMarkerName) }
    }

    /// The same of a folder that need not be listed for it.
    private static func isRun(_ folder: FileName) -> Bool {
        FileName(runMarkerName).inside(folder).withCString { access($0, F_OK) } == 0
    }

    /// True for the folder of a run, or of runs and nothing else, such as `runs`. The first name of anything else is an answer: large
    /// folders of pictures are not listed for it.
    static func isOfRuns(_ folder: FileName) -> Bool {
        if isRun(folder) { return true }
        guard let directory = folder.withCString({ opendir($0) }) else { return false }
        defer { closedir(directory) }
        var runs = 0
        while let found = readdir(directory) {
            let name = withUnsafeBytes(of: &found.pointee.d_name) { FileName($0.prefix { $0 != 0 }) }
            if name.isHidden { continue }
            guard isRun(name.inside(folder)) else { return false }
            runs += 1
        }
        return runs > 0
    }

    /// The visible folders and regular files directly in a folder, links followed, sorted by the bytes of their names.
    /// What is neither is counted, under its path below `prefix`.
    static func entries(
        of folder: FileName, below prefix: FileName = "", ledger: inout SourceLedger
    ) throws(ImageError) -> [Entry] {
        guard let directory = folder.withCString({ opendir($0) }) else {
            throw ImageError(.io, path: folder.description, "cannot be listed: \(systemError())")
        }
        defer { closedir(directory) }
        var entries: [Entry] = []
        while let found = readdir(directory) {
            let name = withUnsafeBytes(of: &found.pointee.d_name) { FileName($0.prefix { $0 != 0 }) }
            if name == "." || name == ".." { continue }
            guard !name.isHidden else {
                ledger.add(.hidden, name.inside(prefix).description)
                continue
            }
            // Most file systems tell files apart here already, which saves a look at each of millions.
            if Int(found.pointee.d_type) == Int(DT_REG) {
                entries.append(Entry(name: name, isFolder: false, identity: Identity()))
                continue
            }
            var status = stat()
            guard name.inside(folder).withCString({ stat($0, &status) }) == 0 else {
                ledger.add(
                    Int(found.pointee.d_type) == Int(DT_LNK) || errno == ENOENT || errno == ELOOP
                        ? .danglingLink : .unreadable, name.inside(prefix).description)
                continue
            }
            let kind = status.st_mode & S_IFMT
            guard kind == S_IFDIR || kind == S_IFREG else {
                ledger.add(.notAFile, name.inside(prefix).description)
                continue
            }
            entries.append(Entry(name: name, isFolder: kind == S_IFDIR, identity: Identity(status)))
        }
        return entries.sorted { $0.name < $1.name }
    }

    /// The same, for a look that counts nothing; empty where the folder cannot be listed.
    static func look(_ folder: FileName) -> [Entry] {
        var ledger = SourceLedger()
        return (try? entries(of: folder, ledger: &ledger)) ?? []
    }
}

extension FolderWalk.Identity {
    fileprivate init(_ status: stat) {
        self.init(device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(status.st_ino))
    }
}
