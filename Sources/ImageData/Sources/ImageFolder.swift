import ContentDigests
import Foundation

/// Pictures of a folder tree, without labels or with the names of folders as classes.
///
/// The flat form takes every JPEG and PNG file below the folder, at any depth, in the order of their paths' bytes. With
/// classes the folders directly below the root are the classes, in the order of their names' bytes, and the order of
/// pictures is that of torchvision's `ImageFolder`.
public struct ImageFolder: ImageSource {
    /// The folder.
    public let root: String
    /// The names of the classes; nil for the flat form.
    public let labelNames: [String]?
    /// Pictures of unreadable formats and names that were passed over.
    public let warnings: [String]
    private let files: [String]
    private let labels: [Int32]
    private let decoder: ImageDecoder

    /// The pictures below a folder, without labels.
    public init(flat root: String, decoder: ImageDecoder = ImageDecoder()) throws(ImageError) {
        try Self.requireFolder(root)
        var walk = FolderWalk()
        try walk.walk(root)
        guard !walk.files.isEmpty else {
            throw ImageError(
                .empty, path: root, "no pictures in this folder; files ending in \(Self.suffixes) are read")
        }
        self.root = root
        self.decoder = decoder
        files = walk.files.sorted(by: bytesPrecede)
        labelNames = nil
        labels = []
        warnings = walk.warnings
    }

    /// The pictures of the classes, a folder each, directly below a folder.
    ///
    /// With a `table` its folders give the labels, and a folder that is not among them is an error; a class without a
    /// folder keeps its number.
    public init(
        classes root: String, table: ClassTable? = nil, decoder: ImageDecoder = ImageDecoder()
    ) throws(ImageError) {
        let names = try Self.classFolders(of: root)
        let table = table ?? ClassTable(folders: names)
        let numbers = table.labels
        var walk = FolderWalk()
        var files: [String] = []
        var labels: [Int32] = []
        var empty: [String] = []
        for name in names {
            guard let label = numbers[name] else {
                throw ImageError(
                    .label, path: "\(root)/\(name)",
                    "this folder is none of the \(table.folders.count) classes of the set")
            }
            let before = walk.files.count
            try walk.walk("\(root)/\(name)", below: name)
            if walk.files.count == before { empty.append(name) }
            files += walk.files[before...].map { ($0, Self.folder(of: $0)) }
                .sorted { $0.1 == $1.1 ? bytesPrecede($0.0, $1.0) : $0.1.utf8.lexicographicallyPrecedes($1.1.utf8) }
                .map(\.0)
            labels += [Int32](repeating: label, count: walk.files.count - before)
        }
        guard empty.isEmpty else {
            let list = empty.prefix(5).map { "`\($0)`" }.joined(separator: ", ") + (empty.count > 5 ? " …" : "")
            throw ImageError(
                .empty, path: root,
                "no pictures in the class folders \(list); files ending in \(Self.suffixes) are read. Fill or remove them"
            )
        }
        self.root = root
        self.decoder = decoder
        self.files = files
        self.labels = labels
        labelNames = table.names
        warnings = walk.warnings
    }

    /// The names of the folders directly below a folder, of which there is one at least.
    static func classFolders(of root: String) throws(ImageError) -> [String] {
        try requireFolder(root)
        var unnameable = 0
        let names = try FolderWalk.entries(of: root, unnameable: &unnameable).filter(\.isFolder).map(\.name)
        guard !names.isEmpty else {
            throw ImageError(
                .empty, path: root, "no class folders; a folder a class is needed, with files ending in \(suffixes)")
        }
        return names
    }

    /// The number of pictures.
    public var count: Int { files.count }

    /// A digest of the paths and sizes of all files.
    public var fingerprint: String {
        var digest = SHA256()
        for file in files {
            var status = stat()
            let size = stat("\(root)/\(file)", &status) == 0 ? Int(status.st_size) : -1
            digest.update([UInt8]("\(file)\0\(size)\0".utf8))
        }
        return digest.hexadecimal()
    }

    /// Reads and decodes a file.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage {
        try decoder.decode(file: "\(root)/\(files[index])").image
    }

    /// Reads and decodes a file, a JPEG perhaps at a fraction of its size.
    public func image(_ index: Int, reduction: @escaping ImageDecoder.Reduction) throws(ImageError) -> DecodedImage {
        try decoder.decode(file: "\(root)/\(files[index])", reduction: reduction).image
    }

    /// The class of a picture; nil in the flat form.
    public func label(_ index: Int) -> Int? { labels.isEmpty ? nil : Int(labels[index]) }

    /// The path below the folder.
    public func key(_ index: Int) -> String { files[index] }

    private static let suffixes = FolderWalk.readable.map { ".\($0)" }.joined(separator: " ")

    private static func requireFolder(_ root: String) throws(ImageError) {
        switch kind(of: root) {
        case .folder: return
        case .file: throw ImageError(.io, path: root, "a file; a folder of pictures is needed")
        case .nothing: throw ImageError(.io, path: root, "there is no such folder")
        }
    }

    private static func folder(of path: String) -> Substring {
        path.lastIndex(of: "/").map { path[..<$0] } ?? ""
    }
}
