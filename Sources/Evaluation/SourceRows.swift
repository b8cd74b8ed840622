import ImageData
import RecipeSchema

/// The rows of a feature table as the batches of a source come: keys, labels, and what was left out.
struct SourceRows {
    private let source: any ImageSource
    private var samples: [Int] = []
    private var labels: [Int?] = []
    private var skipped: [SkippedPicture] = []

    /// Pictures that were seen, those left out included.
    var seen: Int { samples.count + skipped.count }

    init(_ source: any ImageSource) { self.source = source }

    mutating func add(_ rows: BatchRows) {
        samples += rows.samples
        labels += rows.labels
        skipped += rows.skipped
    }

    /// The table of all rows. Labels are taken where every picture has one; `skipped` in the provenance is a JSON list of
    /// the pictures left out, `data_notes` what the source tells of itself.
    func table(_ features: [Float], dimension: Int, provenance: [String: String]) -> FeatureTable {
        var provenance = provenance
        if !skipped.isEmpty {
            provenance["skipped"] = JSONValue(skipped.map(\.row)).text()
        }
        let notes = source.ledger.sentences
        if !notes.isEmpty { provenance["data_notes"] = JSONValue(notes.map { JSONValue($0) }).text() }
        let known = labels.compactMap { $0 }
        return FeatureTable(
            features: features, dimension: dimension, labels: known.count == labels.count ? known : nil,
            classNames: source.labelNames, keys: samples.map { source.key($0) }, provenance: provenance)
    }
}

extension SkippedPicture {
    /// How files of features say that a picture was left out.
    var row: JSONValue {
        .object([
            ("sample", JSONValue(sample)), ("key", JSONValue(key)), ("error", JSONValue(error.reason.rawValue)),
            ("message", JSONValue(error.message)),
        ])
    }
}
