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
    /// Readable pictures with numbers that are NaN or infinite. Training counts them as unreadable.
    public private(set) var notFinite = Findings()
    /// Readable pictures with a band whose numbers are all the same, such as one of zeros.
    public private(set) var constantBands = Findings()
    private var sums: [Int: [BandStatistics]] = [:]

    /// Pictures in which something was found.
    public struct Findings: Sendable, Equatable {
        /// How many.
        public private(set) var pictures = 0
        /// How many numbers or bands of theirs.
        public private(set) var count = 0
        /// The first three, by what identifies them.
        public private(set) var examples: [String] = []

        mutating func add(_ number: Int, _ key: @autoclosure () -> String) {
            guard number > 0 else { return }
            pictures += 1
            count += number
            if examples.count < SourceLedger.mostExamples { examples.append(key()) }
        }

        mutating func add(_ other: Findings) {
            pictures += other.pictures
            count += other.count
            examples = Array((examples + other.examples).prefix(SourceLedger.mostExamples))
        }

        /// The pictures for people.
        var words: String {
            let names = examples.map { "`\($0)`" }.joined(separator: ", ") + (pictures > examples.count ? ", …" : "")
            return "\(pictures) \(pictures == 1 ? "picture" : "pictures") (\(names))"
        }
    }

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
        var all: [BandStatistics]
        switch channelCounts.keys.sorted() {
        case [1, 3]:
            guard let gray = sums[1]?.first, let colour = sums[3] else { return nil }
            all = colour.map { $0 + gray }
        case let one where one.count == 1: all = sums[one[0]] ?? []
        default: return nil
        }
        return Normalization(mean: all.map(\.mean), deviation: all.map(\.deviation))
    }

    /// What each band holds over all pictures; nil where pictures of several numbers of channels are mixed, or none can be read.
    public var bands: [BandStatistics]? {
        guard sums.count == 1 else { return nil }
        return sums.values.first
    }

    /// Sentences about numbers that are not finite and bands that say nothing.
    public var warnings: [String] {
        var sentences: [String] = []
        if notFinite.pictures > 0 {
            sentences.append(
                "\(notFinite.words) with \(notFinite.count) numbers that are NaN or infinite; training replaces such pictures "
                    + "as unreadable ones (data.corrupt_limit)")
        }
        if constantBands.pictures > 0 {
            sentences.append("\(constantBands.words) with bands of a single number: \(constantBands.count) bands")
        }
        for (band, found) in (bands ?? []).enumerated() where found.isConstant && count > 1 {
            sentences.append("band \(band), counted from 0, is \(found.range?.lowerBound ?? 0) in all pictures")
        }
        return sentences
    }

    private mutating func add(_ index: Int, of source: any ImageSource) {
        count += 1
        if let label = source.label(index) { count(1, label: label) } else { unlabelled += 1 }
        do throws(ImageError) {
            let image = try source.image(index)
            heights = hull(heights, image.height...image.height)
            widths = hull(widths, image.width...image.width)
            channelCounts[image.channels, default: 0] += 1
            let bands = image.bandStatistics()
            notFinite.add(bands.reduce(0) { $0 + $1.notFinite }, source.key(index))
            constantBands.add(bands.count { $0.isConstant }, source.key(index))
            add(bands, channels: image.channels)
        } catch {
            unreadable.append(Unreadable(key: source.key(index), error: error))
        }
    }

    private mutating func add(_ part: SourceSummary) {
        count += part.count
        unlabelled += part.unlabelled
        unreadable += part.unreadable
        for (label, number) in part.labelCounts.enumerated() { count(number, label: label) }
        heights = hull(heights, part.heights)
        widths = hull(widths, part.widths)
        notFinite.add(part.notFinite)
        constantBands.add(part.constantBands)
        for (channels, number) in part.channelCounts { channelCounts[channels, default: 0] += number }
        for (channels, more) in part.sums { add(more, channels: channels) }
    }

    private mutating func count(_ number: Int, label: Int) {
        if label >= labelCounts.count { labelCounts += [Int](repeating: 0, count: label + 1 - labelCounts.count) }
        labelCounts[label] += number
    }

    private mutating func add(_ more: [BandStatistics], channels: Int) {
        sums[channels] = sums[channels].map { zip($0, more).map { $0 + $1 } } ?? more
    }
}
