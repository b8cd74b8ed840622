/// A source with gaps where pictures of an earlier look are gone, so that all others keep their numbers.
///
/// A run that knew some pictures as unreadable goes on bit for bit when they were removed: their places are still drawn,
/// still cannot be read, and are replaced as before.
public struct RestoredSource: ImageSource {
    private let source: any ImageSource
    private let gone: [Int: String]
    /// The number in the source of each picture; nil for a gap.
    private let places: [Int?]

    /// The pictures of `source` with gaps at the numbers of `gone`, which has their keys.
    public init(_ source: any ImageSource, gone: [Int: String]) {
        self.source = source
        self.gone = gone
        var places: [Int?] = []
        var next = 0
        while next < source.count || gone[places.count] != nil {
            if gone[places.count] != nil {
                places.append(nil)
            } else {
                places.append(next)
                next += 1
            }
        }
        self.places = places
    }

    /// The number of pictures, gaps counted.
    public var count: Int { places.count }
    /// The names of the source.
    public var labelNames: [String]? { source.labelNames }
    /// What the source passed over.
    public var ledger: SourceLedger { source.ledger }

    /// The files of the source.
    public var filePaths: Set<FileName> { source.filePaths }

    /// The digest of all pictures that are there.
    public var fingerprint: String { source.fingerprint }

    /// The digest of the pictures that are there and not excluded.
    public func contentDigest(excluding unreadable: Set<Int>) -> String {
        source.contentDigest(excluding: Set(unreadable.compactMap { places.indices.contains($0) ? places[$0] : nil }))
    }

    /// The picture; an error for a gap.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage { try source.image(try place(index)) }

    /// The picture, a JPEG perhaps at a fraction of its size; an error for a gap.
    public func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        try source.image(try place(index), draw: draw)
    }

    /// The label of a picture; nil for a gap.
    public func label(_ index: Int) -> Int? { places[index].flatMap { source.label($0) } }

    /// The key of a picture, there or gone.
    public func key(_ index: Int) -> String { places[index].map { source.key($0) } ?? gone[index] ?? "" }

    private func place(_ index: Int) throws(ImageError) -> Int {
        if let place = places[index] { return place }
        throw ImageError(.io, path: "", member: key(index), "is gone; it could not be read before either")
    }
}
