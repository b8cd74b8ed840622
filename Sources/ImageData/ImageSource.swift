public import RandomStreams

/// What training leaves to a source when it asks for a picture.
public struct PictureDraw: Sendable {
    /// Chooses at which fraction of its size a JPEG may be decoded.
    public var reduction: ImageDecoder.Reduction
    /// Chooses the place of a tile, where pictures give random ones; nil for the place that it has outside of training.
    public var tile: RandomStream?

    /// Pictures in their own size, unless something else is chosen.
    public init(reduction: @escaping ImageDecoder.Reduction = { _, _ in 1 }, tile: RandomStream? = nil) {
        self.reduction = reduction
        self.tile = tile
    }
}

/// Where pictures come from; may be called from several threads at once.
public protocol ImageSource: Sendable {
    /// The number of pictures, at least 1.
    var count: Int { get }
    /// The names of the classes, by label; nil where there are no labels, or no names for them.
    var labelNames: [String]? { get }
    /// A digest of what the source holds: 64 hexadecimal digits, stored in checkpoints and compared on resume.
    ///
    /// Names, labels, sizes and bytes (of a stated sample from 1 GiB on); not the place of the data. Computed when asked
    /// for, which reads all that counts.
    var fingerprint: String { get }
    /// What was passed over while the source was opened, and what is told of it.
    var ledger: SourceLedger { get }
    /// The fingerprint of the source without some of its pictures, such as those known as unreadable: the same before
    /// and after they were removed or repaired. A source that cannot leave pictures out gives its fingerprint.
    func contentDigest(excluding unreadable: Set<Int>) -> String
    /// The files of the pictures, with the real path of their folder; empty where pictures have no files of their own.
    var filePaths: Set<FileName> { get }
    /// Picture number `index`, decoded, in its own size and channels.
    func image(_ index: Int) throws(ImageError) -> DecodedImage
    /// The same for training, which may choose a fraction of its size, or another tile each time.
    func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage
    /// The label of a picture; nil where it has none.
    func label(_ index: Int) -> Int?
    /// True where each picture has a label map.
    var hasLabelMaps: Bool { get }
    /// The names of the classes of label maps, by their numbers; nil where there are none.
    var mapClassNames: [String]? { get }
    /// The class of each pixel of a picture, in its own size; an error where the source has no maps.
    func labelMap(_ index: Int) throws(ImageError) -> LabelMap
    /// What identifies a picture to a person: a path, a member's key, a record number. Escaped where it cannot be shown.
    func key(_ index: Int) -> String
}

extension ImageSource {
    /// Nothing was passed over.
    public var ledger: SourceLedger { SourceLedger() }
    /// None.
    public var filePaths: Set<FileName> { [] }
    /// The fingerprint.
    public func contentDigest(excluding unreadable: Set<Int>) -> String { fingerprint }
    /// There are no label maps.
    public var hasLabelMaps: Bool { false }
    /// None.
    public var mapClassNames: [String]? { nil }
    /// There are no label maps.
    public func labelMap(_ index: Int) throws(ImageError) -> LabelMap {
        throw ImageError(.label, path: "", member: key(index), "has no label map")
    }
    /// The same picture each time, in its own size.
    public func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage { try image(index) }
}
