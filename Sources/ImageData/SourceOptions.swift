public import RecipeSchema

/// The parts of a labelled set, which are never mixed.
public enum DatasetPart: String, Sendable, CaseIterable {
    /// What pretraining sees, and what probes are fitted on.
    case train
    /// What scores are measured on, and nothing else.
    case test
}

/// What opening a source needs besides its options.
public struct SourceContext: Sendable {
    /// Where dataset cards are found.
    public var cards: DatasetCards
    /// Decodes the pictures of folders and shards.
    public var decoder: ImageDecoder
    /// The classes, where a card tells them.
    public var classes: ClassTable?
    /// Makes each page of a TIFF file a picture of its own; the decoder's `page` then says nothing.
    public var takesEachPage: Bool
    /// Where digests of folders with many files are kept between looks; nil for nowhere.
    public var indexFolder: String?

    /// A context with the usual decoder.
    public init(
        cards: DatasetCards, decoder: ImageDecoder = ImageDecoder(), classes: ClassTable? = nil,
        takesEachPage: Bool = false, indexFolder: String? = nil
    ) {
        self.cards = cards
        self.decoder = decoder
        self.classes = classes
        self.takesEachPage = takesEachPage
        self.indexFolder = indexFolder
    }
}

/// The `data.source` of a recipe: one of the kinds in `sourceKinds`, told by the key `kind`.
public protocol SourceOptions: NamedSection {
    /// The same options for data at another path; nil for a kind without a path.
    func moved(to path: String) -> (any SourceOptions)?
    /// True where the path looks like data of this kind.
    func fits(_ path: String) -> Bool
    /// The pictures of one part.
    func open(_ part: DatasetPart, in context: SourceContext) throws(ImageError) -> any ImageSource
    /// The card of the set, where the options name one.
    func card(in cards: DatasetCards) throws(ImageError) -> DatasetCard?
}

/// Options of a kind that reads a path.
public protocol PathOptions: SourceOptions {
    /// Where the data lies.
    var path: String? { get set }
}

extension PathOptions {
    /// The same options for data at another path.
    public func moved(to path: String) -> (any SourceOptions)? {
        var options = self
        options.path = path
        return options
    }
}

extension SourceOptions {
    /// No card.
    public func card(in cards: DatasetCards) throws(ImageError) -> DatasetCard? { nil }

    /// The path, or an error that says where to give one.
    func required(_ path: String?) throws(ImageError) -> String {
        if let path, !path.isEmpty { return path }
        throw ImageError(
            .io, path: "", "data.source of kind `\(Self.name)` has no path; give data.source.path or --data PATH")
    }
}

extension ImageError {
    static func noTestPart(_ path: String, _ where: String) -> ImageError {
        ImageError(.noPart, path: path, "there is no test part here: \(`where`)")
    }
}
