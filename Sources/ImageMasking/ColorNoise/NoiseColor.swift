public import RecipeSchema

/// The colour of a noise: which spatial frequencies of white noise W are kept (ColorMAE, arXiv 2407.13036, §3).
public enum NoiseColor: String, RecipeEnum {
    /// W: all frequencies, the law of random masking.
    case white
    /// G∗W: low frequencies.
    case red
    /// G₁∗W − G₂∗W: middle frequencies.
    case green
    /// W − G∗W: high frequencies.
    case blue
    /// W − (G₁∗W − G₂∗W): low and high frequencies.
    case purple
}

/// Which widths a colour has when a recipe names none.
public enum NoisePreset: String, RecipeEnum {
    /// Fitted to the masks that the authors show (sharper than one pass).
    case figure
    /// The formulas as printed, applied once.
    case single
}

/// A colour filter's parameters: Gaussian widths in patches, and how often the filter is applied.
public struct NoiseFilter: Sendable, Equatable {
    /// The colour.
    public var color: NoiseColor
    /// Width of the only Gaussian (red, blue), or of the narrower (green, purple); unused for white.
    public var sigmaLow: Double
    /// Width of the wider Gaussian (green, purple).
    public var sigmaHigh: Double
    /// How often the whole expression is applied.
    public var passes: Int

    /// A filter with every parameter given.
    public init(color: NoiseColor, sigmaLow: Double = 1, sigmaHigh: Double = 1, passes: Int = 1) {
        self.color = color
        self.sigmaLow = sigmaLow
        self.sigmaHigh = sigmaHigh
        self.passes = passes
    }

    /// The filter of a preset.
    public init(color: NoiseColor, preset: NoisePreset) {
        switch (preset, color) {
        case (_, .white): self.init(color: color)
        case (.figure, .red): self.init(color: color, sigmaLow: 4.2)
        case (.figure, .blue): self.init(color: color, sigmaLow: 0.55, passes: 4)
        case (.figure, .green): self.init(color: color, sigmaLow: 0.6, sigmaHigh: 1.9, passes: 7)
        case (.figure, .purple): self.init(color: color, sigmaLow: 0.5, sigmaHigh: 2, passes: 7)
        case (.single, .red), (.single, .blue): self.init(color: color, sigmaLow: 2)
        case (.single, .green), (.single, .purple): self.init(color: color, sigmaLow: 0.5, sigmaHigh: 2)
        }
    }

    /// Why no filter can be made of these numbers; nil where one can.
    var fault: String? {
        let widths = color == .white ? [] : isBand ? [sigmaLow, sigmaHigh] : [sigmaLow]
        if let width = widths.first(where: { !($0 > 0 && $0 <= 1024) }) {
            return "a Gaussian's width is > 0 and ≤ 1024 patches, not \(width)"
        }
        return (0...64).contains(passes) ? nil : "a filter is applied 0 to 64 times, not \(passes)"
    }

    /// True for colours with two Gaussians.
    public var isBand: Bool { color == .green || color == .purple }
}
