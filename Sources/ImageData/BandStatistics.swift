/// What a band of one picture, or of many, holds. Numbers that are not finite are counted and do not take part.
public struct BandStatistics: Sendable, Equatable {
    /// Finite numbers.
    public internal(set) var count = 0.0
    /// Numbers that are NaN or infinite.
    public internal(set) var notFinite = 0
    /// The smallest and largest, in the units of the file; nil without a finite number.
    public internal(set) var range: ClosedRange<Double>?
    /// Their sum, in the units of `DecodedImage.unitSamples`.
    var sum = 0.0
    /// The sum of their squares, in the same units.
    var squares = 0.0

    /// The mean, in the units of `DecodedImage.unitSamples`; 0 without a finite number.
    public var mean: Double { count > 0 ? sum / count : 0 }
    /// The standard deviation over all, in the same units; 0 without a finite number.
    public var deviation: Double { count > 0 ? max(0, squares / count - mean * mean).squareRoot() : 0 }
    /// True where all finite numbers are the same.
    public var isConstant: Bool { range.map { $0.lowerBound == $0.upperBound } ?? false }

    static func + (a: BandStatistics, b: BandStatistics) -> BandStatistics {
        var sum = a
        sum.count += b.count
        sum.notFinite += b.notFinite
        sum.sum += b.sum
        sum.squares += b.squares
        sum.range = hull(a.range, b.range)
        return sum
    }
}

/// The smallest range that holds both; of none, the other.
public func hull<Bound>(_ a: ClosedRange<Bound>?, _ b: ClosedRange<Bound>?) -> ClosedRange<Bound>? {
    guard let a, let b else { return a ?? b }
    return min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
}

private struct BandReader: SampleReader {
    var bands: Int
    func read<Sample: StoredSample>(_ values: [Sample]) -> [BandStatistics] {
        Sample.statistics(values, bands: bands)
    }
}

extension DecodedImage {
    /// What each band holds [channels]; sums are exact for integers of 8 and 16 bits.
    public func bandStatistics() -> [BandStatistics] { samples.read(BandReader(bands: channels)) }

    /// The mean of each band's finite numbers, in the units of `unitSamples`.
    public func channelMeans() -> [Double] { bandStatistics().map(\.mean) }

    /// How many numbers are NaN or infinite.
    public var notFiniteCount: Int {
        guard case .float32(let values) = samples else { return 0 }
        return values.reduce(0) { $1.isFinite ? $0 : $0 + 1 }
    }

    /// Why nothing can be learned from the picture: numbers that are not finite; nil where all are.
    public var notFiniteFault: String? {
        let count = notFiniteCount
        if count == 0 { return nil }
        return
            "\(count) of \(samples.count) numbers are NaN or infinite, and every feature of the picture would be, too; write other "
            + "numbers in their place, such as the mean of the band"
    }
}
