public import RecipeSchema

/// Height and width in pixels; in a recipe `224`, or `[160, 224]`.
public struct ImageSize: BoundedValue, Equatable {
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int

    /// A size.
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// A square.
    public init(_ side: Int) { self.init(height: side, width: side) }

    /// The size of an integer or a list of two.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> ImageSize? {
        let sides = json.int.map { [$0, $0] } ?? json.array?.prefix(3).compactMap(\.int) ?? []
        if sides.count == 2, json.array.map({ $0.count == 2 }) ?? true, sides.allSatisfy({ (1...65_500).contains($0) })
        {
            return ImageSize(height: sides[0], width: sides[1])
        }
        problems.append(
            Problem(
                line: json.line, path: path,
                message: "found \(json.brief), allowed is an integer from 1 to 65500, or [height, width]"))
        return nil
    }

    /// An integer or a list of two.
    public static var typeWords: String { "an integer from 1 to 65500, or [height, width]" }

    /// An integer for a square, else a list of two.
    public var encoded: JSONValue {
        height == width ? JSONValue(height) : JSONValue([JSONValue(height), JSONValue(width)])
    }

    /// An integer or a list of two.
    public static var schema: JSONValue {
        let side: [(String, JSONValue)] = [
            ("type", JSONValue("integer")), ("minimum", JSONValue(1)), ("maximum", JSONValue(65_500)),
        ]
        return .object([
            (
                "oneOf",
                JSONValue([
                    .object(side),
                    .object([
                        ("type", JSONValue("array")), ("items", .object(side)), ("minItems", JSONValue(2)),
                        ("maxItems", JSONValue(2)),
                    ]),
                ])
            )
        ])
    }
}

/// The `data` of a recipe: which pictures, and how they are cut and normalised.
public struct DataOptions: RecipeSection {
    /// Where pictures come from.
    public var source: any SourceOptions = ProceduralSourceOptions()
    /// The size fed to the model.
    public var imageSize = ImageSize(32)
    /// Smallest and largest share of the area that a random crop takes; nil resizes and takes the middle.
    public var cropScale: [Double]? = [0.2, 1]
    /// Smallest and largest width over height of a random crop.
    public var cropRatio: [Double] = [0.75, 4.0 / 3.0]
    /// The kernel that resizes training crops.
    public var interpolation = ResamplingFilter.bicubic
    /// Mirrors half of the pictures left to right.
    public var flip = true
    /// Mean of each channel; nil for the card's, or ImageNet's.
    public var mean: [Double]?
    /// Standard deviation of each channel; nil for the card's, or ImageNet's.
    public var deviation: [Double]?
    /// Share of unreadable pictures above which a run stops.
    public var corruptLimit = 0.01
    /// Decodes large JPEGs at a fraction of their size for training crops.
    public var scaledDecoding = false
    /// Turns pictures as their EXIF orientation says.
    public var exifOrientation = false

    /// The built-in pictures, random crops of 0.2…1, mirrored.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field(
            "source", \.source, tag: "kind", among: sourceKinds, "Where pictures come from.",
            open: { $0 as? any SourceOptions }, close: { $0 }),
        Field("image_size", \.imageSize, "Size fed to the model, in pixels: n or [height, width]."),
        Field(
            "crop_scale", \.cropScale, in: .ends(of: .above(0, upTo: 1), words: "[low, high] with 0 < low ≤ high ≤ 1"),
            "Share of the area that a random resized crop takes; null: resize and centre crop."),
        Field(
            "crop_ratio", \.cropRatio,
            in: .ends(of: .above(0, upTo: 1000), words: "[low, high] with 0 < low ≤ high ≤ 1000"),
            "Width over height of a random crop."),
        Field("interpolation", \.interpolation, "Kernel that resizes training crops."),
        Field("flip", \.flip, "Mirror half of the pictures left to right."),
        Field(
            "mean", \.mean, in: .list(1...64, of: .closed(-1000...1000)),
            "Mean of each channel; null: the card's, else ImageNet's."),
        Field(
            "std", \.deviation, in: .list(1...64, of: .above(0, upTo: 1000)),
            "Standard deviation of each channel; null: the card's, else ImageNet's."),
        Field(
            "corrupt_limit", \.corruptLimit, in: .closed(0...1),
            "Share of unreadable pictures above which the run stops; below it they are replaced and listed."),
        Field(
            "scaled_decoding", \.scaledDecoding,
            "Decode JPEGs at 1/2, 1/4 or 1/8 for training where the crop stays larger than image_size: faster, by about "
                + "half a gray level other pixels."),
        Field("exif_orientation", \.exifOrientation, "Turn pictures as their EXIF orientation says."),
    ]

    /// Mean and deviation belong together.
    public func check() -> [String] {
        switch (mean, deviation) {
        case (nil, nil): return []
        case (let mean?, let deviation?) where mean.count == deviation.count && !mean.isEmpty: return []
        case (let mean?, let deviation?): return ["mean has \(mean.count) numbers and std has \(deviation.count)"]
        default: return ["mean and std must be given together, or neither"]
        }
    }

    /// The pictures of one part.
    public func open(_ part: DatasetPart, cards: DatasetCards) throws(ImageError) -> any ImageSource {
        var decoder = ImageDecoder()
        decoder.appliesOrientation = exifOrientation
        return try source.open(part, in: SourceContext(cards: cards, decoder: decoder))
    }

    /// The constants for a model of some channels: given, or the card's, or ImageNet's; a card of the other number of
    /// channels lends the mean over its channels. Without any of these, 0.5 and 0.5.
    public func normalization(channels: Int, cards: DatasetCards) throws(ImageError) -> Normalization {
        if let mean, let deviation {
            guard mean.count == channels || mean.count == 1 else {
                throw ImageError(
                    .unsupported, path: "", "data.mean has \(mean.count) numbers; model.channels is \(channels)")
            }
            return Normalization(mean: mean, deviation: deviation)
        }
        let known = try source.card(in: cards)?.normalization ?? .imageNet
        if known.mean.count == channels { return known }
        guard channels == 1 || (known.mean.count == 1 && channels == 3) else {
            return Normalization(mean: [0.5], deviation: [0.5])
        }
        func average(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        return Normalization(mean: [average(known.mean)], deviation: [average(known.deviation)])
    }

    /// The transform of pretraining.
    public func trainingTransform(channels: Int, normalization: Normalization) -> TrainingTransform {
        var transform = TrainingTransform(
            shape: (channels, imageSize.height, imageSize.width),
            crop: cropScale.map { RandomResizedCrop(scale: $0[0]...$0[1], ratio: cropRatio[0]...cropRatio[1]) },
            flip: flip, normalization: normalization)
        transform.filter = interpolation
        transform.decodesSmall = scaledDecoding
        return transform
    }

    /// The transform of evaluation.
    public func evaluationTransform(channels: Int, normalization: Normalization) -> EvaluationTransform {
        EvaluationTransform(shape: (channels, imageSize.height, imageSize.width), normalization: normalization)
    }
}
