public import RandomStreams

/// The mean and deviation that each channel is normalised with, in the units of `DecodedImage.unitSamples`.
public struct Normalization: Sendable, Equatable {
    /// A number a channel, or one for all.
    public var mean: [Double]
    /// A number a channel, or one for all; none is 0.
    public var deviation: [Double]

    /// Constants a channel, or one for all channels.
    public init(mean: [Double], deviation: [Double]) {
        self.mean = mean
        self.deviation = deviation
    }

    /// ImageNet's constants, usual for photographs.
    public static let imageNet = Normalization(mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])

    func mean(_ channel: Int) -> Float { Float(mean.count == 1 ? mean[0] : mean[channel]) }
    func deviation(_ channel: Int) -> Float { Float(deviation.count == 1 ? deviation[0] : deviation[channel]) }

    /// The window of `height` by `width` pixels of a picture that begins at (`top`, `left`), as normalised numbers
    /// [channels, height, width]; pixels outside the picture count as zero before normalisation.
    public func normalized(
        _ image: DecodedImage, height: Int, width: Int, top: Int = 0, left: Int = 0, mirrored: Bool = false
    ) -> [Float] {
        var values = [Float](repeating: 0, count: image.channels * height * width)
        values.withUnsafeMutableBufferPointer {
            write(image, height: height, width: width, top: top, left: left, mirrored: mirrored, into: $0)
        }
        return values
    }

    /// Writes a picture as normalised numbers [channels, height, width], mirrored left to right if asked for.
    func write(_ image: DecodedImage, mirrored: Bool = false, into target: UnsafeMutableBufferPointer<Float>) {
        write(image, height: image.height, width: image.width, top: 0, left: 0, mirrored: mirrored, into: target)
    }

    /// Writes what `normalized` gives.
    func write(
        _ image: DecodedImage, height: Int, width: Int, top: Int, left: Int, mirrored: Bool = false,
        into target: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(target.count == image.channels * height * width, "wrong room for a picture: \(target.count)")
        let rows = max(0, -top)..<max(0, -top, min(height, image.height - top))
        let columns = max(0, -left)..<max(0, -left, min(width, image.width - left))
        for channel in 0..<image.channels {
            let mean = mean(channel)
            let deviation = deviation(channel)
            let plane = UnsafeMutableBufferPointer(
                rebasing: target[(channel * height * width)..<((channel + 1) * height * width)])
            if rows.count < height || columns.count < width { plane.update(repeating: (0 - mean) / deviation) }
            func fill<Sample>(_ values: [Sample], _ number: (Sample) -> Float) {
                values.withUnsafeBufferPointer { values in
                    for row in rows {
                        let line = ((top + row) * image.width + left) * image.channels + channel
                        for column in columns {
                            let place = row * width + (mirrored ? width - 1 - column : column)
                            plane[place] = number(values[line + column * image.channels])
                        }
                    }
                }
            }
            switch image.samples {
            case .uint8(let values):
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { table in
                    for value in 0..<256 { table[value] = (Float(value) / 255 - mean) / deviation }
                    fill(values) { table[Int($0)] }
                }
            case .int8(let values): fill(values) { ($0.unit - mean) / deviation }
            case .uint16(let values): fill(values) { ($0.unit - mean) / deviation }
            case .int16(let values): fill(values) { ($0.unit - mean) / deviation }
            case .uint32(let values): fill(values) { ($0.unit - mean) / deviation }
            case .int32(let values): fill(values) { ($0.unit - mean) / deviation }
            case .float32(let values): fill(values) { ($0 - mean) / deviation }
            }
        }
    }
}

/// How a picture becomes numbers [channels, height, width] of one fixed size.
public protocol ImageTransform: Sendable {
    /// The size of the result, and its channels: pictures are converted between gray and RGB where they differ.
    var shape: (channels: Int, height: Int, width: Int) { get }

    /// The sizes of the results from one picture, which are written one behind the other; the first is that of `shape`.
    var viewSizes: [ImageSize] { get }

    /// At which fraction of its size a JPEG of `height` by `width` pixels may be decoded for this transform and stream.
    func reduction(height: Int, width: Int, random: RandomStream) -> Int

    /// Whether a picture is shown mirrored left to right for this stream; never where there are several views.
    func mirrors(random: RandomStream) -> Bool

    /// Writes the numbers of all views of `image`, which has `shape.channels` channels. Draws come from `random` alone.
    func write(_ image: DecodedImage, random: RandomStream, into target: UnsafeMutableBufferPointer<Float>)
}

extension ImageTransform {
    /// One.
    public var viewSizes: [ImageSize] { [ImageSize(height: shape.height, width: shape.width)] }

    /// How many numbers each result has.
    var viewCounts: [Int] { viewSizes.map { shape.channels * $0.height * $0.width } }

    /// As it is.
    public func mirrors(random: RandomStream) -> Bool { false }

    /// At its own size.
    public func reduction(height: Int, width: Int, random: RandomStream) -> Int { 1 }

    /// The numbers of all views of a picture, [channels, height, width] each; nil where its channels cannot be converted.
    public func callAsFunction(_ image: DecodedImage, random: RandomStream) -> [Float]? {
        guard let image = image.converted(toChannels: shape.channels) else { return nil }
        let count = viewCounts.reduce(0, +)
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            let target = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
            target.initialize(repeating: 0)
            write(image, random: random, into: target)
            initialized = count
        }
    }
}

/// The transform of training: a random resized crop, a random mirror image, normalisation.
public struct TrainingTransform: ImageTransform {
    /// The size of the result.
    public var shape: (channels: Int, height: Int, width: Int)
    /// The random crop; without one the picture is resized and its middle taken, as in evaluation.
    public var crop: RandomResizedCrop?
    /// Mirrors half of the pictures left to right.
    public var flip: Bool
    /// The constants of normalisation.
    public var normalization: Normalization
    /// The kernel of resizing.
    public var filter = ResamplingFilter.bicubic
    /// Decodes large JPEGs at a fraction of their size where the crop stays at least as large as the result.
    public var decodesSmall = false

    /// A training transform with bicubic resizing.
    public init(
        shape: (channels: Int, height: Int, width: Int), crop: RandomResizedCrop?, flip: Bool,
        normalization: Normalization
    ) {
        self.shape = shape
        self.crop = crop
        self.flip = flip
        self.normalization = normalization
    }

    /// The largest of 8, 4, 2 and 1 that leaves the crop at least as large as the result on both sides.
    public func reduction(height: Int, width: Int, random: RandomStream) -> Int {
        guard decodesSmall, let rectangle = rectangle(height: height, width: width, random) else { return 1 }
        return [8, 4, 2].first { rectangle.height >= $0 * shape.height && rectangle.width >= $0 * shape.width } ?? 1
    }

    /// The crop of a picture, drawn from a stream of its own; nil where nothing is cropped.
    private func rectangle(height: Int, width: Int, _ random: RandomStream) -> CropRectangle? {
        crop?.rectangle(height: height, width: width, random: random.child("crop"))
    }

    /// Half of the pictures are.
    public func mirrors(random: RandomStream) -> Bool {
        // A stream of its own: the mirror does not depend on the number of tries that the crop took.
        var stream = random.child("flip")
        return flip && stream.uniform() < 0.5
    }

    /// Crops first and resizes the crop alone (uint8, as Pillow), mirrors, normalises.
    public func write(_ image: DecodedImage, random: RandomStream, into target: UnsafeMutableBufferPointer<Float>) {
        let mirrored = mirrors(random: random)
        let whole = image.reduction
        guard
            let drawn = rectangle(
                height: whole?.height ?? image.height, width: whole?.width ?? image.width, random)
        else {
            EvaluationTransform(shape: shape, normalization: normalization, filter: filter)
                .write(image, mirrored: mirrored, into: target)
            return
        }
        let rectangle = whole?.reduced(drawn) ?? drawn
        let resized = Resampling.resize(
            image, height: shape.height, width: shape.width, filter: filter, rectangle: rectangle)
        normalization.write(resized, mirrored: mirrored, into: target)
    }
}

/// The transform of evaluation: resize, centre crop, normalisation. A picture that has the size already is taken as it is.
public struct EvaluationTransform: ImageTransform {
    /// The size of the result.
    public var shape: (channels: Int, height: Int, width: Int)
    /// The constants of normalisation.
    public var normalization: Normalization
    /// The kernel of resizing.
    public var filter = ResamplingFilter.bicubic

    /// An evaluation transform; the resize is 256/224 of the crop, rounded down.
    public init(
        shape: (channels: Int, height: Int, width: Int), normalization: Normalization,
        filter: ResamplingFilter = .bicubic
    ) {
        self.shape = shape
        self.normalization = normalization
        self.filter = filter
    }

    /// Draws nothing.
    public func write(_ image: DecodedImage, random: RandomStream, into target: UnsafeMutableBufferPointer<Float>) {
        write(image, mirrored: false, into: target)
    }

    func write(_ image: DecodedImage, mirrored: Bool, into target: UnsafeMutableBufferPointer<Float>) {
        if image.height == shape.height, image.width == shape.width {
            normalization.write(image, mirrored: mirrored, into: target)
            return
        }
        let place = CentreCrop(crop: (shape.height, shape.width)).geometry(height: image.height, width: image.width)
        // Only what the crop shows is computed: a long thin picture would become a huge one.
        let top = max(0, place.top)
        let left = max(0, place.left)
        let window = CropRectangle(
            top: top, left: left, height: min(place.height - top, shape.height),
            width: min(place.width - left, shape.width))
        let resized = Resampling.resize(
            image, height: place.height, width: place.width, filter: filter, window: window)
        normalization.write(
            resized, height: shape.height, width: shape.width, top: min(0, place.top), left: min(0, place.left),
            mirrored: mirrored, into: target)
    }
}
