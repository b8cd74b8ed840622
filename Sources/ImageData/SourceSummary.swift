/// What a whole source holds: sizes, classes, what cannot be read, mean and deviation.
public struct SourceSummary: Sendable {
    /// A picture that cannot be read.
    public struct Unreadable: Sendable {
        /// What identifies it.
        public var key: String
        /// Why it cannot be read.
        public var error: ImageError
    }

    /// Pictures of the source.
    public private(set) var count = 0
    /// Pictures of each label; as long as the source has class names, or the largest label asks for.
    public private(set) var labelCounts: [Int] = []
    /// Pictures without a label.
    public private(set) var unlabelled = 0
    /// Pictures that cannot be read, in the order of the source.
    public private(set) var unreadable: [Unreadable] = []
    /// Smallest and largest height; nil without a readable picture.
    public private(set) var heights: ClosedRange<Int>?
    /// Smallest and largest width; nil without a readable picture.
    public private(set) var widths: ClosedRange<Int>?
    /// Readable pictures by their channels.
    public private(set) var channelCounts: [Int: Int] = [:]
    private var sums: [Int: [ChannelSums]] = [:]

    /// Reads all pictures of a source with some threads; the numbers do not depend on how many.
    public init(of source: any ImageSource, threads: Int) {
        let chunk = 64
        let chunks = (source.count + chunk - 1) / chunk
        let parts = Prefetcher<SourceSummary>(threads: threads, ahead: 2 * threads, count: chunks) { number in
            var part = SourceSummary()
            for index in (number * chunk)..<min(source.count, (number + 1) * chunk) { part.add(index, of: source) }
            return .success(part)
        }
        while let part = try? parts.next()?.get() { add(part) }
        let classes = source.labelNames?.count ?? 0
        if labelCounts.count < classes { labelCounts += [Int](repeating: 0, count: classes - labelCounts.count) }
    }

    private init() {}

    /// Mean and deviation of each channel over all pixels, in the units of `DecodedImage.unitSamples`. Gray pictures among
    /// coloured ones count as gray RGB; nil where other numbers of channels are mixed, or nothing can be read.
    public var normalization: Normalization? {
        var all: [ChannelSums]
        switch channelCounts.keys.sorted() {
        case [1, 3]:
            guard let gray = sums[1]?.first, let colour = sums[3] else { return nil }
            all = colour.map { $0 + gray }
        case let one where one.count == 1: all = sums[one[0]] ?? []
        default: return nil
        }
        return Normalization(mean: all.map(\.mean), deviation: all.map(\.deviation))
    }

    private mutating func add(_ index: Int, of source: any ImageSource) {
        count += 1
        if let label = source.label(index) { count(1, label: label) } else { unlabelled += 1 }
        do throws(ImageError) {
            let image = try source.image(index)
            heights = Self.hull(heights, image.height...image.height)
            widths = Self.hull(widths, image.width...image.width)
            channelCounts[image.channels, default: 0] += 1
            add(image.channelSums(), channels: image.channels)
        } catch {
            unreadable.append(Unreadable(key: source.key(index), error: error))
        }
    }

    private mutating func add(_ part: SourceSummary) {
        count += part.count
        unlabelled += part.unlabelled
        unreadable += part.unreadable
        for (label, number) in part.labelCounts.enumerated() { count(number, label: label) }
        heights = part.heights.map { Self.hull(heights, $0) } ?? heights
        widths = part.widths.map { Self.hull(widths, $0) } ?? widths
        for (channels, number) in part.channelCounts { channelCounts[channels, default: 0] += number }
        for (channels, more) in part.sums { add(more, channels: channels) }
    }

    private mutating func count(_ number: Int, label: Int) {
        if label >= labelCounts.count { labelCounts += [Int](repeating: 0, count: label + 1 - labelCounts.count) }
        labelCounts[label] += number
    }

    private mutating func add(_ more: [ChannelSums], channels: Int) {
        sums[channels] = sums[channels].map { zip($0, more).map { $0 + $1 } } ?? more
    }

    private static func hull(_ a: ClosedRange<Int>?, _ b: ClosedRange<Int>) -> ClosedRange<Int> {
        guard let a else { return b }
        return min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
    }
}

/// Number, sum and sum of squares of a channel's samples.
struct ChannelSums: Sendable {
    var count = 0.0
    var sum = 0.0
    var squares = 0.0

    var mean: Double { sum / count }
    var deviation: Double { max(0, squares / count - mean * mean).squareRoot() }

    static func + (a: ChannelSums, b: ChannelSums) -> ChannelSums {
        ChannelSums(count: a.count + b.count, sum: a.sum + b.sum, squares: a.squares + b.squares)
    }
}

extension DecodedImage {
    /// The sums of each channel, in the units of `unitSamples`; exact for integer samples.
    func channelSums() -> [ChannelSums] {
        switch samples {
        case .uint8(let values): integerSums(values, unit: 255)
        case .uint16(let values): integerSums(values, unit: 65535)
        case .float32(let values):
            (0..<channels).map { channel in
                var sums = ChannelSums(count: Double(height * width))
                for place in stride(from: channel, to: values.count, by: channels) {
                    sums.sum += Double(values[place])
                    sums.squares += Double(values[place]) * Double(values[place])
                }
                return sums
            }
        }
    }

    // A picture of 2²⁶ pixels of 16 bits sums to less than 2⁵⁸.
    private func integerSums<Sample: FixedWidthInteger>(_ values: [Sample], unit: Double) -> [ChannelSums] {
        (0..<channels).map { channel in
            var sum: UInt64 = 0
            var squares: UInt64 = 0
            for place in stride(from: channel, to: values.count, by: channels) {
                let value = UInt64(values[place])
                sum &+= value
                squares &+= value &* value
            }
            return ChannelSums(
                count: Double(height * width), sum: Double(sum) / unit, squares: Double(squares) / (unit * unit))
        }
    }

    /// The mean of each channel, in the units of `unitSamples`.
    public func channelMeans() -> [Double] { channelSums().map(\.mean) }
}
