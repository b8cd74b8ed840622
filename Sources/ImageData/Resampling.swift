public import RecipeSchema

/// The weight of a source sample by its distance, as Pillow defines it.
public enum ResamplingFilter: String, RecipeEnum {
    /// The mean of the samples under an output sample.
    case box
    /// A triangle of radius 1.
    case bilinear
    /// Keys' cubic with A = −0.5, radius 2.
    case bicubic

    /// Source samples on each side that count, at scale 1.
    var radius: Double {
        switch self {
        case .box: 0.5
        case .bilinear: 1
        case .bicubic: 2
        }
    }

    /// The weight at distance `x`, in output samples where the picture shrinks.
    func weight(_ x: Double) -> Double {
        let distance = abs(x)
        switch self {
        case .box: return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear: return max(0, 1 - distance)
        case .bicubic:
            let a = -0.5
            if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
            if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
            return 0
        }
    }
}

/// Which source samples make each output sample of one axis, and with which weights.
///
/// Pillow's algorithm: the kernel is widened where the axis shrinks (antialiasing), cut at the ends of the axis and
/// renormalised there.
struct ResamplingAxis {
    /// Output samples that are computed.
    let count: Int
    /// First source sample of each output.
    private(set) var first: [Int] = []
    /// Place of each output's first weight; one more entry than outputs.
    private(set) var start: [Int] = [0]
    /// The weights of all outputs, each group summing to one.
    private(set) var weights: [Double] = []
    /// True where every output is the source sample at its own place.
    let isIdentity: Bool

    /// The axis of `size` source samples whose interval `low`…`high` becomes `total` output samples, of which those in
    /// `window` are computed.
    init(size: Int, low: Double, high: Double, total: Int, window: Range<Int>, filter: ResamplingFilter) {
        count = window.count
        isIdentity = total == size && low == 0 && high == Double(size) && window == 0..<total
        let scale = (high - low) / Double(total)
        let widening = max(scale, 1)
        let support = filter.radius * widening
        let inverse = 1 / widening
        first.reserveCapacity(count)
        start.reserveCapacity(count + 1)
        weights.reserveCapacity(count * (Int(2 * support) + 2))
        for output in window {
            let centre = low + (Double(output) + 0.5) * scale
            let begin = max(0, Int(centre - support + 0.5))
            let end = min(size, Int(centre + support + 0.5))
            let group = weights.count
            var sum = 0.0
            for source in begin..<max(begin, end) {
                let weight = filter.weight((Double(source) - centre + 0.5) * inverse)
                weights.append(weight)
                sum += weight
            }
            if sum != 0 { for i in group..<weights.count { weights[i] /= sum } }
            first.append(begin)
            start.append(weights.count)
        }
    }

    /// The source samples that any output needs.
    var sourceRange: Range<Int> {
        var end = 0
        for output in 0..<count { end = max(end, first[output] + start[output + 1] - start[output]) }
        return (first.min() ?? 0)..<end
    }
}

/// Resizes pictures exactly as Pillow (up to 11.3) does: separable, antialiased, the horizontal pass first.
///
/// Later Pillows exchange the passes for some sizes, which changes roundings; this order is kept for all.
public enum Resampling {
    /// Binary places of the integer weights of the 8-bit path.
    private static let precision = 22

    /// A picture resized to `height` by `width`.
    ///
    /// 8-bit pictures go through integer weights and are rounded and clipped to 8 bits after each of the two passes.
    /// 16-bit ones become numbers in [0, 1] and go, like all numbers, through the float path: nothing is rounded or
    /// clipped, so bicubic weights may leave the range.
    /// - Parameters:
    ///   - rectangle: the pixels to use, as if the picture had been cropped to them first; nil for all.
    ///   - box: left, top, right, bottom of the source area that becomes the output, in pixels of the (cropped) picture;
    ///     unlike with a crop, pixels around it count too, as far as the kernel reaches. Nil for all.
    ///   - window: the pixels of the output to compute, where not all are wanted: the result is cut to them.
    public static func resize(
        _ image: DecodedImage, height: Int, width: Int, filter: ResamplingFilter = .bicubic,
        rectangle: CropRectangle? = nil, box: (left: Double, top: Double, right: Double, bottom: Double)? = nil,
        window: CropRectangle? = nil
    ) -> DecodedImage {
        precondition(height >= 1 && width >= 1, "cannot resize to \(height) x \(width)")
        let rectangle = rectangle ?? CropRectangle(top: 0, left: 0, height: image.height, width: image.width)
        precondition(rectangle.fits(height: image.height, width: image.width), "\(rectangle) leaves the picture")
        let window = window ?? CropRectangle(top: 0, left: 0, height: height, width: width)
        precondition(window.fits(height: height, width: width), "\(window) leaves the output")
        let columns = ResamplingAxis(
            size: rectangle.width, low: box?.left ?? 0, high: box?.right ?? Double(rectangle.width), total: width,
            window: window.left..<(window.left + window.width), filter: filter)
        let rows = ResamplingAxis(
            size: rectangle.height, low: box?.top ?? 0, high: box?.bottom ?? Double(rectangle.height), total: height,
            window: window.top..<(window.top + window.height), filter: filter)
        let samples: DecodedImage.Samples
        switch image.samples {
        case .uint8(let values): samples = .uint8(resize(values, of: image, rectangle, rows, columns, integer))
        default:
            samples = .float32(resize(image.unitSamples(), of: image, rectangle, rows, columns, Float.init))
        }
        return DecodedImage(height: window.height, width: window.width, channels: image.channels, samples: samples)
    }

    /// A weight in units of 2⁻²², rounded half away from zero.
    private static func integer(_ weight: Double) -> Int32 {
        let scaled = weight * Double(1 << precision)
        return Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }

    private static func resize<Kernel: ResamplingKernel>(
        _ values: [Kernel.Sample], of image: DecodedImage, _ rectangle: CropRectangle, _ rows: ResamplingAxis,
        _ columns: ResamplingAxis, _ weight: (Double) -> Kernel
    ) -> [Kernel.Sample] {
        let channels = image.channels
        let outputLine = columns.count * channels
        let needed = rows.sourceRange
        let columnWeights = columns.weights.map(weight)
        let rowWeights = rows.weights.map(weight)
        return values.withUnsafeBufferPointer { values in
            // First pass: the rows that the second one needs, each from its source line.
            let narrowed = [Kernel.Sample](unsafeUninitializedCapacity: needed.count * outputLine) { buffer, count in
                for row in needed {
                    let line = ((rectangle.top + row) * image.width + rectangle.left) * channels
                    let target = UnsafeMutableBufferPointer(
                        rebasing: buffer[
                            ((row - needed.lowerBound) * outputLine)..<((row - needed.lowerBound + 1) * outputLine)])
                    let source = UnsafeBufferPointer(rebasing: values[line..<(line + rectangle.width * channels)])
                    if columns.isIdentity {
                        _ = target.initialize(from: source)
                    } else {
                        Kernel.horizontal(source, target, channels, columns, columnWeights)
                    }
                }
                count = needed.count * outputLine
            }
            if rows.isIdentity { return narrowed }
            return [Kernel.Sample](unsafeUninitializedCapacity: rows.count * outputLine) { buffer, count in
                narrowed.withUnsafeBufferPointer { narrowed in
                    for row in 0..<rows.count {
                        let taps = rows.start[row]..<rows.start[row + 1]
                        let line = (rows.first[row] - needed.lowerBound) * outputLine
                        rowWeights.withUnsafeBufferPointer { weights in
                            Kernel.vertical(
                                UnsafeBufferPointer(rebasing: narrowed[line..<(line + taps.count * outputLine)]),
                                UnsafeMutableBufferPointer(
                                    rebasing: buffer[(row * outputLine)..<((row + 1) * outputLine)]),
                                UnsafeBufferPointer(rebasing: weights[taps]))
                        }
                    }
                }
                count = rows.count * outputLine
            }
        }
    }
}

/// The arithmetic of one pass: weights and sums of one number type, samples of another.
private protocol ResamplingKernel {
    associatedtype Sample

    /// One output line from one source line, `channels` interleaved.
    static func horizontal(
        _ source: UnsafeBufferPointer<Sample>, _ target: UnsafeMutableBufferPointer<Sample>, _ channels: Int,
        _ axis: ResamplingAxis, _ weights: [Self])

    /// One output line from as many source lines, one after another, as there are weights.
    static func vertical(
        _ source: UnsafeBufferPointer<Sample>, _ target: UnsafeMutableBufferPointer<Sample>,
        _ weights: UnsafeBufferPointer<Self>)
}

extension Int32: ResamplingKernel {
    /// Half of a unit of the result, so that the shift rounds.
    private static let half: Int32 = 1 << 21

    private static func byte(_ sum: Int32) -> UInt8 {
        UInt8(truncatingIfNeeded: Swift.min(Swift.max(sum >> 22, 0), 255))
    }

    // Wrapping arithmetic: the weights of an output sum to 2²² up to rounding and overshoot by less than half of that,
    // so sums stay below 2³¹, as in Pillow.
    static func horizontal(
        _ source: UnsafeBufferPointer<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>, _ channels: Int,
        _ axis: ResamplingAxis, _ weights: [Int32]
    ) {
        weights.withUnsafeBufferPointer { weights in
            for column in 0..<axis.count {
                let taps = axis.start[column]..<axis.start[column + 1]
                let base = axis.first[column] * channels
                if channels == 3 {
                    var (red, green, blue) = (half, half, half)
                    var place = base
                    for tap in taps {
                        let weight = weights[tap]
                        red &+= weight &* Int32(source[place])
                        green &+= weight &* Int32(source[place + 1])
                        blue &+= weight &* Int32(source[place + 2])
                        place += 3
                    }
                    target[column * 3] = byte(red)
                    target[column * 3 + 1] = byte(green)
                    target[column * 3 + 2] = byte(blue)
                } else {
                    for channel in 0..<channels {
                        var sum = half
                        var place = base + channel
                        for tap in taps {
                            sum &+= weights[tap] &* Int32(source[place])
                            place += channels
                        }
                        target[column * channels + channel] = byte(sum)
                    }
                }
            }
        }
    }

    static func vertical(
        _ source: UnsafeBufferPointer<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>,
        _ weights: UnsafeBufferPointer<Int32>
    ) {
        let line = target.count
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: line) { sums in
            sums.initialize(repeating: half)
            for (tap, weight) in weights.enumerated() {
                let from = UnsafeBufferPointer(rebasing: source[(tap * line)..<((tap + 1) * line)])
                for i in 0..<line { sums[i] &+= weight &* Int32(from[i]) }
            }
            for i in 0..<line { target.initializeElement(at: i, to: byte(sums[i])) }
        }
    }
}

extension Float: ResamplingKernel {
    static func horizontal(
        _ source: UnsafeBufferPointer<Float>, _ target: UnsafeMutableBufferPointer<Float>, _ channels: Int,
        _ axis: ResamplingAxis, _ weights: [Float]
    ) {
        for column in 0..<axis.count {
            let taps = axis.start[column]..<axis.start[column + 1]
            for channel in 0..<channels {
                var sum: Float = 0
                var place = axis.first[column] * channels + channel
                for tap in taps {
                    sum += weights[tap] * source[place]
                    place += channels
                }
                target.initializeElement(at: column * channels + channel, to: sum)
            }
        }
    }

    static func vertical(
        _ source: UnsafeBufferPointer<Float>, _ target: UnsafeMutableBufferPointer<Float>,
        _ weights: UnsafeBufferPointer<Float>
    ) {
        let line = target.count
        target.initialize(repeating: 0)
        for (tap, weight) in weights.enumerated() {
            for i in 0..<line { target[i] += weight * source[tap * line + i] }
        }
    }
}
