public import RecipeSchema

/// A folder of pictures, at any depth, without labels or with those of a file.
public struct ImagesSourceOptions: DividedOptions, MappedOptions {
    /// The kind in recipes.
    public static let name = "images"
    /// Where the data lies.
    public var path: String?
    /// The file of labels; nil without labels.
    public var labels: String?
    /// The column of the file names; nil for `file`, else the first.
    public var nameColumn: String?
    /// The column of the labels; nil for `label`, else the second.
    public var labelColumn: String?
    /// The folder of label maps; nil without.
    public var maps: String?
    /// Which pictures become the test part; nil for none.
    public var split: SplitOptions?
    /// The options with their defaults.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field("path", \.path, "Folder of the pictures, searched at any depth."),
        Field(
            "labels", \.labels,
            "File of the labels: .csv with a header line, or .jsonl with an object a line; null: without labels. Pictures without "
                + "one are then left out."),
        Field(
            "name_column", \.nameColumn,
            "Column or key of the file names, which are paths below the folder or names of single pictures; null: file, else "
                + "the first."),
        Field("label_column", \.labelColumn, "Column or key of the labels; null: label, else the second."),
        Field(
            "maps", \.maps,
            "Folder of label maps, PNG files of the number of a class a pixel, 255 for none, that lie as the pictures do: a/b.png of "
                + "a/b.jpg. Pictures without one are left out; null: without maps."),
        Field(
            "split", \.split,
            "Makes a test part of pictures with labels or label maps; null: all are the training part, but for the folder test of maps."
        ),
    ]

    /// Columns need labels, a split labels or maps.
    public func check() -> [String] {
        guard labels == nil else { return [] }
        let needy = [
            ("name_column", nameColumn != nil), ("label_column", labelColumn != nil),
            ("split", split != nil && maps == nil),
        ].filter(\.1)
        return needy.map {
            "\($0.0) belongs to labels, of which there are none; name their file in labels, or remove \($0.0)"
        }
    }

    /// Tells by names, without reading a file.
    public func fits(_ path: String) -> Bool { kind(of: path) == .folder }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource {
        let path = try required(path)
        if let maps { return try mapped(path, maps, part, in: context) }
        guard let labels else {
            guard part == .train else {
                throw .noTestPart(
                    path,
                    "these `images` are without labels; name a file of labels and a split (data.source.labels and data.source.split, "
                        + "or --labels FILE --split 0.2), or use `class_folders` with a folder a class")
            }
            var notes: [String] = []
            if let test = DatasetParts.testOfPictures(in: path) {
                notes = [
                    "the folders `\(DatasetParts.train)` and `\(test)` are both read, as `images`: give \(FileName(path))/train where test "
                        + "pictures are not to be trained on"
                ]
            }
            return try ImageFolder(flat: path, decoder: context.decoder, notes: notes).opened(in: context)
        }
        guard part == .train || split != nil else {
            throw .noTestPart(path, "all labelled `images` are the training part; \(Self.splitHint)")
        }
        let whole = try labelled(path, labels, context)
        guard let split else { return whole.opened(in: context) }
        return try whole.part(part, of: split).opened(in: context)
    }

    /// The pictures that the file of labels names.
    private func labelled(_ path: String, _ labels: String, _ context: SourceContext) throws(ImageError) -> ImageFolder
    {
        let columns = LabelFile.Columns(name: nameColumn, label: labelColumn, group: split?.column)
        let file = try LabelFile(labels, columns: columns)
        if let group = split?.group, group == SplitOptions.folder, file.header.contains(FileName(group)) {
            throw ImageError(
                .label, path: labels,
                "data.source.split.group is `\(group)`, which means the folder that a picture lies in, and there is a column of that "
                    + "name, too; give the column another name")
        }
        return try ImageFolder(flat: path, labels: file, decoder: context.decoder)
    }

    /// The pictures of one part that have label maps: of the folders `train` and `test` where both are there, else of all by the split.
    private func mapped(
        _ path: String, _ maps: String, _ part: DatasetPart, in context: SourceContext
    ) throws(ImageError) -> any ImageSource {
        try context.requireOnePage(path)
        if let labels {
            guard part == .train || split != nil else {
                throw .noTestPart(path, "all labelled `images` are the training part; \(Self.splitHint)")
            }
            let whole = try labelled(path, labels, context).mapped(by: maps, top: path)
            guard let split else { return whole.opened(in: context) }
            return try whole.part(part, of: split).opened(in: context)
        }
        let test = DatasetParts.testOfPictures(in: path)
        if let split {
            if let test { throw .twoTestParts(path, test) }
            let whole = try ImageFolder(flat: path, decoder: context.decoder).mapped(by: maps, top: path)
            return try whole.part(part, of: split).opened(in: context)
        }
        guard part == .train || test != nil else {
            throw .noTestPart(
                path, "it would be the folder `test`, `val`, `validation` or `valid` beside `train`; \(Self.splitHint)")
        }
        let root = test.map { part == .test ? "\(path)/\($0)" : "\(path)/\(DatasetParts.train)" } ?? path
        return try ImageFolder(flat: root, decoder: context.decoder).mapped(by: maps, top: path).opened(in: context)
    }
}

extension DividedOptions {
    /// How to ask for a test part.
    static var splitHint: String { "to divide them, give data.source.split, such as {\"test\": 0.2} (--split 0.2)" }
}

/// A folder a class, as torchvision's `ImageFolder` reads it.
public struct ClassFoldersSourceOptions: DividedOptions, MappedOptions {
    /// The kind in recipes.
    public static let name = "class_folders"
    /// Where the data lies.
    public var path: String?
    /// The folder of label maps; nil without.
    public var maps: String?
    /// Which pictures become the test part, where no folder is one.
    public var split: SplitOptions?
    /// The options with their defaults.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field(
            "path", \.path,
            "Folder with `train` and `test` (or `val`, `validation`, `valid`), or of the class folders themselves."),
        Field(
            "maps", \.maps,
            "Folder of label maps, PNG files of the number of a class a pixel, 255 for none, that lie as the pictures do: a/b.png of "
                + "a/b.jpg. Pictures without one are left out; null: without maps."),
        Field("split", \.split, "Makes a test part of the class folders where no folder is one; null: none is made."),
    ]

    /// There are no columns here.
    public func check() -> [String] {
        guard let column = split?.column else { return [] }
        return [
            "split.group is \"\(FileName(column))\", a column of labels, which class_folders have not; allowed are null and "
                + "\"\(SplitOptions.folder)\""
        ]
    }

    /// Tells by names, without reading a file.
    public func fits(_ path: String) -> Bool {
        let entries = FolderWalk.look(FileName(path))
        guard entries.contains(where: \.isFolder) else { return false }
        // Pictures beside folders are none of theirs, unless the folders are the parts of a set.
        return !entries.contains { !$0.isFolder && FolderWalk.readable.contains($0.name.suffix) }
            || DatasetParts.folders(of: path).test != nil
    }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource {
        let path = try required(path)
        let parts = DatasetParts.folders(of: path)
        if let fault = parts.fault { throw ImageError(.unsupported, path: path, fault) }
        if split != nil, let test = parts.test { throw .twoTestParts(path, FileName(test).baseText) }
        if maps != nil { try context.requireOnePage(path) }
        func mapped(_ folder: ImageFolder) throws(ImageError) -> ImageFolder {
            guard let maps else { return folder }
            return try folder.mapped(by: maps, top: path)
        }
        guard part == .test, split == nil else {
            let whole = try mapped(
                try ImageFolder(
                    classes: parts.train, table: context.classes, decoder: context.decoder, notes: parts.notes))
            guard let split else { return whole.opened(in: context) }
            return try whole.part(part, of: split).opened(in: context)
        }
        guard let test = parts.test else { throw .noTestPart(path, "\(parts.missing); \(Self.splitHint)") }
        let table: ClassTable
        if let known = context.classes {
            table = known
        } else {
            var ledger = SourceLedger()
            table = ClassTable(folders: try ImageFolder.classFolders(of: parts.train, ledger: &ledger))
        }
        return try mapped(try ImageFolder(classes: test, table: table, decoder: context.decoder, notes: parts.notes))
            .opened(in: context)
    }
}

extension SourceContext {
    /// Throws where pages are pictures: a map is of a file.
    fileprivate func requireOnePage(_ path: String) throws(ImageError) {
        guard takesEachPage else { return }
        throw ImageError(
            .unsupported, path: path,
            "data.tiff_page is \"all\", and a label map is of a file, not of a page; give the number of a page")
    }
}

extension ImageError {
    fileprivate static func twoTestParts(_ path: String, _ test: String) -> ImageError {
        ImageError(
            .unsupported, path: path,
            "there is a test part already, the folder `\(test)`, and data.source.split would make another one; "
                + "remove the split, or give the folder `train` as the path")
    }
}
