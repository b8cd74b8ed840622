public import RecipeSchema

/// The number that stands where a picture has no data, in the units of the stored samples; in a recipe a number or `"nan"`.
public enum MissingValue: BoundedValue, Equatable {
    /// A number, such as -9999.
    case number(Double)
    /// What is no number.
    case nan

    /// The largest number that single precision holds in full, either sign.
    private static let most = 1e38

    /// A number, or `"nan"`.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> MissingValue? {
        if json.string == "nan" { return .nan }
        if let number = json.double, abs(number) <= most { return .number(number) }
        problems.append(
            Problem(
                line: json.line, path: path,
                message: "found \(json.brief), allowed is a number from -1e38 to 1e38, or \"nan\""))
        return nil
    }

    /// The number, or a word.
    public var encoded: JSONValue {
        switch self {
        case .number(let number): JSONValue(number)
        case .nan: JSONValue("nan")
        }
    }

    /// A number, or a word.
    public static var schema: JSONValue {
        let number = JSONValue.object([
            ("type", JSONValue("number")), ("minimum", JSONValue(-most)), ("maximum", JSONValue(most)),
        ])
        return .oneOf(.object([("const", JSONValue("nan"))]), number)
    }
}

/// The pictures of a source with numbers in the place of missing ones: the mean of the others of the band in the picture, which
/// says least.
struct FilledSource: ImageSource {
    private let source: any ImageSource
    private let missing: MissingValue

    init(_ source: any ImageSource, missing: MissingValue) {
        self.source = source
        self.missing = missing
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
    func image(_ index: Int) throws(ImageError) -> DecodedImage { try filled(try source.image(index), index) }
    func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        // A mean over missing numbers would be neither missing nor data.
        try filled(try source.image(index, draw: PictureDraw(tile: draw.tile)), index)
    }
    func label(_ index: Int) -> Int? { source.label(index) }
    func key(_ index: Int) -> String { source.key(index) }

    private func filled(_ image: DecodedImage, _ index: Int) throws(ImageError) -> DecodedImage {
        try image.filled(missing, named: source.key(index))
    }
}

extension DecodedImage {
    /// The picture with the mean of a band's other numbers in the place of missing ones.
    func filled(_ missing: MissingValue, named key: @autoclosure () -> String) throws(ImageError) -> DecodedImage {
        let means = samples.read(BandMeans(missing: missing, bands: channels))
        if let empty = means.firstIndex(where: { $0 == nil }) {
            throw ImageError(
                .corrupt, path: "", member: key(),
                "band \(empty), counted from 0, holds nothing but the missing value, so there is nothing to learn from")
        }
        let filling = Filling(missing: missing, means: means.map { $0 ?? 0 })
        var made = DecodedImage(
            height: height, width: width, channels: channels, samples: samples.mapped(filling))
        made.fault = fault
        made.omissions = omissions
        return made
    }
}

extension MissingValue {
    /// Whether a stored number is the one.
    fileprivate func isMissing<Sample: StoredSample>(_ sample: Sample) -> Bool {
        switch self {
        case .number(let value):
            // Files of floats hold -9999.9 as the nearest that single precision has.
            Sample.typeRange == nil ? sample.number == Double(Float(value)) : sample.number == value
        case .nan: sample.number.isNaN
        }
    }
}

/// The mean of the numbers of each band that are not missing; nil where all are.
private struct BandMeans: SampleReader {
    var missing: MissingValue
    var bands: Int

    func read<Sample: StoredSample>(_ values: [Sample]) -> [Double?] {
        (0..<bands).map { band in
            var (sum, count) = (0.0, 0.0)
            for place in stride(from: band, to: values.count, by: bands) where !missing.isMissing(values[place]) {
                sum += values[place].number
                count += 1
            }
            return count > 0 ? sum / count : nil
        }
    }
}

/// Puts the mean of a band's other numbers into the place of missing ones.
private struct Filling: SampleChange {
    var missing: MissingValue
    var means: [Double]

    func changed<Sample: StoredSample>(_ values: [Sample]) -> [Sample] {
        let fills = means.map { Sample.nearest($0) }
        return values.enumerated().map { missing.isMissing($1) ? fills[$0 % fills.count] : $1 }
    }
}
