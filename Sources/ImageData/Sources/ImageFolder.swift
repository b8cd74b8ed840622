/// Pictures of a folder tree, without labels, with the labels of a file, or with the names of folders as classes.
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
    public private(set) var ledger: SourceLedger
    private let files: [FileName]
    private let labels: [Int32]
    /// What a split keeps together, as the file of labels says it; empty without.
    private var groups: [FileName]
    /// The file and page of each picture; empty where each file is one.
    private let places: [Place]
    private let decoder: ImageDecoder
    /// Where the label maps lie; nil without.
    private var maps: MapFolder?
    /// Where digests of an earlier look are kept; nil for nowhere.
    private var indexFolder: String?

    /// A page of a file.
    private struct Place {
        var file: Int32
        /// Counted from 0; -1 for a file of one page.
        var page: Int32
    }

    /// The pictures below a folder, without labels.
    public init(flat root: String, decoder: ImageDecoder = ImageDecoder()) throws(ImageError) {
        try self.init(flat: root, decoder: decoder, notes: [])
    }

    /// The same with sentences for the ledger.
    init(flat root: String, decoder: ImageDecoder, notes: [String]) throws(ImageError) {
        var walk = try Self.pictures(below: root)
        for sentence in notes { walk.ledger.note(sentence) }
        self.root = root
        self.decoder = decoder
        files = walk.files.sorted()
        labelNames = nil
        labels = []
        groups = []
        places = []
        ledger = walk.ledger
    }

    /// The pictures below a folder that a file gives labels; those without one are counted in the ledger.
    init(flat root: String, labels file: LabelFile, decoder: ImageDecoder) throws(ImageError) {
        let walk = try Self.pictures(below: root)
        let found = try file.labelled(walk.files.sorted(), below: root)
        self.root = root
        self.decoder = decoder
        files = found.files
        labelNames = found.table.names
        labels = found.labels
        groups = found.groups
        places = []
        var ledger = walk.ledger
        ledger.add(found.ledger)
        self.ledger = ledger
    }

    private static func pictures(below root: String) throws(ImageError) -> FolderWalk {
        try requireFolder(root)
        var walk = FolderWalk()
        try walk.walk(FileName(root))
        guard !walk.files.isEmpty else {
            throw ImageError(
                .empty, path: root,
                "no pictures in this folder; files ending in \(suffixes) are read" + found(walk.ledger))
        }
        return walk
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
        groups = []
        places = []
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
        let names = entries.filter(\.isFolder).map(\.name).filter { name in
            guard FolderWalk.isOfRuns(name.inside(FileName(root))) else { return true }
            ledger.add(.runFolder, name.description)
            return false
        }
        guard !names.isEmpty else {
            throw ImageError(
                .empty, path: root,
                "no class folders; a folder a class is needed, with files ending in \(suffixes)" + found(ledger))
        }
        return names
    }

    /// One part of pictures with labels that a split divides; the ledger says how.
    func part(_ part: DatasetPart, of options: SplitOptions) throws(ImageError) -> ImageFolder {
        guard options.test > 0, options.test < 1 else {
            throw ImageError(
                .unsupported, path: root,
                "data.source.split.test is \(options.test); allowed is a number > 0 and < 1")
        }
        let keys: [FileName]
        switch options.group {
        case nil: keys = files
        case SplitOptions.folder: keys = files.map { FileName($0.folder) }
        case let column?:
            guard groups.count == files.count else {
                throw ImageError(
                    .unsupported, path: root,
                    "data.source.split.group is `\(FileName(column))`, and there is no file of labels with such a column; allowed are "
                        + "null and `\(SplitOptions.folder)`")
            }
            keys = groups
        }
        // Without labels all are of one class.
        let split = Split(
            labels: labels.isEmpty ? [Int32](repeating: 0, count: files.count) : labels, keys: keys, by: options)
        guard split.isTest.contains(true) else {
            let whole = options.group == nil ? "" : " in \(split.groups.train) whole groups"
            throw ImageError(
                .empty, path: root,
                "data.source.split leaves the test part without a picture: \(options.test) of each class, one kept for training, is "
                    + "none of its \(files.count) pictures\(whole); give a larger share"
                    + (options.group == nil ? "" : " or smaller groups"))
        }
        return ImageFolder(self, split, part, options)
    }

    /// The pictures of a part.
    private init(_ whole: ImageFolder, _ split: Split, _ part: DatasetPart, _ options: SplitOptions) {
        let chosen = whole.files.indices.filter { split.isTest[$0] == (part == .test) }
        self.init(whole, chosen)
        groups = []
        let test = split.isTest.count { $0 }
        let sides =
            options.group.map {
                "; whole groups by `\(FileName($0))`: \(split.groups.train) and \(split.groups.test)"
            } ?? ""
        ledger.note(
            "split: \(whole.count - test) files in the training part, \(test) in the test part (test \(options.test), seed "
                + "\(options.seed)\(sides))")
        // Of the training part none can be absent.
        let hasLabels = !whole.labels.isEmpty
        let present = Set(
            split.isTest.indices.lazy.filter { hasLabels && split.isTest[$0] }.map { whole.labels[$0] })
        let all = Set(whole.labels)
        let absent = all.subtracting(present).sorted().map { whole.labelNames?[Int($0)] ?? "\($0)" }
        if !absent.isEmpty {
            let list = absent.prefix(5).map { "`\($0)`" }.joined(separator: ", ") + (absent.count > 5 ? ", …" : "")
            ledger.note(
                "\(absent.count) of \(all.count) classes have no picture in the test part of the split: \(list)")
        }
    }

    /// Some of the pictures, by the numbers of their files.
    private init(_ whole: ImageFolder, _ chosen: [Int]) {
        root = whole.root
        decoder = whole.decoder
        files = chosen.map { whole.files[$0] }
        labels = whole.labels.isEmpty ? [] : chosen.map { whole.labels[$0] }
        labelNames = whole.labelNames
        groups = whole.groups.isEmpty ? [] : chosen.map { whole.groups[$0] }
        places = []
        maps = whole.maps
        ledger = whole.ledger
    }

    /// The pictures that have a label map in the folder `maps`, which mirrors `top`, the folder that this one is or lies in. Those
    /// without one are left out and counted.
    func mapped(by maps: String, top: String) throws(ImageError) -> ImageFolder {
        let folder = try MapFolder(maps, of: root, top: top, decoder: decoder)
        var ledger = ledger
        let chosen = try folder.matched(files, ledger: &ledger)
        var mapped = ImageFolder(self, chosen)
        mapped.maps = folder
        mapped.ledger = ledger
        return mapped
    }

    /// True where maps were given.
    public var hasLabelMaps: Bool { maps != nil }

    /// The label map of a picture, from its PNG file.
    public func labelMap(_ index: Int) throws(ImageError) -> LabelMap {
        guard let maps else { throw ImageError(.label, path: "", member: key(index), "has no label map") }
        return try maps.map(of: files[place(index).file])
    }

    /// The same files as a context wants them: each page of a TIFF as a picture of its own, or files that have other pages than the one
    /// that is read counted, where files whose names do not end as those of TIFF are not looked at; digests kept.
    func opened(in context: SourceContext) -> ImageFolder {
        var opened = context.takesEachPage ? ImageFolder(pagesOf: self) : countingPages()
        opened.indexFolder = context.indexFolder
        return opened
    }

    /// The same files; those that have other pages than the one that is read are counted.
    private func countingPages() -> ImageFolder {
        var counted = self
        for name in files where ImageFormat.tiff.suffixes.contains(name.suffix) {
            guard TIFFPageCount(of: name.inside(FileName(root)), most: 2).pages > 1 else { continue }
            counted.ledger.add(.otherPages, name.description)
        }
        return counted
    }

    private init(pagesOf whole: ImageFolder) {
        root = whole.root
        decoder = whole.decoder
        files = whole.files
        labels = whole.labels
        labelNames = whole.labelNames
        groups = whole.groups
        maps = whole.maps
        var ledger = whole.ledger
        var places: [Place] = []
        var (several, pictures) = (0, 0)
        for (number, name) in files.enumerated() {
            var pages = 1
            if ImageFormat.tiff.suffixes.contains(name.suffix) {
                let counted = TIFFPageCount(of: name.inside(FileName(root)))
                pages = counted.pages
                if let note = counted.note { ledger.note(note) }
            }
            if pages == 1 {
                places.append(Place(file: Int32(number), page: -1))
            } else {
                several += 1
                pictures += pages
                for page in 0..<pages { places.append(Place(file: Int32(number), page: Int32(page))) }
            }
        }
        if several > 0 {
            ledger.note(
                "\(several) TIFF \(several == 1 ? "file" : "files") with several pages \(several == 1 ? "is" : "are") \(pictures) "
                    + "pictures, one a page")
        }
        self.places = places
        self.ledger = ledger
    }

    /// The file of a picture, and the page where the file has several.
    private func place(_ index: Int) -> (file: Int, page: Int?) {
        guard !places.isEmpty else { return (index, nil) }
        let place = places[index]
        return (Int(place.file), place.page < 0 ? nil : Int(place.page))
    }

    /// The path below the folder, with `#` and the number of the page behind it where the file has several. No other picture can
    /// have that name: the names of all files end as pictures do, in letters.
    func name(_ index: Int) -> FileName {
        let place = place(index)
        guard let page = place.page else { return files[place.file] }
        return FileName(files[place.file].bytes + Array("#\(page)".utf8))
    }

    /// The number of pictures.
    public var count: Int { places.isEmpty ? files.count : places.count }

    /// The files, with the real path of the folder.
    public var filePaths: Set<FileName> {
        let folder = realPath(FileName(root))
        return Set(files.map { $0.inside(folder) })
    }

    /// The digest of all.
    public var fingerprint: String { contentDigest(excluding: []) }

    /// A digest of the paths, sizes and bytes of the files. The bytes of a file with several pages count once, with the first of
    /// them that is not excluded.
    public func contentDigest(excluding unreadable: Set<Int>) -> String {
        let root = FileName(root)
        let counted = (0..<count).filter { !unreadable.contains($0) }
        let repeated = Set(zip(counted, counted.dropFirst()).lazy.filter { place($0).file == place($1).file }.map(\.1))
        var stamps = [DigestIndex.Stamp?](repeating: nil, count: count)
        for index in counted where !repeated.contains(index) {
            stamps[index] = DigestIndex.Stamp(of: files[place(index).file].inside(root))
        }
        return ContentDigest.hexadecimal(
            pictures: counted, size: { stamps[$0]?.size ?? 0 }, known: known(stamps)
        ) { index in
            ContentDigest.Picture(
                name: name(index).bytes, label: label(index), file: files[place(index).file].inside(root),
                part: repeated.contains(index) ? 0..<0 : nil)
        }
    }

    /// The digests of an earlier look, for pictures of so many stamps; nil where none are kept.
    private func known(_ stamps: [DigestIndex.Stamp?]) -> ContentDigest.Known? {
        guard let indexFolder, stamps.count >= DigestIndex.fewest else { return nil }
        let index = DigestIndex(of: FileName(root), in: indexFolder)
        @Sendable func entry(_ picture: Int, _ sample: UInt64) -> DigestIndex.Entry? {
            stamps[picture].map { .init(name: name(picture), label: label(picture), sample: sample, stamp: $0) }
        }
        return ContentDigest.Known(
            find: { picture, sample in entry(picture, sample).flatMap { index.digest($0) } },
            keep: { digests, sample in
                index.keep(digests.compactMap { found in entry(found.picture, sample).map { ($0, found.digest) } })
            })
    }

    /// Reads and decodes a file, or a page of it.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage {
        try read(index) { (file, decoder) throws(ImageError) in try decoder.decode(file: file).image }
    }

    /// Reads and decodes a file, a JPEG perhaps at a fraction of its size.
    public func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        try read(index) { (file, decoder) throws(ImageError) in
            try decoder.decode(file: file, reduction: draw.reduction).image
        }
    }

    /// Reads something of a picture: `body` gets its file and the decoder of its page. Errors name the page.
    func read<Result>(
        _ index: Int, _ body: (FileName, ImageDecoder) throws(ImageError) -> Result
    ) throws(ImageError) -> Result {
        let place = place(index)
        var decoder = decoder
        if !places.isEmpty { decoder.page = place.page ?? 0 }
        do throws(ImageError) {
            return try body(files[place.file].inside(FileName(root)), decoder)
        } catch {
            var error = error
            if let page = place.page { error.member = "page \(page)" }
            throw error
        }
    }

    /// The class of a picture; nil in the flat form.
    public func label(_ index: Int) -> Int? { labels.isEmpty ? nil : Int(labels[place(index).file]) }

    /// The path below the folder, escaped where it cannot be shown; of a page with `#` and its number.
    public func key(_ index: Int) -> String { name(index).description }

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
