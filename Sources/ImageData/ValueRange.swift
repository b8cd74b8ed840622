public import RecipeSchema

/// What stands for 0 and 1 among the stored numbers of pictures; in a recipe `"measured"` or `[low, high]`.
public enum ValueRange: BoundedValue, Equatable {
    /// The smallest and largest number of a sample; written into the resolved recipe as numbers.
    case measured
    /// `low` becomes 0 and `high` 1, with low < high; numbers beyond are not clipped.
    case numbers(low: Double, high: Double)

    /// The largest number that stands for 0 or 1, either sign.
    private static let most = 1e12

    /// The range of `"measured"` or of a list of two.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> ValueRange? {
        if json.string == "measured" { return .measured }
        if let list = json.array, list.count == 2, let low = list[0].double, let high = list[1].double,
            low < high, -most <= low, high <= most, Float(high - low) > 0
        {
            return .numbers(low: low, high: high)
        }
        problems.append(
            Problem(
                line: json.line, path: path,
                message:
                    "found \(json.brief), allowed is \"measured\", or [low, high] with low < high in single precision, both from -1e12 to 1e12"
            ))
        return nil
    }

    /// A word, or a list of two.
    public var encoded: JSONValue {
        switch self {
        case .measured: JSONValue("measured")
        case .numbers(let low, let high): JSONValue([JSONValue(low), JSONValue(high)])
        }
    }

    /// A word, or a list of two.
    public static var schema: JSONValue {
        let number = JSONValue.object([
            ("type", JSONValue("number")), ("minimum", JSONValue(-most)), ("maximum", JSONValue(most)),
        ])
        return .oneOf(
            .object([("const", JSONValue("measured"))]),
            .object([
                ("type", JSONValue("array")), ("items", number),
                ("minItems", JSONValue(2)), ("maxItems", JSONValue(2)),
            ]))
    }
}

/// The pictures of a source as numbers scaled so that `low` becomes 0 and `high` 1, in the units of the stored samples.
struct ScaledSource: ImageSource {
    private let source: any ImageSource
    private let low: Float
    private let span: Float

    init(_ source: any ImageSource, low: Double, high: Double) {
        self.source = source
        self.low = Float(low)
        span = Float(high - low)
    }

    var count: Int { source.count }
    var labelNames: [String]? { source.labelNames }
    var hasLabelMaps: Bool { source.hasLabelMaps }
    var mapClassNames: [String]? { source.mapClassNames }
    func labelMap(_ index: Int) throws(ImageError) -> LabelMap { try source.labelMap(index) }
    var ledger: SourceLedger { source.ledger }
    var fingerprint: String { source.fingerprint }
    var filePaths: Set<FileName> { source.filePaths }
    func contentDigest(excluding unreadable: Set<Int>) -> String { source.contentDigest(excluding: unreadable) }
    func image(_ index: Int) throws(ImageError) -> DecodedImage { scaled(try source.image(index)) }
    func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        scaled(try source.image(index, draw: draw))
    }
    func label(_ index: Int) -> Int? { source.label(index) }
    func key(_ index: Int) -> String { source.key(index) }

    private func scaled(_ image: DecodedImage) -> DecodedImage { image.scaled(low: low, span: span) }
}

extension DecodedImage {
    /// The picture as numbers of which `low` has become 0 and `low` + `span` 1.
    func scaled(low: Float, span: Float) -> DecodedImage {
        var made = DecodedImage(
            height: height, width: width, channels: channels,
            samples: .float32(samples.read(Scaling(low: low, span: span))))
        made.reduction = reduction
        made.fault = fault
        made.omissions = omissions
        return made
    }
}

private struct Scaling: SampleReader {
    var low: Float
    var span: Float
    func read<Sample: StoredSample>(_ values: [Sample]) -> [Float] {
        values.map { $0.scaled(low: low, span: span) }
    }
}
