/// Where pictures come from; may be called from several threads at once.
public protocol ImageSource: Sendable {
    /// The number of pictures, at least 1.
    var count: Int { get }
    /// The names of the classes, by label; nil where there are no labels, or no names for them.
    var labelNames: [String]? { get }
    /// A digest of what the source holds: 64 hexadecimal digits, stored in checkpoints and compared on resume.
    ///
    /// Names and sizes of files and archive members, and the bytes of what is held in memory anyway. Computed when asked
    /// for, which takes a moment for large folders.
    var fingerprint: String { get }
    /// What was passed over while the source was opened, a sentence each.
    var warnings: [String] { get }
    /// Picture number `index`, decoded, in its own size and channels.
    func image(_ index: Int) throws(ImageError) -> DecodedImage
    /// The same, where a JPEG may be decoded at a fraction of its size.
    func image(_ index: Int, reduction: @escaping ImageDecoder.Reduction) throws(ImageError) -> DecodedImage
    /// The label of a picture; nil where it has none.
    func label(_ index: Int) -> Int?
    /// What identifies a picture to a person: a path, a member's key, a record number.
    func key(_ index: Int) -> String
}

extension ImageSource {
    /// Nothing was passed over.
    public var warnings: [String] { [] }
    /// In its own size.
    public func image(_ index: Int, reduction: @escaping ImageDecoder.Reduction) throws(ImageError) -> DecodedImage {
        try image(index)
    }
}
