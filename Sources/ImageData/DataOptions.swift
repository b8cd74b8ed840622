public import RecipeSchema

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
    /// Mean of each channel; nil for the card's, ImageNet's for 8-bit RGB, or what is measured.
    public var mean: [Double]?
    /// Standard deviation of each channel; nil as `mean`.
    public var deviation: [Double]?
    /// What stands for 0 and 1, in the units of the stored samples; nil for the range of their type.
    public var valueRange: ValueRange?
    /// What stands where a picture has no data, in the units of the stored samples; nil where all numbers are data.
    public var missingValue: MissingValue?
    /// Share of unreadable pictures above which a run stops.
    public var corruptLimit = 0.01
    /// Decodes large JPEGs at a fraction of their size for training crops.
    public var scaledDecoding = false
    /// Turns pictures as their EXIF orientation says.
    public var exifOrientation = false
    /// Most pixels of a picture.
    public var mostPixels = ImageDecoder.usualPixels
    /// Which pages of TIFF files are pictures.
    public var pages = TIFFPages.one(0)
    /// Which axes of three-dimensional `.npy` arrays are what.
    public var arrayLayout = ArrayLayout.auto
    /// How pictures are cut into samples; nil where each is one.
    public var tiles: TileOptions?

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
            "mean", \.mean, in: .list(1...64, of: .closed(-1e9...1e9)),
            "Mean of each channel; null: the card's, else ImageNet's for 8-bit RGB, else measured on the training part."
        ),
        Field(
            "std", \.deviation, in: .list(1...64, of: .closed(1e-9...1e9)),
            "Standard deviation of each channel; null: as mean."),
        Field(
            "value_range", \.valueRange,
            "[low, high] in stored numbers (0 to 65535 for 16 bits), scaled to 0 and 1, never clipped; measured: the smallest and "
                + "largest of a sample; null: the range of an integer type, and numbers with a point as they are."),
        Field(
            "missing_value", \.missingValue,
            "Stored number, or \"nan\", that is no data: the mean of the others of the band in the picture takes its place. A picture "
                + "with a band of nothing else is unreadable."),
        Field(
            "corrupt_limit", \.corruptLimit, in: .closed(0...1),
            "Share of unreadable pictures above which the run stops; below it they are replaced and listed."),
        Field(
            "scaled_decoding", \.scaledDecoding,
            "Decode JPEGs at 1/2, 1/4 or 1/8 for training where the crop stays larger than image_size: faster, by about "
                + "half a gray level other pixels."),
        Field("exif_orientation", \.exifOrientation, "Turn pictures as their EXIF or TIFF orientation says."),
        Field(
            "max_pixels", \.mostPixels, in: .closed(1...mostPixels),
            "Most pixels of a picture; above 64 million its memory and file may have 4 bytes for each. Larger ones are unreadable."
        ),
        Field(
            "tiff_page", \.pages,
            "Page of TIFF files, counted from 0; all: each page is a picture of its own, named file#page, in folders and class "
                + "folders."),
        Field(
            "npy_layout", \.arrayLayout,
            "Axes of three-dimensional .npy arrays: height, width, bands or bands, height, width; auto: told by the sizes where "
                + "only first or last is at most 64."),
        Field(
            "tiles", \.tiles,
            "Makes regions of large pictures the samples, in folders and class folders; max_pixels then holds for a tile of a TIFF, of "
                + "which only the region is read, and for all of a picture of another format. null: each picture is one."
        ),
    ]

    /// Pixels that may be allowed: sides have at most 65,500.
    static let mostPixels = 65_500 * 65_500

    /// The decoder that the options ask for.
    public var decoder: ImageDecoder {
        var decoder = ImageDecoder(mostPixels: mostPixels)
        decoder.appliesOrientation = exifOrientation
        if case .one(let page) = pages { decoder.page = page }
        decoder.arrayLayout = arrayLayout
        return decoder
    }

    /// Mean and deviation belong together; tiles are within the limit of pixels and in full size.
    public func check() -> [String] {
        var faults: [String] = []
        switch (mean, deviation) {
        case (nil, nil): break
        case (let mean?, let deviation?):
            if mean.count != deviation.count || mean.isEmpty {
                faults.append("mean has \(mean.count) numbers and std has \(deviation.count)")
            }
        default: faults.append("mean and std must be given together, or neither")
        }
        guard let tiles else { return faults }
        if tiles.size * tiles.size > mostPixels {
            faults.append(
                "tiles.size \(tiles.size) makes tiles of \(tiles.size * tiles.size) pixels, and max_pixels is \(mostPixels); lower the "
                    + "one or raise the other")
        }
        if scaledDecoding {
            faults.append("scaled_decoding is true, and tiles are cut from pictures in full size; set it to false")
        }
        return faults
    }

    /// The pictures of one part; scaled where `valueRange` has numbers, not where it is still to be measured. Digests of many files
    /// are kept in `indexFolder`, so that the next look at them is quick; nil keeps none.
    public func open(
        _ part: DatasetPart, cards: DatasetCards, indexFolder: String? = nil
    ) throws(ImageError) -> any ImageSource {
        let context = SourceContext(
            cards: cards, decoder: decoder, takesEachPage: pages == .all, indexFolder: indexFolder)
        var opened = try source.open(part, in: context)
        if let tiles {
            opened = try TiledSource(opened, tiles, kind: type(of: source).name)
        } else if source is CardSourceOptions, let note = try source.card(in: cards)?.countNote(opened.count, part) {
            opened = NotedSource(opened, note)
        }
        let filled: any ImageSource = missingValue.map { FilledSource(opened, missing: $0) } ?? opened
        guard case .numbers(let low, let high) = valueRange else { return filled }
        return ScaledSource(filled, low: low, high: high)
    }

    /// A picture that was decoded by itself, as `open` gives those of a source: missing numbers filled, others scaled where
    /// `valueRange` has numbers. `key` names it in an error.
    public func prepared(_ image: DecodedImage, named key: String = "") throws(ImageError) -> DecodedImage {
        let filled = try missingValue.map { (missing) throws(ImageError) in try image.filled(missing, named: key) }
        guard case .numbers(let low, let high) = valueRange else { return filled ?? image }
        return (filled ?? image).scaled(low: Float(low), span: Float(high - low))
    }

    /// The options for an evaluation: all of each picture is seen, tile by tile where it is cut.
    public var forEvaluation: DataOptions {
        var options = self
        options.tiles?.placement = .grid
        return options
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
