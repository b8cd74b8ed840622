import RandomStreams

/// Operations on the colours of a picture whose numbers are in [0, 1], `[height, width, channels]`; results are clamped to
/// [0, 1]. Hue, saturation and gray need three channels.
///
/// Definitions of torchvision and Pillow, except the blur, which is the true Gaussian.
public enum ColourOperations {
    /// factor · x.
    public static func brightness(_ values: inout [Float], factor: Float) {
        for i in values.indices { values[i] = clamped(factor * values[i]) }
    }

    /// factor · x + (1 − factor) · the mean gray of the picture; gray pictures are their own gray.
    public static func contrast(_ values: inout [Float], factor: Float, channels: Int) {
        var sum = 0.0
        if channels == 3 {
            for i in stride(from: 0, to: values.count, by: 3) { sum += Double(gray(values, i)) }
        } else {
            for value in values { sum += Double(value) }
        }
        let mean = Float(sum / Double(max(1, channels == 3 ? values.count / 3 : values.count)))
        for i in values.indices { values[i] = clamped(factor * values[i] + (1 - factor) * mean) }
    }

    /// factor · x + (1 − factor) · the gray of the pixel.
    public static func saturation(_ values: inout [Float], factor: Float) {
        for i in stride(from: 0, to: values.count, by: 3) {
            let gray = gray(values, i)
            for channel in i..<i + 3 { values[channel] = clamped(factor * values[channel] + (1 - factor) * gray) }
        }
    }

    /// Turns the hue by a part of the colour circle, through hue, saturation and value.
    public static func hue(_ values: inout [Float], shift: Float) {
        for i in stride(from: 0, to: values.count, by: 3) {
            let (r, g, b) = (values[i], values[i + 1], values[i + 2])
            let largest = max(r, g, b)
            let spread = largest - min(r, g, b)
            guard spread > 0 else { continue }
            let sixth: Float
            if largest == r {
                sixth = (g - b) / spread
            } else if largest == g {
                sixth = 2 + (b - r) / spread
            } else {
                sixth = 4 + (r - g) / spread
            }
            var turned = sixth / 6 + shift
            turned -= turned.rounded(.down)
            let saturation = spread / largest
            let scaled = turned * 6
            let sector = Int(scaled) % 6
            let rest = scaled - scaled.rounded(.down)
            let p = largest * (1 - saturation)
            let q = largest * (1 - saturation * rest)
            let t = largest * (1 - saturation * (1 - rest))
            let rgb: (Float, Float, Float) =
                switch sector {
                case 0: (largest, t, p)
                case 1: (q, largest, p)
                case 2: (p, largest, t)
                case 3: (p, q, largest)
                case 4: (t, p, largest)
                default: (largest, p, q)
                }
            (values[i], values[i + 1], values[i + 2]) = (clamped(rgb.0), clamped(rgb.1), clamped(rgb.2))
        }
    }

    /// The gray of each pixel of bytes in all three channels: (19595 R + 38470 G + 7471 B + 32768) >> 16.
    public static func grayscale(_ bytes: inout [UInt8]) {
        for i in stride(from: 0, to: bytes.count, by: 3) {
            let sum = 19595 * Int(bytes[i]) + 38470 * Int(bytes[i + 1]) + 7471 * Int(bytes[i + 2]) + 32768
            for channel in i..<i + 3 { bytes[channel] = UInt8(sum >> 16) }
        }
    }

    /// Bytes of `threshold` and above are inverted.
    public static func solarize(_ bytes: inout [UInt8], threshold: Int = 128) {
        for i in bytes.indices where Int(bytes[i]) >= threshold { bytes[i] = 255 - bytes[i] }
    }

    /// A separable Gaussian of deviation `sigma`: taps −⌈3σ⌉ … ⌈3σ⌉ of sum 1, edge pixels repeated outside.
    public static func blur(_ values: inout [Float], sigma: Double, height: Int, width: Int, channels: Int) {
        blur(
            &values, sigma: sigma, reach: Int((3 * sigma).rounded(.up)), height: height, width: width,
            channels: channels
        ) { min(max($0, 0), $1 - 1) }
    }

    /// The same with an odd number of taps whatever the deviation, mirrored at the edges without repeating the edge pixel; sides have
    /// more pixels than half of the taps.
    public static func blur(
        _ values: inout [Float], sigma: Double, taps: Int, height: Int, width: Int, channels: Int
    ) {
        precondition(
            taps % 2 == 1 && min(height, width) > taps / 2, "\(taps) taps on a picture of \(height) by \(width)")
        blur(&values, sigma: sigma, reach: taps / 2, height: height, width: width, channels: channels) {
            place, length in
            let place = abs(place)
            return place < length ? place : 2 * (length - 1) - place
        }
    }

    /// Taps −reach … reach of sum 1; `inside` says which place of an axis of some length stands for one outside of it.
    private static func blur(
        _ values: inout [Float], sigma: Double, reach: Int, height: Int, width: Int, channels: Int,
        _ inside: (Int, Int) -> Int
    ) {
        let weights = (-reach...reach).map { exponential(max(-700, -0.5 * Double($0 * $0) / (sigma * sigma))) }
        let total = weights.reduce(0, +)
        let taps = weights.map { Float($0 / total) }
        func pass(_ source: [Float], length: Int, step: Int, starts: [Int]) -> [Float] {
            var result = source
            for place in 0..<length {
                let from = taps.indices.map { inside(place + $0 - reach, length) * step }
                for start in starts {
                    var sum: Float = 0
                    for (tap, weight) in taps.enumerated() { sum += weight * source[start + from[tap]] }
                    result[start + place * step] = sum
                }
            }
            return result
        }
        let rows = (0..<height).flatMap { row in (0..<channels).map { row * width * channels + $0 } }
        let columns = Array(0..<width * channels)
        values = pass(values, length: width, step: channels, starts: rows)
        values = pass(values, length: height, step: width * channels, starts: columns).map(clamped)
    }

    private static func gray(_ values: [Float], _ i: Int) -> Float {
        0.2989 * values[i] + 0.587 * values[i + 1] + 0.114 * values[i + 2]
    }

    private static func clamped(_ value: Float) -> Float { min(max(value, 0), 1) }
}
