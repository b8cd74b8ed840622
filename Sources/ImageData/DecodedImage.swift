/// A picture in memory: samples in row-major order [height, width, channels].
public struct DecodedImage: Sendable, Equatable {
    /// The stored samples.
    public enum Samples: Sendable, Equatable {
        /// 0…255 stands for [0, 1].
        case uint8([UInt8])
        /// 0…65535 stands for [0, 1].
        case uint16([UInt16])
        /// Any numbers; taken as they are.
        case float32([Float])

        /// The number of samples.
        public var count: Int {
            switch self {
            case .uint8(let values): values.count
            case .uint16(let values): values.count
            case .float32(let values): values.count
            }
        }
    }

    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int
    /// Numbers a pixel: 1 gray, 3 RGB, or any other count for pictures from arrays.
    public let channels: Int
    /// The samples, `height · width · channels` of them.
    public let samples: Samples
    /// How a picture that was decoded small came about; nil for one in its own size.
    public var reduction: ImageReduction?
    /// The decoder's first complaint about a file that it decoded all the same; nil without any.
    public var fault: String?

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

    /// The samples as numbers, [height, width, channels]: those of 8 and 16 bits in [0, 1], others as they are.
    public func unitSamples() -> [Float] {
        switch samples {
        case .uint8(let values): values.map { Float($0) / 255 }
        case .uint16(let values): values.map { Float($0) / 65535 }
        case .float32(let values): values
        }
    }

    /// The samples with 8 bits: 16-bit ones are rounded (v / 257), others clamped to [0, 1] and scaled.
    public func bytes() -> [UInt8] {
        switch samples {
        case .uint8(let values): values
        case .uint16(let values): values.map { UInt8((Int($0) + 128) / 257) }
        case .float32(let values): values.map { $0.isNaN ? 0 : UInt8((min(max($0, 0), 1) * 255).rounded()) }
        }
    }

    /// The picture as gray or RGB: gray is repeated, RGB is weighted 0.299, 0.587, 0.114 (ITU-R 601, as Pillow does).
    /// Nil where the channels can be converted to the wanted number in no natural way.
    public func converted(toChannels wanted: Int) -> DecodedImage? {
        switch (channels, wanted) {
        case (wanted, wanted): self
        case (1, 3): mapped(channels: 3, { repeated($0) }, { repeated($0) }, { repeated($0) })
        case (3, 1):
            mapped(
                channels: 1, { gray($0, UInt32.self) }, { gray($0, UInt64.self) },
                { values in
                    (0..<values.count / 3).map {
                        0.299 * values[3 * $0] + 0.587 * values[3 * $0 + 1] + 0.114 * values[3 * $0 + 2]
                    }
                })
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
    func gathered(height: Int, width: Int, _ source: (Int, Int) -> (Int, Int)) -> DecodedImage {
        let old = self.width
        let channels = channels
        func gather<Sample>(_ values: [Sample]) -> [Sample] {
            [Sample](unsafeUninitializedCapacity: height * width * channels) { buffer, count in
                var next = buffer.baseAddress
                values.withUnsafeBufferPointer { values in
                    for row in 0..<height {
                        for column in 0..<width {
                            let (fromRow, fromColumn) = source(row, column)
                            let first = (fromRow * old + fromColumn) * channels
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
        return mapped(height: height, width: width, channels: channels, gather, gather, gather)
    }

    private func mapped(
        height: Int? = nil, width: Int? = nil, channels: Int, _ bytes: ([UInt8]) -> [UInt8],
        _ words: ([UInt16]) -> [UInt16], _ floats: ([Float]) -> [Float]
    ) -> DecodedImage {
        let changed: Samples =
            switch samples {
            case .uint8(let values): .uint8(bytes(values))
            case .uint16(let values): .uint16(words(values))
            case .float32(let values): .float32(floats(values))
            }
        var image = DecodedImage(
            height: height ?? self.height, width: width ?? self.width, channels: channels, samples: changed)
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

private func repeated<Sample>(_ values: [Sample]) -> [Sample] {
    [Sample](unsafeUninitializedCapacity: values.count * 3) { buffer, count in
        for (i, value) in values.enumerated() {
            for channel in 0..<3 { buffer.initializeElement(at: 3 * i + channel, to: value) }
        }
        count = values.count * 3
    }
}

/// Pillow's integer weights, 16 bits after the point, rounded once.
private func gray<Sample: FixedWidthInteger, Wide: FixedWidthInteger>(_ values: [Sample], _: Wide.Type) -> [Sample] {
    (0..<values.count / 3).map { pixel in
        let red = Wide(values[3 * pixel]) * 19595
        let green = Wide(values[3 * pixel + 1]) * 38470
        let blue = Wide(values[3 * pixel + 2]) * 7471
        return Sample((red + green + blue + 0x8000) >> 16)
    }
}
