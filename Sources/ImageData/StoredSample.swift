/// A number as picture files store it.
protocol StoredSample: Comparable, Sendable {
    /// The smallest and largest number of the type; nil for numbers with a point, which have no range.
    static var typeRange: ClosedRange<Double>? { get }
    /// The number itself.
    var number: Double { get }
    /// The number of the type that is nearest to one within its range.
    static func nearest(_ number: Double) -> Self
    /// The number where the range of its type is [0, 1]; one with a point as it is.
    var unit: Float { get }
    /// The number where `low` becomes 0 and `low + span` 1.
    func scaled(low: Float, span: Float) -> Float
    /// 0.299 red + 0.587 green + 0.114 blue; of integers with Pillow's weights.
    static func gray(_ red: Self, _ green: Self, _ blue: Self) -> Self
    /// What every band of a picture holds.
    static func statistics(_ values: [Self], bands: Int) -> [BandStatistics]
}

extension StoredSample where Self: FixedWidthInteger {
    static var typeRange: ClosedRange<Double>? { Double(Self.min)...Double(Self.max) }
    var number: Double { Double(self) }
    static func nearest(_ number: Double) -> Self { Self(clamping: Int64(number.rounded())) }
    var unit: Float { Float((Double(self) - Double(Self.min)) / (Double(Self.max) - Double(Self.min))) }
    func scaled(low: Float, span: Float) -> Float { Float((Double(self) - Double(low)) / Double(span)) }

    /// 16 bits after the point, rounded once.
    static func gray(_ red: Self, _ green: Self, _ blue: Self) -> Self {
        let sum = Int64(red) * 19595 + Int64(green) * 38470 + Int64(blue) * 7471
        return Self(truncatingIfNeeded: (sum + 0x8000) >> 16)
    }

    /// Exact for 8 and 16 bits: 2²⁶ pixels of 16 bits sum to less than 2⁵⁸.
    static func statistics(_ values: [Self], bands: Int) -> [BandStatistics] {
        let span = Double(Self.max) - Double(Self.min)
        return (0..<bands).map { band in
            var made = BandStatistics()
            var (low, high) = (Self.max, Self.min)
            if Self.bitWidth <= 16 {
                var sum: UInt64 = 0
                var squares: UInt64 = 0
                for place in stride(from: band, to: values.count, by: bands) {
                    let value = UInt64(truncatingIfNeeded: Int64(values[place]) &- Int64(Self.min))
                    sum &+= value
                    squares &+= value &* value
                    low = Swift.min(low, values[place])
                    high = Swift.max(high, values[place])
                }
                made.sum = Double(sum) / span
                made.squares = Double(squares) / (span * span)
            } else {
                for place in stride(from: band, to: values.count, by: bands) {
                    let value = (Double(values[place]) - Double(Self.min)) / span
                    made.sum += value
                    made.squares += value * value
                    low = Swift.min(low, values[place])
                    high = Swift.max(high, values[place])
                }
            }
            made.count = Double(values.count / bands)
            made.range = Double(low)...Double(high)
            return made
        }
    }
}

extension UInt8: StoredSample {
    var unit: Float { Float(self) / 255 }
    func scaled(low: Float, span: Float) -> Float { (Float(self) - low) / span }
}

extension UInt16: StoredSample {
    var unit: Float { Float(self) / 65535 }
    func scaled(low: Float, span: Float) -> Float { (Float(self) - low) / span }
}

extension Int16: StoredSample {
    var unit: Float { (Float(self) + 32768) / 65535 }
    func scaled(low: Float, span: Float) -> Float { (Float(self) - low) / span }
}

extension Int8: StoredSample {}
extension UInt32: StoredSample {}
extension Int32: StoredSample {}

extension Float: StoredSample {
    static var typeRange: ClosedRange<Double>? { nil }
    var number: Double { Double(self) }
    static func nearest(_ number: Double) -> Float { Float(number) }
    var unit: Float { self }
    func scaled(low: Float, span: Float) -> Float { (self - low) / span }
    static func gray(_ red: Float, _ green: Float, _ blue: Float) -> Float {
        0.299 * red + 0.587 * green + 0.114 * blue
    }

    static func statistics(_ values: [Float], bands: Int) -> [BandStatistics] {
        (0..<bands).map { band in
            var made = BandStatistics()
            var (low, high) = (Float.infinity, -Float.infinity)
            for place in stride(from: band, to: values.count, by: bands) {
                let value = values[place]
                guard value.isFinite else {
                    made.notFinite += 1
                    continue
                }
                made.count += 1
                made.sum += Double(value)
                made.squares += Double(value) * Double(value)
                low = Swift.min(low, value)
                high = Swift.max(high, value)
            }
            if low <= high { made.range = Double(low)...Double(high) }
            return made
        }
    }
}

/// What is to be found out from samples of any type.
protocol SampleReader {
    associatedtype Result
    func read<Sample: StoredSample>(_ values: [Sample]) -> Result
}

/// A change of samples that keeps their type.
protocol SampleChange {
    func changed<Sample: StoredSample>(_ values: [Sample]) -> [Sample]
}

extension DecodedImage.Samples {
    /// What a reader makes of the samples.
    func read<Reader: SampleReader>(_ reader: Reader) -> Reader.Result {
        switch self {
        case .uint8(let values): reader.read(values)
        case .int8(let values): reader.read(values)
        case .uint16(let values): reader.read(values)
        case .int16(let values): reader.read(values)
        case .uint32(let values): reader.read(values)
        case .int32(let values): reader.read(values)
        case .float32(let values): reader.read(values)
        }
    }

    /// The samples changed.
    func mapped(_ change: some SampleChange) -> DecodedImage.Samples {
        switch self {
        case .uint8(let values): .uint8(change.changed(values))
        case .int8(let values): .int8(change.changed(values))
        case .uint16(let values): .uint16(change.changed(values))
        case .int16(let values): .int16(change.changed(values))
        case .uint32(let values): .uint32(change.changed(values))
        case .int32(let values): .int32(change.changed(values))
        case .float32(let values): .float32(change.changed(values))
        }
    }

    /// The smallest and largest number of the type; nil for numbers with a point.
    public var typeRange: ClosedRange<Double>? { read(TypeRange()) }
}

private struct TypeRange: SampleReader {
    func read<Sample: StoredSample>(_ values: [Sample]) -> ClosedRange<Double>? { Sample.typeRange }
}
