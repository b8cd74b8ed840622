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
    /// Readable pictures with transparency, which is not read.
    public private(set) var transparent = Findings()
    /// Readable pictures with frames behind the first, which are not read.
    public private(set) var animated = Findings()
    /// Pictures with the very pixels of an earlier one.
    public private(set) var duplicates = Findings()
    /// Readable pictures by the type of their numbers, in words such as "8-bit unsigned".
    public private(set) var numberTypes: [String: Int] = [:]
    private var sums: [Int: [BandStatistics]] = [:]
    private var shortSides: [Int: Int] = [:]
    private var contents: [(content: UInt64, key: String)] = []
    private var known: Set<UInt64> = []

    /// The short side of the picture in the middle, by size; nil without a readable picture.
    public var medianSide: Int? {
        var left = (shortSides.values.reduce(0, +) + 1) / 2
        return shortSides.sorted { $0.key < $1.key }.first { side in
            left -= side.value
            return left <= 0
        }?.key
    }

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

    /// Reads all pictures of a source, or `most` taken evenly, with some threads; the numbers do not depend on how many.
    public init(of source: any ImageSource, threads: Int, most: Int = .max) {
        let taken = min(source.count, most)
        // count * place / taken, without a product that may overflow.
        let (whole, rest) = (source.count / taken, source.count % taken)
        let chunk = 64
        let chunks = (taken + chunk - 1) / chunk
        let parts = Prefetcher<SourceSummary>(threads: threads, ahead: 2 * threads, count: chunks) { number in
            var part = SourceSummary()
            for place in (number * chunk)..<min(taken, (number + 1) * chunk) {
                part.add(whole * place + rest * place / taken, of: source)
            }
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
        if transparent.pictures > 0 {
            sentences.append("\(transparent.words) with transparency (a band of alpha), which is not read")
        }
        if animated.pictures > 0 {
            sentences.append("\(animated.words) with frames behind the first, which are not read")
        }
        if duplicates.pictures > 0 {
            sentences.append("\(duplicates.words) with the very pixels of an earlier one")
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
            numberTypes[image.samples.words, default: 0] += 1
            shortSides[min(image.height, image.width), default: 0] += 1
            contents.append((image.contentHash, source.key(index)))
            let bands = image.bandStatistics()
            notFinite.add(bands.reduce(0) { $0 + $1.notFinite }, source.key(index))
            constantBands.add(bands.count { $0.isConstant }, source.key(index))
            transparent.add(image.omissions.contains(.alpha) ? 1 : 0, source.key(index))
            animated.add(image.omissions.contains(.frames) ? 1 : 0, source.key(index))
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
        transparent.add(part.transparent)
        animated.add(part.animated)
        for (channels, number) in part.channelCounts { channelCounts[channels, default: 0] += number }
        for (type, number) in part.numberTypes { numberTypes[type, default: 0] += number }
        for (side, number) in part.shortSides { shortSides[side, default: 0] += number }
        for (content, key) in part.contents where !known.insert(content).inserted { duplicates.add(1, key) }
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

extension DecodedImage {
    /// A number of size, channels and every sample, the same for the same pixels within a process's life and after it.
    fileprivate var contentHash: UInt64 {
        var hash = ContentHash()
        for number in [height, width, channels] { hash.add(UInt64(number)) }
        return samples.read(hash)
    }

    /// Mixes eight bytes at a time; two of a million pictures meet by chance once in ten million such sets.
    private struct ContentHash: SampleReader {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15

        mutating func add(_ word: UInt64) {
            state = (state ^ word) &* 0xBF58_476D_1CE4_E5B9
            state ^= state >> 32
        }

        func read<Sample: StoredSample>(_ values: [Sample]) -> UInt64 {
            var copy = self
            values.withUnsafeBytes { bytes in
                let whole = bytes.count / 8 * 8
                for start in stride(from: 0, to: whole, by: 8) {
                    copy.add(bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
                }
                for byte in bytes[whole...] { copy.add(UInt64(byte)) }
            }
            return copy.state
        }
    }
}

extension DecodedImage.Samples {
    /// The type of the numbers for people.
    fileprivate var words: String {
        switch self {
        case .uint8: "8-bit unsigned"
        case .int8: "8-bit signed"
        case .uint16: "16-bit unsigned"
        case .int16: "16-bit signed"
        case .uint32: "32-bit unsigned"
        case .int32: "32-bit signed"
        case .float32: "32-bit float"
        }
    }
}
