public import RecipeSchema

/// What is known of a data set: classes, constants, licence, where to get it, and how its files may lie.
public struct DatasetCard: RecipeSection {
    /// The name that recipes use.
    public var name = ""
    /// The name that people use.
    public var title = ""
    /// The classes in the order of their labels; empty where the files tell them.
    public var classes: [String] = []
    /// The folders of the classes; empty where they have the classes' names.
    public var classFolders: [String] = []
    /// Height and width, where all pictures have one size.
    public var imageSize: ImageSize?
    /// Channels of the stored pictures.
    public var channels = 3
    /// Mean of each channel over the training part, in [0, 1].
    public var mean: [Double] = []
    /// Standard deviation of each channel over all pixels of the training part.
    public var deviation: [Double] = []
    /// Pictures of the training part.
    public var trainCount: Int?
    /// Pictures of the test part.
    public var testCount: Int?
    /// The terms of use.
    public var licence = ""
    /// Where to get it.
    public var origin = ""
    /// What to know before quoting a number.
    public var notes = ""
    /// Checksums of the files that people download.
    public var files: [DatasetFile] = []
    /// The forms it may come in; the first that fits a path is read.
    public var layouts: [DatasetLayout] = []

    /// An empty card.
    public init() {}

    /// The rows of a card file.
    public static let fields: [Field<Self>] = [
        Field("name", \.name, "Name in recipes."),
        Field("title", \.title, "Name for people."),
        Field("classes", \.classes, "Classes in the order of their labels; empty where the files tell them."),
        Field("class_folders", \.classFolders, "Folders of the classes; empty where they have the classes' names."),
        Field("image_size", \.imageSize, "Height and width, where all pictures have one size."),
        Field("channels", \.channels, in: .closed(1...64), "Channels of the stored pictures."),
        Field(
            "mean", \.mean, in: .list(0...64, of: .closed(0...1)),
            "Mean of each channel over the training part, in [0, 1]."),
        Field(
            "std", \.deviation, in: .list(0...64, of: .closed(1e-9...1)),
            "Standard deviation of each channel over all pixels of the training part."),
        Field("train_count", \.trainCount, in: .closed(1...1 << 40), "Pictures of the training part."),
        Field("test_count", \.testCount, in: .closed(1...1 << 40), "Pictures of the test part."),
        Field("licence", \.licence, "Terms of use."),
        Field("origin", \.origin, "Where to get it."),
        Field("notes", \.notes, "What to know before quoting a number."),
        Field("files", \.files, "Checksums of the files that people download."),
        Field("layouts", \.layouts, "Forms it may come in; the first that fits a path is read."),
    ]

    /// Faults between the rows.
    public func check() -> [String] {
        var faults: [String] = []
        if mean.count != channels || deviation.count != channels {
            faults.append("mean has \(mean.count) and std \(deviation.count) numbers; channels is \(channels)")
        }
        if deviation.contains(where: { $0 <= 0 }) { faults.append("std has a number that is not above 0") }
        if !classFolders.isEmpty && classFolders.count != classes.count {
            faults.append("class_folders has \(classFolders.count) names and classes \(classes.count)")
        }
        if layouts.isEmpty { faults.append("layouts is empty; name the kind of source that reads the set") }
        return faults
    }

    /// The constants of normalisation.
    public var normalization: Normalization { Normalization(mean: mean, deviation: deviation) }

    /// What is told where a part has another number of pictures than the set is known to have; nil where it has not.
    func countNote(_ count: Int, _ part: DatasetPart) -> String? {
        guard let known = part == .train ? trainCount : testCount, known != count else { return nil }
        return "the \(part.rawValue) part has \(count) pictures, and that of \(title) has \(known)"
    }

    /// The classes; nil where the files tell them.
    public var classTable: ClassTable? {
        classes.isEmpty ? nil : ClassTable(names: classes, folders: classFolders.isEmpty ? classes : classFolders)
    }
}

/// A file that people download, and its checksum.
public struct DatasetFile: RecipeSection {
    /// The file's name.
    public var name = ""
    /// MD5 in hexadecimal.
    public var md5 = ""

    /// An empty row.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field("name", \.name, "Name of the file."),
        Field("md5", \.md5, "MD5 in hexadecimal."),
    ]
}

/// A form that a set may come in.
public struct DatasetLayout: RecipeSection {
    /// The source that reads it; its path is that of the user.
    public var source: any SourceOptions = ProceduralSourceOptions()

    /// The layout of the built-in pictures.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field(
            "source", \.source, tag: "kind", among: sourceKinds, "Source that reads the set.",
            open: { $0 as? any SourceOptions }, close: { $0 })
    ]
}

/// Finds dataset cards: `NAME.json` in the first of some folders that has it.
public struct DatasetCards: Sendable {
    /// The folders, best first.
    public var folders: [String]

    /// Cards in folders.
    public init(folders: [String]) { self.folders = folders }

    /// The names of all cards, sorted.
    public var names: [String] {
        var names = Set<String>()
        for folder in folders {
            for entry in FolderWalk.look(FileName(folder)) where !entry.isFolder {
                let name = entry.name.description
                if name.hasSuffix(".json") { names.insert(String(name.dropLast(5))) }
            }
        }
        return names.sorted()
    }

    /// The card of a name, or of a path to a card file.
    public func card(_ name: String) throws(ImageError) -> DatasetCard {
        let isPath = name.contains("/") || name.hasSuffix(".json")
        let candidates = isPath ? [name] : folders.map { "\($0)/\(name).json" }
        guard let file = candidates.first(where: { kind(of: $0) == .file }) else {
            let known = names
            let guess = nearest(to: name, among: known).map { "did you mean `\($0)`?" }
            throw ImageError(
                .io, path: name,
                "there is no such dataset card; "
                    + (guess
                        ?? (known.isEmpty
                            ? "a folder `datasets` with cards is neither here nor beside the program"
                            : "known are \(known.joined(separator: ", "))"))
            )
        }
        return try Self.read(file)
    }

    private static func read(_ file: String) throws(ImageError) -> DatasetCard {
        try DatasetCard.parse(try readFile(file, limit: 16 << 20), path: file)
    }
}

extension DatasetCard {
    /// The card that a file holds; `path` is for errors.
    package static func parse(_ bytes: [UInt8], path file: String) throws(ImageError) -> DatasetCard {
        let json: JSONValue
        do {
            json = try JSONParser.parse(bytes)
        } catch {
            throw ImageError(.corrupt, path: file, "not a dataset card: \(error)")
        }
        var problems: [Problem] = []
        guard let card = DatasetCard.decode(json, at: "$", &problems) else {
            throw ImageError(
                .corrupt, path: file, "not a dataset card: " + problems.map(\.description).joined(separator: "; "))
        }
        return card
    }
}
