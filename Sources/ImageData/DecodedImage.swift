/// A picture in memory: samples in row-major order [height, width, channels].
public struct DecodedImage: Sendable, Equatable {
    /// Most channels of a picture.
    public static let mostChannels = 64

    /// The stored samples. The smallest number of an integer type stands for 0 and the largest for 1, of signed types too:
    /// zero of 16 bits is 32768/65535.
    public enum Samples: Sendable, Equatable {
        /// 0…255 stands for [0, 1].
        case uint8([UInt8])
        /// −128…127 stands for [0, 1].
        case int8([Int8])
        /// 0…65535 stands for [0, 1].
        case uint16([UInt16])
        /// −32768…32767 stands for [0, 1].
        case int16([Int16])
        /// 0…2³²−1 stands for [0, 1].
        case uint32([UInt32])
        /// −2³¹…2³¹−1 stands for [0, 1].
        case int32([Int32])
        /// Any numbers; taken as they are.
        case float32([Float])

        /// The number of samples.
        public var count: Int { read(Count()) }

        private struct Count: SampleReader {
            func read<Sample: StoredSample>(_ values: [Sample]) -> Int { values.count }
        }
    }

    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int
    /// Numbers a pixel: 1 gray, 3 RGB, or any other count for pictures of other bands.
    public let channels: Int
    /// The samples, `height · width · channels` of them.
    public let samples: Samples
    /// How a picture that was decoded small came about; nil for one in its own size.
    public var reduction: ImageReduction?
    /// What its file holds besides, and is not read.
    public var omissions: Omissions = []
    /// The decoder's first complaint about a file that it decoded all the same; nil without any.
    public var fault: String?

    /// What a file can hold besides the picture that is read of it.
    public struct Omissions: OptionSet, Sendable, Equatable {
        /// A bit for each.
        public let rawValue: UInt32
        /// Those of some bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Transparency.
        public static let alpha = Omissions(rawValue: 1)
        /// Frames behind the first.
        public static let frames = Omissions(rawValue: 2)
    }

    /// A picture of given samples; their number must be `height · width · channels`, each of these at least 1.
    public init(height: Int, width: Int, channels: Int, samples: Samples) {
        precondition(
            height >= 1 && width >= 1 && channels >= 1 && samples.count == height * width * channels,
            "\(samples.count) samples do not make \(height) x \(width) pixels of \(channels) channels")
        self.height = height
        self.width = width
        self.channels = channels
        self.samples = samples
    }

    /// The kind of number in a word: `unsigned`, `signed` or `float`.
    public var numberType: String {
        guard let range = samples.typeRange else { return "float" }
        return range.lowerBound < 0 ? "signed" : "unsigned"
    }

    /// The samples as numbers, [height, width, channels]: integers by the range of their type in [0, 1], floats as they are.
    public func unitSamples() -> [Float] { samples.read(Units()) }

    private struct Units: SampleReader {
        func read<Sample: StoredSample>(_ values: [Sample]) -> [Float] { values.map(\.unit) }
    }

    /// The samples with 8 bits, to be looked at: unsigned 16-bit ones are rounded (v / 257), others scaled from [0, 1] and
    /// clamped.
    public func bytes() -> [UInt8] {
        switch samples {
        case .uint8(let values): values
        case .uint16(let values): values.map { UInt8((Int($0) + 128) / 257) }
        default: unitSamples().map { $0.isNaN ? 0 : UInt8((min(max($0, 0), 1) * 255).rounded()) }
        }
    }

    /// The picture as gray or RGB: gray is repeated, RGB is weighted 0.299, 0.587, 0.114 (ITU-R 601, as Pillow does).
    /// Nil where the channels can be converted to the wanted number in no natural way.
    public func converted(toChannels wanted: Int) -> DecodedImage? {
        switch (channels, wanted) {
        case (wanted, wanted): self
        case (1, 3): mapped(channels: 3, Repeating())
        case (3, 1): mapped(channels: 1, Graying())
        default: nil
        }
    }

    /// The picture mirrored left to right.
    public func flippedLeftRight() -> DecodedImage {
        gathered(height: height, width: width) { row, column in (row, width - 1 - column) }
    }

    /// The pixels inside a rectangle, which must lie within the picture.
    public func cropped(to rectangle: CropRectangle) -> DecodedImage {
        precondition(rectangle.fits(height: height, width: width), "\(rectangle) is not inside \(height) x \(width)")
        return gathered(height: rectangle.height, width: rectangle.width) { row, column in
            (rectangle.top + row, rectangle.left + column)
        }
    }

    /// A picture whose pixel (row, column) is the pixel of this one that `source` names.
    func gathered(height: Int, width: Int, _ source: @escaping (Int, Int) -> (Int, Int)) -> DecodedImage {
        mapped(
            height: height, width: width, channels: channels,
            Gathering(height: height, width: width, channels: channels, oldWidth: self.width, source: source))
    }

    private func mapped(
        height: Int? = nil, width: Int? = nil, channels: Int, _ change: some SampleChange
    ) -> DecodedImage {
        var image = DecodedImage(
            height: height ?? self.height, width: width ?? self.width, channels: channels,
            samples: samples.mapped(change))
        // A change of channels keeps every pixel in its place; any other leaves nothing to compare with the full size.
        if height == nil && width == nil { image.reduction = reduction }
        image.fault = fault
        return image
    }
}

/// A picture decoded at a fraction of its size.
public struct ImageReduction: Sendable, Equatable {
    /// Rows of the whole picture.
    public var height: Int
    /// Columns of the whole picture.
    public var width: Int
    /// The picture has ceil(height / factor) rows and ceil(width / factor) columns: 2, 4 or 8.
    public var factor: Int

    /// The rectangle of the small picture that shows about the same as one of the whole.
    func reduced(_ rectangle: CropRectangle) -> CropRectangle {
        func span(_ start: Int, _ length: Int, of whole: Int) -> (start: Int, length: Int) {
            let size = (whole + factor - 1) / factor
            let first = min(start / factor, size - 1)
            return (first, min(max(1, (length + factor / 2) / factor), size - first))
        }
        let (top, rows) = span(rectangle.top, rectangle.height, of: height)
        let (left, columns) = span(rectangle.left, rectangle.width, of: width)
        return CropRectangle(top: top, left: left, height: rows, width: columns)
    }
}

/// Gray three times.
private struct Repeating: SampleChange {
    func changed<Sample: StoredSample>(_ values: [Sample]) -> [Sample] {
        [Sample](unsafeUninitializedCapacity: values.count * 3) { buffer, count in
            for (i, value) in values.enumerated() {
                for channel in 0..<3 { buffer.initializeElement(at: 3 * i + channel, to: value) }
            }
            count = values.count * 3
        }
    }
}

/// RGB to gray.
private struct Graying: SampleChange {
    func changed<Sample: StoredSample>(_ values: [Sample]) -> [Sample] {
        (0..<values.count / 3).map { Sample.gray(values[3 * $0], values[3 * $0 + 1], values[3 * $0 + 2]) }
    }
}

/// Pixels from other places.
private struct Gathering: SampleChange {
    var height: Int
    var width: Int
    var channels: Int
    var oldWidth: Int
    var source: (Int, Int) -> (Int, Int)

    func changed<Sample: StoredSample>(_ values: [Sample]) -> [Sample] {
        [Sample](unsafeUninitializedCapacity: height * width * channels) { buffer, count in
            var next = buffer.baseAddress
            values.withUnsafeBufferPointer { values in
                for row in 0..<height {
                    for column in 0..<width {
                        let (fromRow, fromColumn) = source(row, column)
                        let first = (fromRow * oldWidth + fromColumn) * channels
                        for channel in 0..<channels {
                            next?.initialize(to: values[first + channel])
                            next = next?.successor()
                        }
                    }
                }
            }
            count = height * width * channels
        }
    }
}
