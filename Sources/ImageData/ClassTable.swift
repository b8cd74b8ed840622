/// The classes of a set in the order of their labels.
public struct ClassTable: Sendable, Equatable {
    /// What people call them.
    public var names: [String]
    /// The folders that hold them, such as WordNet numbers, where the set comes as class folders.
    public var folders: [FileName]

    /// Classes and their folders, as many of each.
    public init(names: [String], folders: [String]) {
        precondition(names.count == folders.count, "\(names.count) classes and \(folders.count) folders")
        self.names = names
        self.folders = folders.map { FileName($0) }
    }

    /// The table of folders found on disk, which are their own names, in the order of their bytes.
    init(folders: some Sequence<FileName>) {
        self.folders = folders.sorted()
        names = self.folders.map(\.description)
    }

    /// The label of each folder.
    var labels: [FileName: Int32] {
        Dictionary(folders.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { first, _ in first })
    }

    /// Sentences about classes whose names are easily taken for one another, or cannot be shown as they are.
    var notes: [String] {
        var sentences = folders.filter { !$0.isUTF8 }.prefix(SourceLedger.mostExamples).map {
            "the class `\($0)` has a name that is not UTF-8; it is shown with escapes and counts as a class of its own"
        }
        // A Swift string is equal to another of the same canonical Unicode form, which is what is looked for here.
        let alike = Dictionary(grouping: folders.filter(\.isUTF8)) {
            String(decoding: $0.bytes, as: UTF8.self).lowercased()
        }
        for group in alike.values.filter({ $0.count > 1 }).sorted(by: { $0[0] < $1[0] }).prefix(
            SourceLedger.mostExamples)
        {
            let texts = Set(group.map { String(decoding: $0.bytes, as: UTF8.self) })
            let list = group.map { "`\($0)`" }.joined(separator: " and ")
            let difference = texts.count == 1 ? "the Unicode form of their names" : "letter case"
            sentences.append("the classes \(list) differ only in \(difference); they count as different classes")
        }
        return sentences
    }

    /// The error for folders of a part that are no classes of this table; nil where all are.
    func unknown(_ found: some Sequence<FileName>, in place: String) -> ImageError? {
        let labels = labels
        let unknown = Set(found).filter { labels[$0] == nil }.sorted()
        guard let first = unknown.first else { return nil }
        let list = unknown.prefix(5).map { "`\($0)`" }.joined(separator: ", ") + (unknown.count > 5 ? ", …" : "")
        let text = String(decoding: first.bytes, as: UTF8.self)
        let twin = folders.first { String(decoding: $0.bytes, as: UTF8.self) == text }
        return ImageError(
            .label, path: place,
            "the class \(unknown.count == 1 ? "folder" : "folders") \(list) \(unknown.count == 1 ? "is" : "are") none of "
                + "the \(folders.count) classes, which the training part or its card numbers"
                + (twin == nil ? "" : "; one of them differs only in the Unicode form of its name")
                + ". Remove or rename, or add to the training part")
    }

    /// The sentence for classes of this table without a picture in a part; nil where all have some.
    func absent(from found: some Sequence<FileName>, part: String) -> String? {
        let present = Set(found)
        let absent = zip(folders, names).filter { !present.contains($0.0) }.map(\.1)
        guard !absent.isEmpty else { return nil }
        let list = absent.prefix(5).map { "`\($0)`" }.joined(separator: ", ") + (absent.count > 5 ? ", …" : "")
        return "\(absent.count) of \(folders.count) classes have no picture in the \(part) part: \(list)"
    }
}
