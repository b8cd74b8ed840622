public import RecipeSchema

/// How global and local views of a picture are made: random resized crops with changed colours.
public struct MultiViewOptions: RecipeSection {
    /// Smallest and largest share of the picture's area in a global view.
    public var cropScale = [0.08, 1.0]
    /// Smallest and largest share of the picture's area in a local view.
    public var localCropScale = [0.05, 0.3]
    /// Strengths of brightness, contrast, saturation and hue.
    public var jitter = [0.8, 0.8, 0.8, 0.2]
    /// Chance that colours are jittered.
    public var jitterProbability = 0.8
    /// Chance that a view is made gray.
    public var grayProbability = 0.2
    /// Chance that a view is blurred.
    public var blurProbability = 0.5
    /// Smallest and largest deviation of the blur, in pixels.
    public var blurSigma = [0.1, 2.0]
    /// Taps of the blur; an odd number.
    public var blurTaps = 7
    /// Chance that bright bytes of a view are inverted.
    public var solarizeProbability = 0.2

    /// The published minimal example, meant for 128 pixels.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field(
            "crop_scale", \.cropScale, in: .ends(of: .above(0, upTo: 1), words: "[low, high] with 0 < low ≤ high ≤ 1"),
            "Share of the picture's area in a global view."),
        Field(
            "local_crop_scale", \.localCropScale,
            in: .ends(of: .above(0, upTo: 1), words: "[low, high] with 0 < low ≤ high ≤ 1"),
            "Share of the picture's area in a local view."),
        Field(
            "jitter", \.jitter, in: .list(4...4, of: .closed(0...100), "the last at most 0.5") { $0[3] <= 0.5 },
            "Strengths of the colour jitter: brightness, contrast, saturation, hue."),
        Field("jitter_probability", \.jitterProbability, in: .closed(0...1), "Chance of the colour jitter."),
        Field("gray_probability", \.grayProbability, in: .closed(0...1), "Chance that a view is made gray."),
        Field("blur_probability", \.blurProbability, in: .closed(0...1), "Chance that a view is blurred."),
        Field(
            "blur_sigma", \.blurSigma, in: .ends(of: .above(0, upTo: 1000)), "Deviation of the blur, in pixels."),
        Field(
            "blur_taps", \.blurTaps, in: .closed(1...1025, only: "odd") { $0 % 2 == 1 },
            "Taps of the blur; half of them must be fewer than the pixels of a side."),
        Field(
            "solarize_probability", \.solarizeProbability, in: .closed(0...1),
            "Chance that bytes of 128 and above are inverted."),
    ]
}

/// Some global and some local views of each picture, made as options say.
public struct MultiView: ViewOptions {
    /// How they are made.
    public var options: MultiViewOptions
    /// Global views; 1 or more.
    public var globals: Int
    /// Local views, behind the global ones.
    public var locals: Int
    /// The size of local views; nil: that of the global ones.
    public var localSize: ImageSize?

    /// Views of these kinds.
    public init(options: MultiViewOptions, globals: Int, locals: Int, localSize: ImageSize? = nil) {
        self.options = options
        self.globals = globals
        self.locals = locals
        self.localSize = localSize
    }

    /// They are.
    public var areResizedCrops: Bool { true }

    /// Global ones of the model's size, then local ones.
    public func sizes(of size: ImageSize) -> [ImageSize] {
        [ImageSize](repeating: size, count: globals) + [ImageSize](repeating: localSize ?? size, count: locals)
    }

    /// Crops with changed colours.
    public func makeTransform(_ context: ViewContext) -> any ImageTransform { MultiViewTransform(self, context) }

    /// Why views of pictures of a size cannot be made: a blur mirrors what is beyond an edge, and there must be as much of it.
    public func faults(of size: ImageSize) -> [String] {
        guard options.blurProbability > 0 else { return [] }
        let side = sizes(of: size).reduce(Int.max) { min($0, $1.height, $1.width) }
        guard side <= options.blurTaps / 2 else { return [] }
        return [
            "views.blur_taps \(options.blurTaps) reach over \(options.blurTaps / 2) pixels, and the smallest side of a view has "
                + "\(side); lower blur_taps to \(2 * side - 1) or less, or set blur_probability to 0"
        ]
    }
}
