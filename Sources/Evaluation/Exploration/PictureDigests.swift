package import ImageData
import Locks
import RecipeSchema

/// A source that remembers what its pictures are made of while they are read: pictures with the same digest are the same, number by
/// number.
package struct DigestingSource: ImageSource {
    private let source: any ImageSource
    private let digests: Locked<[Int: String]>

    /// The pictures of a source.
    package init(_ source: any ImageSource) {
        self.source = source
        digests = Locked([:])
    }

    /// The digest of a picture that was read; nil for others.
    package func digest(_ index: Int) -> String? { digests.withLock { $0[index] } }

    package var count: Int { source.count }
    package var labelNames: [String]? { source.labelNames }
    package var ledger: SourceLedger { source.ledger }
    package var fingerprint: String { source.fingerprint }
    package var filePaths: Set<FileName> { source.filePaths }
    package func image(_ index: Int) throws(ImageError) -> DecodedImage {
        let image = try source.image(index)
        let digest = image.digest
        digests.withLock { $0[index] = digest }
        return image
    }
    package func label(_ index: Int) -> Int? { source.label(index) }
    package func key(_ index: Int) -> String { source.key(index) }
}

extension FeatureTable {
    private static let digestsKey = "picture_digests"

    /// The digest of each picture; nil where the table does not hold them. They stand in the provenance, so that they are kept with
    /// the features.
    package var digests: [String]? {
        get {
            guard let text = provenance[Self.digestsKey] else { return nil }
            let list = text.split(separator: " ").map(String.init)
            return list.count == count ? list : nil
        }
        set { provenance[Self.digestsKey] = newValue?.joined(separator: " ") }
    }
}

extension FeatureTable {
    /// The number in its source, of so many pictures, of each row: those that could not be read are passed over.
    package func samples(of count: Int) -> [Int] {
        let skipped = (provenance["skipped"].flatMap { try? JSONParser.parse([UInt8]($0.utf8)) })?.array ?? []
        let left = Set(skipped.compactMap { $0["sample"]?.int })
        return (0..<count).filter { !left.contains($0) }
    }
}
