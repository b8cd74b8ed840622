public import RecipeSchema

/// An operation of which the second view gets exactly one.
public enum ViewOperation: String, RecipeEnum {
    /// The gray of each pixel.
    case gray
    /// Bright bytes are inverted.
    case solarize
    /// A Gaussian blur.
    case blur
}

/// How two views of one picture are made: both shifted by a padded crop and mirrored, the second also changed in colour.
public struct TwoViewOptions: RecipeSection {
    /// Pixels of reflected border, from which the crop may start.
    public var pad = 4
    /// Strengths of brightness, contrast, saturation and hue in the second view.
    public var jitter = [0.4, 0.4, 0.2, 0.1]
    /// Chance that the second view's colours are jittered.
    public var jitterProbability = 0.8
    /// The operations of which the second view gets one, each with equal chance; empty: none.
    public var oneOf: [ViewOperation] = [.gray, .solarize, .blur]
    /// Smallest and largest deviation of the blur, in pixels.
    public var blurRadius = [0.1, 2.0]

    /// The published setting, meant for 224 pixels.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field("pad", \.pad, in: .closed(0...65500), "Pixels of reflected border from which the crop may start."),
        Field(
            "jitter", \.jitter,
            in: .list(4...4, of: .closed(0...100), "the last at most 0.5") { $0[3] <= 0.5 },
            "Strengths of the second view's colour jitter: brightness, contrast, saturation, hue."),
        Field("jitter_probability", \.jitterProbability, in: .closed(0...1), "Chance of the colour jitter."),
        Field("one_of", \.oneOf, "Operations of which the second view gets exactly one."),
        Field(
            "blur_radius", \.blurRadius,
            in: .ends(of: .above(0, upTo: 1000)),
            "Deviation of the blur, in pixels."),
    ]
}
