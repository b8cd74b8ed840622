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
    /// Picture number `index`, decoded, in its own size and channels.
    func image(_ index: Int) throws(ImageError) -> DecodedImage
    /// The same, where a JPEG may be decoded at a fraction of its size.
    func image(_ index: Int, reduction: @escaping ImageDecoder.Reduction) throws(ImageError) -> DecodedImage
    /// The label of a picture; nil where it has none.
    func label(_ index: Int) -> Int?
    /// What identifies a picture to a person: a path, a member's key, a record number. Escaped where it cannot be shown.
    func key(_ index: Int) -> String
}

extension ImageSource {
    /// Nothing was passed over.
    public var ledger: SourceLedger { SourceLedger() }
    /// The fingerprint.
    public func contentDigest(excluding unreadable: Set<Int>) -> String { fingerprint }
    /// In its own size.
    public func image(_ index: Int, reduction: @escaping ImageDecoder.Reduction) throws(ImageError) -> DecodedImage {
        try image(index)
    }
}
