package import RandomStreams
public import RecipeSchema

/// The kinds of noise that a degraded picture may have.
public enum NoiseKind: String, RecipeEnum {
    /// The same everywhere.
    case gaussian
    /// Shot noise: counts of a mean proportional to the brightness.
    case poisson
}

/// Which noise the pretext `denoise` draws from.
public struct NoiseOptions: RecipeSection {
    /// The kinds.
    public var type = [NoiseKind.gaussian]
    /// Their weights.
    public var prob = [1.0]
    /// Range of the Gaussian's deviation, of 255.
    public var gaussianSigma = [75.0, 75.0]
    /// Chance that Gaussian noise is the same in all channels.
    public var gaussianGrayNoiseProb = 0.0
    /// Range of the factor on Poisson noise.
    public var poissonScale = [0.05, 3.0]
    /// Chance that Poisson noise is the same in all channels.
    public var poissonGrayNoiseProb = 0.4

    /// The published setting: Gaussian, σ = 75 of 255.
    public init() {}

    private static let range = Allowed<[Double]>.ends(of: .closed(0...1e6))

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "type", \.type, in: .rule("a list of 1 to 64 of its words") { (1...64).contains($0.count) },
            "Kinds of noise."),
        Field("prob", \.prob, in: choiceWeights, "How often each kind is drawn."),
        Field("gaussian_sigma", \.gaussianSigma, in: range, "Range of the Gaussian's deviation, of 255."),
        Field(
            "gaussian_gray_noise_prob", \.gaussianGrayNoiseProb, in: .closed(0...1),
            "Chance that Gaussian noise is the same in all channels."),
        Field("poisson_scale", \.poissonScale, in: range, "Range of the factor on Poisson noise."),
        Field(
            "poisson_gray_noise_prob", \.poissonGrayNoiseProb, in: .closed(0...1),
            "Chance that Poisson noise is the same in all channels."),
    ]

    /// A weight a kind.
    public func check() -> [String] {
        type.count == prob.count ? [] : ["prob has \(prob.count) numbers for \(type.count) kinds in type"]
    }

    /// Whether gray Poisson noise may be drawn, which needs the brightness of a picture.
    var needsBrightness: Bool {
        poissonGrayNoiseProb > 0 && zip(type, prob).contains { $0 == .poisson && $1 > 0 }
    }

    /// Draws the noise of one picture `[C, H, W]` in [0, 1]: kind, strength, gray or not, then a number for each of its numbers.
    package func drawn(
        for picture: UnsafeBufferPointer<Float>, channels: Int, _ stream: inout RandomStream
    ) -> PictureNoise {
        let kind = type[stream.choice(prob)]
        switch kind {
        case .gaussian:
            let strength = stream.uniform(in: gaussianSigma)
            let isGray = stream.uniformDouble() < gaussianGrayNoiseProb
            let values = (0..<picture.count).map { _ in Float(stream.normal()) }
            return PictureNoise(kind: kind, strength: strength, isGray: isGray, values: values)
        case .poisson:
            let strength = stream.uniform(in: poissonScale)
            let isGray = stream.uniformDouble() < poissonGrayNoiseProb
            let base = PictureNoise.PoissonBase(picture, channels: channels, isGray: isGray)
            let tables = PoissonTables(levels: base.levels)
            let values = base.bytes.map { byte in Float(tables.count(byte, stream.uniformDouble())) }
            return PictureNoise(kind: kind, strength: strength, isGray: isGray, values: values)
        }
    }
}

/// The noise of one picture.
public struct PictureNoise: Sendable {
    /// The kind.
    public var kind: NoiseKind
    /// The Gaussian's deviation of 255, or the factor on Poisson noise.
    public var strength: Double
    /// Whether all channels have the same noise: that of the first.
    public var isGray: Bool
    /// Standard normal numbers, or Poisson counts, `[C, H, W]`; a gray picture needs the first plane alone.
    public var values: [Float]

    /// A noise.
    public init(kind: NoiseKind, strength: Double, isGray: Bool, values: [Float]) {
        self.kind = kind
        self.strength = strength
        self.isGray = isGray
        self.values = values
    }

    /// What Poisson counts belong to: the picture, or its brightness, in bytes; and the counts that stand for 1.
    public struct PoissonBase: Sendable {
        /// The bytes, `[C, H, W]`, or `[H, W]` of a gray base.
        public var bytes: [UInt8]
        /// The smallest power of two that is not below the number of different bytes.
        public var levels: Int

        /// The base of a picture `[C, H, W]` in [0, 1]; brightness is 0.299 R + 0.587 G + 0.114 B, or the only channel.
        public init(_ picture: UnsafeBufferPointer<Float>, channels: Int, isGray: Bool) {
            let plane = picture.count / channels
            func byte(_ value: Double) -> UInt8 {
                UInt8(min(max((255 * value).rounded(.toNearestOrEven), 0), 255))
            }
            if isGray && channels == 3 {
                bytes = (0..<plane).map { place in
                    byte(
                        0.299 * Double(picture[place]) + 0.587 * Double(picture[plane + place])
                            + 0.114 * Double(picture[2 * plane + place]))
                }
            } else {
                bytes = picture.prefix(isGray ? plane : picture.count).map { byte(Double($0)) }
            }
            var isThere = [Bool](repeating: false, count: 256)
            for byte in bytes { isThere[Int(byte)] = true }
            let different = isThere.count { $0 }
            var power = 1
            while power < different { power *= 2 }
            levels = power
        }
    }

    /// The noisy picture, `[C, H, W]`, not clamped.
    ///
    /// Gaussian: x + n·σ/255. Poisson: x + (counts/V − b)·s with the base b and its levels V.
    public func added(to picture: UnsafeBufferPointer<Float>, channels: Int) -> [Float] {
        let plane = picture.count / channels
        switch kind {
        case .gaussian:
            let scale = strength / 255
            return picture.indices.map { place in
                Float(Double(picture[place]) + Double(values[isGray ? place % plane : place]) * scale)
            }
        case .poisson:
            let base = PoissonBase(picture, channels: channels, isGray: isGray)
            let levels = Double(base.levels)
            return picture.indices.map { place in
                let at = isGray ? place % plane : place
                let noise = Double(values[at]) / levels - Double(base.bytes[at]) / 255
                return Float(Double(picture[place]) + noise * strength)
            }
        }
    }
}

/// Poisson counts by inversion, for means byte/255 · levels: at most 256 of them, so their distributions are tabulated.
private struct PoissonTables {
    private let cumulative: [[Double]]

    init(levels: Int) {
        cumulative = (0..<256).map { byte in
            let mean = Double(byte) / 255 * Double(levels)
            var probability = exponential(-mean)
            var sum = probability
            var sums = [sum]
            // Far beyond the mean the sums no longer change: what is missing to 1 is below the draws' 2⁻⁵³.
            let most = Int(mean + 12 * mean.squareRoot()) + 24
            for count in 1...most {
                probability *= mean / Double(count)
                sum += probability
                sums.append(sum)
            }
            return sums
        }
    }

    /// The count at a uniform number in [0, 1).
    func count(_ byte: UInt8, _ uniform: Double) -> Int {
        let sums = cumulative[Int(byte)]
        var (low, high) = (0, sums.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] > uniform { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
