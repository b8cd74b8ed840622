public import RecipeSchema

/// The built-in pictures, drawn from a seed; nothing is downloaded.
public struct ProceduralSourceOptions: SourceOptions {
    /// The kind in recipes.
    public static let name = "procedural"
    /// Pictures of the training part.
    public var count = 8000
    /// Pictures of the test part.
    public var testCount = 2000
    /// Height and width, in pixels.
    public var size = 32
    /// Another seed draws other pictures of the same classes.
    public var seed = 0
    /// The options with their defaults.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field(
            "count", \.count, in: .closed(1...ProceduralSource.mostPictures), "Pictures of the training part."),
        Field(
            "test_count", \.testCount, in: .closed(1...ProceduralSource.mostPictures), "Pictures of the test part."),
        Field("size", \.size, in: .closed(8...1024), "Height and width, in pixels."),
        Field("seed", \.seed, in: .closed(0...1 << 53 - 1), "Another seed draws other pictures of the same classes."),
    ]

    /// Nil: there is no path.
    public func moved(to path: String) -> (any SourceOptions)? { nil }
    /// False: nothing on disk is of this kind by itself.
    public func fits(_ path: String) -> Bool { false }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource {
        ProceduralSource(part: part, count: part == .train ? count : testCount, size: size, seed: seed)
    }

    /// The card of the set.
    public func card(in cards: DatasetCards) throws(ImageError) -> DatasetCard? { try cards.card("builtin") }
}

/// A set with a card, which knows its classes and constants and how its files may lie under the path.
public struct CardSourceOptions: PathOptions {
    /// The kind in recipes.
    public static let name = "card"
    /// Name of the card, or path of a card file.
    public var card = "builtin"
    /// Where the data lies.
    public var path: String?
    /// The options with their defaults.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field("card", \.card, "Name of the card, or path of a card file."),
        Field("path", \.path, "Folder of the set."),
    ]

    /// False: nothing on disk is of this kind by itself.
    public func fits(_ path: String) -> Bool { false }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource {
        let card = try context.cards.card(card)
        var context = context
        context.classes = card.classTable
        let kinds = card.layouts.map(\.source)
        if kinds.count == 1, kinds[0].moved(to: "") == nil { return try kinds[0].open(part, in: context) }
        let path = try required(path)
        for kind in kinds where kind.fits(path) {
            if let moved = kind.moved(to: path) { return try moved.open(part, in: context) }
        }
        let names = kinds.map { type(of: $0).name }.joined(separator: ", ")
        throw ImageError(
            .io, path: path,
            ImageData.kind(of: path) == .nothing
                ? "there is no such folder"
                : "nothing here looks like \(card.title); looked for \(names). To get it: \(card.origin)")
    }

    /// The card of the set.
    public func card(in cards: DatasetCards) throws(ImageError) -> DatasetCard? { try cards.card(card) }
}

/// Tar archives, plain or compressed.
public struct ShardsSourceOptions: PathOptions {
    /// The kind in recipes.
    public static let name = "shards"
    /// Where the data lies.
    public var path: String?
    /// Key of the label in `.json` members.
    public var labelKey = "label"
    /// The options with their defaults.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field(
            "path", \.path,
            "A shard, names with braces such as `train-{00000..00009}.tar`, or a folder with `train-…` and `test-…` shards."
        ),
        Field("label_key", \.labelKey, "Key of the label in `.json` members."),
    ]

    /// Tells by names, without reading a file.
    public func fits(_ path: String) -> Bool {
        if kind(of: path) == .folder { return !ShardNames.names(in: path).isEmpty }
        return ShardNames.isShard(FileName(path)) || path.contains("{")
    }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource {
        let path = try required(path)
        guard !context.takesEachPage else {
            throw ImageError(
                .unsupported, path: path,
                "data.tiff_page is \"all\", and in shards the pages of a TIFF are no pictures of their own; unpack the shards into a "
                    + "folder, or give the number of a page")
        }
        let files = try ShardNames.files(path)
        guard kind(of: path) == .folder else {
            if part == .test {
                throw .noTestPart(path, "give a folder with `train-…` and `test-…` (or `val-…`) shards")
            }
            return try source(files, training: [], SourceLedger(), context)
        }
        let parts = DatasetParts.shards(files)
        switch part {
        case .train: return try source(parts.train, training: [], parts.ledger, context)
        case .test:
            guard !parts.test.isEmpty else {
                throw .noTestPart(
                    path, "it would be shards named `test…`, `val…`, `validation…` or `valid…` beside `train…`")
            }
            return try source(parts.test, training: parts.train, parts.ledger, context)
        }
    }

    private func source(
        _ files: [FileName], training: [FileName], _ ledger: SourceLedger, _ context: SourceContext
    ) throws(ImageError) -> any ImageSource {
        try ShardSource(
            files: files, training: training, labelKey: labelKey, table: context.classes, decoder: context.decoder,
            ledger: ledger)
    }
}

/// CIFAR-10 or CIFAR-100 in binary form.
public struct CIFARSourceOptions: PathOptions {
    /// The kind in recipes.
    public static let name = "cifar"
    /// Where the data lies.
    public var path: String?
    /// Which set; nil tells them apart by the official file names.
    public var variant: CIFARSource.Variant?
    /// Which labels of CIFAR-100.
    public var labels = CIFARSource.Labels.fine
    /// The options with their defaults.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field("path", \.path, "Folder of the `.bin` files, or one of them."),
        Field("variant", \.variant, "Which set; null tells them apart by the official file names."),
        Field("labels", \.labels, "Which labels of CIFAR-100."),
    ]

    /// Tells by names, without reading a file.
    public func fits(_ path: String) -> Bool {
        kind(of: path) == .file ? path.hasSuffix(".bin") : folder(path) != nil
    }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource {
        let path = try required(path)
        if kind(of: path) == .file {
            guard part == .train else { throw .noTestPart(path, "give the folder of the `.bin` files") }
            let name = path.split(separator: "/").last ?? ""
            let named = CIFARSource.Variant.allCases.first { v in
                DatasetPart.allCases.contains { v.files($0).contains(String(name)) }
            }
            guard let variant = variant ?? named else {
                throw ImageError(
                    .unsupported, path: path, "the name does not tell CIFAR-10 from CIFAR-100; give data.source.variant"
                )
            }
            return try CIFARSource(files: [path], variant: variant, labels: labels, table: context.classes)
        }
        guard kind(of: path) == .folder else { throw ImageError(.io, path: path, "there is no such file or folder") }
        let found = folder(path) ?? (path, variant ?? .cifar10)
        let files = try CIFARSource.files(in: found.path, variant: found.variant, part: part)
        var source = try CIFARSource(files: files, variant: found.variant, labels: labels, table: context.classes)
        if part == .train { source.noteMissing() }
        return source
    }

    /// The folder with the official files, the given one or that of an unpacked archive, and the set that it holds.
    private func folder(_ path: String) -> (path: String, variant: CIFARSource.Variant)? {
        for variant in variant.map({ [$0] }) ?? CIFARSource.Variant.allCases {
            for folder in [path, "\(path)/\(variant.archiveFolder)"] {
                let files = DatasetPart.allCases.flatMap(variant.files)
                if files.contains(where: { kind(of: "\(folder)/\($0)") == .file }) { return (folder, variant) }
            }
        }
        return nil
    }
}

extension CIFARSource.Variant: RecipeEnum {}
extension CIFARSource.Labels: RecipeEnum {}

/// Arrays in IDX form, as MNIST and Fashion-MNIST come.
public struct IDXSourceOptions: PathOptions {
    /// The kind in recipes.
    public static let name = "idx"
    /// Where the data lies.
    public var path: String?
    /// File of the labels, where `path` is a file.
    public var labelFile: String?
    /// The options with their defaults.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field("path", \.path, "Folder of the files under MNIST's names, or one file of pictures."),
        Field("label_file", \.labelFile, "File of the labels, where `path` is a file."),
    ]

    /// Tells by names, without reading a file.
    public func fits(_ path: String) -> Bool {
        switch kind(of: path) {
        case .file: return path.contains("idx")
        case .folder:
            return DatasetPart.allCases.contains { (try? IDXSource.files(in: path, part: $0)) != nil }
        case .nothing: return false
        }
    }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource {
        let path = try required(path)
        switch kind(of: path) {
        case .file:
            guard part == .train else { throw .noTestPart(path, "give the folder of the files") }
            return try IDXSource(images: path, labels: labelFile, classNames: context.classes?.names)
        case .folder:
            let files = try IDXSource.files(in: path, part: part)
            return try IDXSource(images: files.images, labels: files.labels, classNames: context.classes?.names)
        case .nothing:
            throw ImageError(.io, path: path, "there is no such file or folder")
        }
    }
}
