/// What a reader saw and did not read, or read in a way worth telling: counts by reason, a few names each, and sentences.
public struct SourceLedger: Sendable, Equatable {
    /// Why something was passed over or is told; the raw values are the words of JSON output.
    public enum Reason: String, Sendable, CaseIterable {
        /// A name that begins with a dot.
        case hidden
        /// A file that is no picture by the end of its name.
        case otherSuffix = "other-suffix"
        /// A picture beside the class folders.
        case outsideClasses = "outside-classes"
        /// A picture of a format that is not read.
        case otherFormat = "other-format"
        /// A device, a pipe or a socket.
        case notAFile = "not-a-file"
        /// A link to a folder that is being read already.
        case linkToAncestor = "link-to-ancestor"
        /// One of too many links to folders that were read already.
        case repeatedLink = "repeated-link"
        /// A link to nothing.
        case danglingLink = "dangling-link"
        /// A folder that the system refused to list.
        case unreadableFolder = "unreadable-folder"
        /// A folder of a run of this program, whose pictures are of our making.
        case runFolder = "run-folder"
        /// A picture that the system refused to look at, or that could not be decoded.
        case unreadable
        /// A name in some older encoding; it is read, and shown with escapes.
        case nameNotUTF8 = "name-not-utf8"
        /// A member of an archive that belongs to no picture, or that is none of its label and its pixels.
        case memberWithoutPicture = "member-without-picture"
        /// A picture without a label, among others that have one; it is read.
        case pictureWithoutLabel = "picture-without-label"
        /// A label without a picture.
        case labelWithoutPicture = "label-without-picture"
        /// A picture that no row of a file of labels names.
        case pictureWithoutRow = "picture-without-row"
        /// A picture whose row has an empty label.
        case emptyLabel = "empty-label"
        /// A picture without a label map, among others that have one.
        case pictureWithoutMap = "picture-without-map"
        /// A label map without a picture.
        case mapWithoutPicture = "map-without-picture"
        /// A picture whose label map is that of another one, too: their names differ in the suffix alone.
        case sharedMap = "shared-map"
        /// A row of a file of labels that names no picture.
        case rowWithoutPicture = "row-without-picture"
        /// A row that says what an earlier one says.
        case repeatedRow = "repeated-row"
        /// An archive without an end mark; what is there is read.
        case archiveEndedEarly = "archive-ended-early"
        /// An archive behind the end of another one in the same file; it is read.
        case secondArchive = "second-archive"
        /// A link in an archive to no picture or label of it, or to a picture but without a label where others have one.
        case linkMember = "link-member"
        /// A shard that belongs to no part that is used.
        case otherShard = "other-shard"
        /// A file whose other pages are passed over.
        case otherPages = "other-pages"

        /// False where the thing counted was passed over.
        public var isRead: Bool {
            switch self {
            case .nameNotUTF8, .pictureWithoutLabel, .archiveEndedEarly, .secondArchive, .otherPages, .sharedMap: true
            default: false
            }
        }

        /// True where no picture can have been lost.
        public var isHarmless: Bool {
            let harmless: [Reason] = [
                .hidden, .otherSuffix, .otherShard, .nameNotUTF8, .secondArchive, .repeatedRow, .runFolder,
            ]
            return harmless.contains(self)
        }

        /// The things counted, for people.
        func words(_ count: Int) -> String {
            let one = count == 1
            return switch self {
            case .hidden: one ? "hidden name" : "hidden names"
            case .otherSuffix: one ? "file that is no picture by its name" : "files that are no pictures by their names"
            case .outsideClasses:
                one ? "picture that lies in no class folder" : "pictures that lie in no class folder"
            case .otherFormat:
                (one ? "picture" : "pictures") + " of formats that are not read (\(ImageFormat.names) are)"
            case .notAFile: one ? "device, pipe or socket" : "devices, pipes or sockets"
            case .linkToAncestor: one ? "link to a folder around it" : "links to a folder around them"
            case .repeatedLink: "more " + (one ? "link" : "links") + " to folders that were read already"
            case .danglingLink: one ? "dangling link" : "dangling links"
            case .unreadableFolder: one ? "folder that cannot be listed" : "folders that cannot be listed"
            case .runFolder: one ? "folder of a run" : "folders of runs"
            case .unreadable: one ? "picture that cannot be read" : "pictures that cannot be read"
            case .nameNotUTF8: one ? "name that is not UTF-8" : "names that are not UTF-8"
            case .memberWithoutPicture: one ? "member that belongs to no picture" : "members that belong to no picture"
            case .pictureWithoutLabel: one ? "picture without a label" : "pictures without a label"
            case .labelWithoutPicture: one ? "label without a picture" : "labels without a picture"
            case .pictureWithoutRow:
                (one ? "picture" : "pictures") + " without a row in the file of labels"
            case .emptyLabel: one ? "picture whose label is empty" : "pictures whose labels are empty"
            case .pictureWithoutMap: (one ? "picture" : "pictures") + " without a label map"
            case .mapWithoutPicture: one ? "label map without a picture" : "label maps without a picture"
            case .sharedMap: (one ? "picture" : "pictures") + " with the label map of another"
            case .rowWithoutPicture: (one ? "row" : "rows") + " of the file of labels without a picture"
            case .repeatedRow: one ? "row that repeats an earlier one" : "rows that repeat earlier ones"
            case .archiveEndedEarly:
                (one ? "archive" : "archives") + " without an end mark, which ended early or is still being written"
            case .secondArchive: (one ? "archive" : "archives") + " behind the end of another one in the same file"
            case .linkMember:
                (one ? "link" : "links") + " in archives to no picture or label of theirs, or without a label"
            case .otherPages:
                (one ? "file" : "files")
                    + " of several pages, of which one is read; --set data.tiff_page=all reads each"
            case .otherShard: one ? "shard of no part that is used" : "shards of no part that is used"
            }
        }
    }

    /// The count of a reason.
    public struct Entry: Sendable, Equatable {
        /// Why.
        public var reason: Reason
        /// How many, exactly.
        public var count: Int
        /// The first names, escaped, at most `mostExamples`.
        public var examples: [String]

        /// The entry for people.
        public var sentence: String {
            let names = examples.map { "`\($0)`" }.joined(separator: ", ") + (count > examples.count ? ", …" : "")
            return "\(count) \(reason.words(count))" + (examples.isEmpty ? "" : " (\(names))")
        }
    }

    /// Names that are kept of each reason.
    public static let mostExamples = 3
    /// Sentences that are kept.
    private static let mostNotes = 20

    /// What was decided about the whole: which part is the test part, which classes look alike.
    public private(set) var notes: [String] = []
    private var found: [Reason: Entry] = [:]

    /// Nothing to tell.
    public init() {}

    /// The reasons that occurred, in the order of `Reason.allCases`.
    public var entries: [Entry] { Reason.allCases.compactMap { found[$0] } }

    /// How many things there are of a reason.
    public func count(_ reason: Reason) -> Int { found[reason]?.count ?? 0 }

    /// Counts one more thing.
    public mutating func add(_ reason: Reason, _ name: @autoclosure () -> String) {
        var entry = found[reason] ?? Entry(reason: reason, count: 0, examples: [])
        entry.count += 1
        if entry.examples.count < Self.mostExamples { entry.examples.append(name()) }
        found[reason] = entry
    }

    /// Adds a sentence, once.
    public mutating func note(_ sentence: String) {
        if notes.count < Self.mostNotes, !notes.contains(sentence) { notes.append(sentence) }
    }

    /// Adds what another reader saw.
    public mutating func add(_ other: SourceLedger) {
        for entry in other.entries {
            var sum = found[entry.reason] ?? Entry(reason: entry.reason, count: 0, examples: [])
            sum.count += entry.count
            sum.examples = Array((sum.examples + entry.examples).prefix(Self.mostExamples))
            found[entry.reason] = sum
        }
        for sentence in other.notes { note(sentence) }
    }

    /// All counts in one sentence; nil where there are none.
    public var summary: String? {
        func list(_ isRead: Bool) -> String {
            entries.filter { $0.reason.isRead == isRead }.map(\.sentence).joined(separator: ", ")
        }
        let parts = [("passed over: ", list(false)), ("read all the same: ", list(true))].filter { !$0.1.isEmpty }
        return parts.isEmpty ? nil : parts.map { $0.0 + $0.1 }.joined(separator: "; ")
    }

    /// True where a picture or a label may have been lost.
    public var isAlarming: Bool { entries.contains { !$0.reason.isHarmless } }

    /// A line for each count and note.
    public var sentences: [String] {
        entries.map { ($0.reason.isRead ? "" : "passed over ") + $0.sentence } + notes
    }
}
