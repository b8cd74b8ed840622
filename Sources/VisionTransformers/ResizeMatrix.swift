public import Autodiff
public import RecipeSchema

/// How values between pixels are made.
public enum Interpolation: String, RecipeEnum {
    /// Cubic convolution with a = −0.75 (Keys 1981), borders clamped.
    case bicubic
    /// Between the two nearest pixels.
    case bilinear
}

/// Resizing along one axis on half-pixel centres, without antialiasing: PyTorch's `interpolate`.
public enum ResizeMatrix {
    /// The matrix `[new, old]` that takes `old` pixels to `new`.
    public static func matrix(from old: Int, to new: Int, _ interpolation: Interpolation = .bicubic) -> Tensor {
        var values = [Float](repeating: 0, count: new * old)
        for (row, taps) in taps(from: old, to: new, interpolation).enumerated() {
            // Clamped taps fall on the same pixel: their weights are summed in double precision.
            var sums = [Int: Double]()
            for (pixel, weight) in taps { sums[pixel, default: 0] += weight }
            for (pixel, weight) in sums { values[row * old + pixel] = Float(weight) }
        }
        return Tensor(values, [new, old])
    }

    /// The source pixels of each new one on one axis, with their weights.
    static func taps(from old: Int, to new: Int, _ interpolation: Interpolation = .bicubic) -> [[(Int, Double)]] {
        (0..<new).map { index in
            let centre = (Double(index) + 0.5) * Double(old) / Double(new) - 0.5
            switch interpolation {
            case .bicubic:
                let first = Int(centre.rounded(.down)) - 1
                return (first..<first + 4).map { (min(max($0, 0), old - 1), cubicWeight(centre - Double($0))) }
            case .bilinear:
                let source = max(centre, 0)
                let first = Int(source)
                let share = source - Double(first)
                return [(min(first, old - 1), 1 - share), (min(first + 1, old - 1), share)]
            }
        }
    }

    private static func cubicWeight(_ distance: Double) -> Double {
        let a = -0.75
        let t = abs(distance)
        if t <= 1 { return ((a + 2) * t - (a + 3)) * t * t + 1 }
        if t < 2 { return a * (((t - 5) * t + 8) * t - 4) }
        return 0
    }
}
