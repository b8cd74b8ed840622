/// What a sample of a source's pictures holds: types, ranges, sums. The pictures are a fixed choice, so that a run
/// started again measures the same.
public struct SourceSample: Sendable {
    /// Pictures that constants are measured on, at most.
    public static let size = 2048
    /// Pictures that the type of the samples is told from, at most.
    static let glance = 64

    /// Pictures read.
    public private(set) var count = 0
    /// True where all are of 8 bits.
    public private(set) var isEightBit = true
    /// True where one at least has three channels and all have one or three.
    public var isColour: Bool { channels.contains(3) && channels.isSubset(of: [1, 3]) }
    /// Smallest and largest stored number; nil where nothing could be read.
    public private(set) var range: ClosedRange<Double>?
    /// The smallest and largest number of the type, such as 0 and 255; nil where the types differ or have no range.
    public private(set) var typeRange: ClosedRange<Double>?
    /// True where the types of the pictures differ.
    private(set) var isMixed = false
    /// Pictures with transparency, which is not read.
    private(set) var transparent = 0
    /// Pictures with frames behind the first, which are not read.
    private(set) var animated = 0
    private var channels: Set<Int> = []
    private var sums: [BandStatistics] = []

    /// Reads at most `size` pictures, evenly through the source, converted to some channels; unreadable ones do not
    /// count.
    init(of source: any ImageSource, size: Int, channels wanted: Int, threads: Int = 2) throws(ImageError) {
        let number = min(size, source.count)
        // count * place / number, without a product that may overflow.
        let (whole, rest) = (source.count / number, source.count % number)
        let chunk = 16
        let chunks = (number + chunk - 1) / chunk
        let parts = Prefetcher<[Result<DecodedImage.Statistics, ImageError>]>(
            threads: threads, ahead: 2 * threads + 1, count: chunks
        ) { part in
            let places = (part * chunk)..<min(number, (part + 1) * chunk)
            return .success(
                places.map { place in
                    let index = whole * place + rest * place / number
                    return Result { () throws(ImageError) in
                        let image = try source.image(index)
                        guard let converted = image.converted(toChannels: wanted) else {
                            // Says what the channels are and how to ask for them.
                            _ = try source.image(index, channels: wanted)
                            throw ImageError(.channels, path: "", member: source.key(index), "other channels")
                        }
                        if let fault = image.notFiniteFault {
                            throw ImageError(.corrupt, path: "", member: source.key(index), fault)
                        }
                        return DecodedImage.Statistics(of: image, converted)
                    }
                })
        }
        var types: Set<ClosedRange<Double>?> = []
        var first: ImageError?
        while let part = try parts.next()?.get() {
            for result in part {
                switch result {
                case .success(let picture):
                    count += 1
                    channels.insert(picture.channels)
                    isEightBit = isEightBit && picture.typeRange == 0...255
                    transparent += picture.omissions.contains(.alpha) ? 1 : 0
                    animated += picture.omissions.contains(.frames) ? 1 : 0
                    types.insert(picture.typeRange)
                    range = hull(range, picture.range)
                    sums = sums.isEmpty ? picture.sums : zip(sums, picture.sums).map { $0 + $1 }
                case .failure(let error):
                    if error.reason == .channels { throw error }
                    first = first ?? error
                }
            }
        }
        isMixed = types.count > 1
        typeRange = types.count == 1 ? types.first ?? nil : nil
        if count == 0, var first {
            first.message = "none of \(number) pictures of the training part can be read; the first: \(first.message)"
            throw first
        }
    }

    /// Mean and deviation of each channel; a channel that never varies has the deviation 1.
    var normalization: Normalization {
        Normalization(mean: sums.map(\.mean), deviation: sums.map { $0.scale(unit: 1) })
    }

    /// The same constants where `low` becomes 0 and `high` 1; `isColour` and types are those of the stored numbers.
    func normalization(low: Double, high: Double) -> Normalization {
        let unit = typeRange.map { $0.upperBound - $0.lowerBound } ?? 1
        let zero = typeRange?.lowerBound ?? 0
        return Normalization(
            mean: sums.map { ($0.mean * unit + zero - low) / (high - low) },
            deviation: sums.map { $0.scale(unit: unit / (high - low)) })
    }
}

extension BandStatistics {
    /// The deviation times `unit`, for dividing by; 1 for a band whose numbers are all the same, where the deviation is nothing but
    /// rounding.
    fileprivate func scale(unit: Double) -> Double { isConstant || deviation == 0 ? 1 : deviation * unit }
}

extension DecodedImage {
    /// What a picture adds to a sample.
    struct Statistics: Sendable {
        var channels: Int
        var omissions: DecodedImage.Omissions
        var range: ClosedRange<Double>?
        var typeRange: ClosedRange<Double>?
        var sums: [BandStatistics]

        /// Range and type of a picture as stored, sums of it as converted.
        init(of image: DecodedImage, _ converted: DecodedImage) {
            channels = image.channels
            omissions = image.omissions
            typeRange = image.samples.typeRange
            sums = converted.bandStatistics()
            let stored = image.channels == converted.channels ? sums : image.bandStatistics()
            range = stored.reduce(nil) { hull($0, $1.range) }
        }
    }
}
