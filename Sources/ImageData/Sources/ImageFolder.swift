/// Pictures of a folder tree, without labels or with the names of folders as classes.
///
/// The flat form takes every file below the folder that ends as pictures do, at any depth, in the order of their paths' bytes. With
/// classes the folders directly below the root are the classes, in the order of their names' bytes, and the order of
/// pictures is that of torchvision's `ImageFolder`.
public struct ImageFolder: ImageSource {
    /// The folder.
    public let root: String
    /// The names of the classes; nil for the flat form.
    public let labelNames: [String]?
    /// What was passed over, and what is told of the classes.
    public let ledger: SourceLedger
    private let files: [FileName]
    private let labels: [Int32]
    private let decoder: ImageDecoder

    /// The pictures below a folder, without labels.
    public init(flat root: String, decoder: ImageDecoder = ImageDecoder()) throws(ImageError) {
        try Self.requireFolder(root)
        var walk = FolderWalk()
        try walk.walk(FileName(root))
        guard !walk.files.isEmpty else {
            throw ImageError(
                .empty, path: root,
                "no pictures in this folder; files ending in \(Self.suffixes) are read" + Self.found(walk.ledger))
        }
        self.root = root
        self.decoder = decoder
        files = walk.files.sorted()
        labelNames = nil
        labels = []
        ledger = walk.ledger
    }

    /// The pictures of the classes, a folder each, directly below a folder.
    ///
    /// With a `table` its folders give the labels, and a folder that is not among them is an error; a class without a
    /// folder keeps its number and is told in the ledger.
    public init(
        classes root: String, table: ClassTable? = nil, decoder: ImageDecoder = ImageDecoder()
    ) throws(ImageError) {
        try self.init(classes: root, table: table, decoder: decoder, notes: [])
    }

    /// The same with sentences for the ledger.
    init(
        classes root: String, table given: ClassTable?, decoder: ImageDecoder, notes: [String]
    ) throws(ImageError) {
        var walk = FolderWalk()
        for sentence in notes { walk.ledger.note(sentence) }
        let names = try Self.classFolders(of: root, ledger: &walk.ledger)
        let table = given ?? ClassTable(folders: names)
        if let unknown = table.unknown(names, in: root) { throw unknown }
        for sentence in table.notes { walk.ledger.note(sentence) }
        if let sentence = table.absent(from: names, part: FileName(FileName(root).base).description) {
            walk.ledger.note(sentence)
        }
        let numbers = table.labels
        var files: [FileName] = []
        var labels: [Int32] = []
        var empty: [FileName] = []
        for name in names {
            let before = walk.files.count
            do {
                try walk.walk(name.inside(FileName(root)), below: name)
            } catch {
                walk.ledger.add(.unreadableFolder, name.description)
            }
            if walk.files.count == before { empty.append(name) }
            files += Self.sorted(walk.files[before...])
            labels += [Int32](repeating: numbers[name] ?? 0, count: walk.files.count - before)
        }
        guard empty.isEmpty else {
            let list = empty.prefix(5).map { "`\($0)`" }.joined(separator: ", ") + (empty.count > 5 ? " …" : "")
            throw ImageError(
                .empty, path: root,
                "no pictures in the class folders \(list); files ending in \(Self.suffixes) are read. Fill or remove them"
                    + Self.found(walk.ledger))
        }
        self.root = root
        self.decoder = decoder
        self.files = files
        self.labels = labels
        labelNames = table.names
        ledger = walk.ledger
    }

    /// The names of the folders directly below a folder, of which there is one at least. What else lies there is counted.
    static func classFolders(of root: String, ledger: inout SourceLedger) throws(ImageError) -> [FileName] {
        try requireFolder(root)
        let entries = try FolderWalk.entries(of: FileName(root), ledger: &ledger)
        for entry in entries where !entry.isFolder {
            let suffix = entry.name.suffix
            let reason: SourceLedger.Reason =
                FolderWalk.readable.contains(suffix)
                ? .outsideClasses : FolderWalk.unreadable.contains(suffix) ? .otherFormat : .otherSuffix
            ledger.add(reason, entry.name.description)
        }
        let names = entries.filter(\.isFolder).map(\.name)
        guard !names.isEmpty else {
            throw ImageError(
                .empty, path: root,
                "no class folders; a folder a class is needed, with files ending in \(suffixes)" + found(ledger))
        }
        return names
    }

    /// The number of pictures.
    public var count: Int { files.count }

    /// The digest of all.
    public var fingerprint: String { contentDigest(excluding: []) }

    /// A digest of the paths, sizes and bytes of the files.
    public func contentDigest(excluding unreadable: Set<Int>) -> String {
        let root = FileName(root)
        return ContentDigest.hexadecimal(
            pictures: files.indices.filter { !unreadable.contains($0) }, size: { sizeOfFile(files[$0].inside(root)) }
        ) { index in
            ContentDigest.Picture(name: files[index].bytes, label: label(index), file: files[index].inside(root))
        }
    }

    /// Reads and decodes a file.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage {
        try decoder.decode(file: files[index].inside(FileName(root))).image
    }

    /// Reads and decodes a file, a JPEG perhaps at a fraction of its size.
    public func image(_ index: Int, reduction: @escaping ImageDecoder.Reduction) throws(ImageError) -> DecodedImage {
        try decoder.decode(file: files[index].inside(FileName(root)), reduction: reduction).image
    }

    /// The class of a picture; nil in the flat form.
    public func label(_ index: Int) -> Int? { labels.isEmpty ? nil : Int(labels[index]) }

    /// The path below the folder, escaped where it cannot be shown.
    public func key(_ index: Int) -> String { files[index].description }

    /// Files by their folders, then by their names.
    private static func sorted(_ files: ArraySlice<FileName>) -> [FileName] {
        let pairs = files.map { (path: $0, folder: FileName($0.folder)) }
        return pairs.sorted { a, b in
            if a.folder == b.folder { return a.path < b.path }
            return a.folder < b.folder
        }.map(\.path)
    }

    private static let suffixes = FolderWalk.readable.map { ".\($0)" }.joined(separator: " ")

    private static func found(_ ledger: SourceLedger) -> String { ledger.summary.map { "; \($0)" } ?? "" }

    private static func requireFolder(_ root: String) throws(ImageError) {
        switch kind(of: root) {
        case .folder: return
        case .file: throw ImageError(.io, path: root, "a file; a folder of pictures is needed")
        case .nothing: throw ImageError(.io, path: root, "there is no such folder")
        }
    }
}
