/// A source of which something is told beside what it tells itself.
struct NotedSource: ImageSource {
    private let source: any ImageSource
    private let note: String

    /// A source with a sentence for its ledger.
    init(_ source: any ImageSource, _ note: String) {
        self.source = source
        self.note = note
    }

    var ledger: SourceLedger {
        var ledger = source.ledger
        ledger.note(note)
        return ledger
    }

    var count: Int { source.count }
    var labelNames: [String]? { source.labelNames }
    var fingerprint: String { source.fingerprint }
    var filePaths: Set<FileName> { source.filePaths }
    var hasLabelMaps: Bool { source.hasLabelMaps }
    var mapClassNames: [String]? { source.mapClassNames }
    func contentDigest(excluding unreadable: Set<Int>) -> String { source.contentDigest(excluding: unreadable) }
    func image(_ index: Int) throws(ImageError) -> DecodedImage { try source.image(index) }
    func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        try source.image(index, draw: draw)
    }
    func label(_ index: Int) -> Int? { source.label(index) }
    func labelMap(_ index: Int) throws(ImageError) -> LabelMap { try source.labelMap(index) }
    func key(_ index: Int) -> String { source.key(index) }
}
