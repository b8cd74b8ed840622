public import RandomStreams
public import RecipeSchema

/// Removes low or high frequencies from each image: MFM (Xie et al., arXiv 2206.07706).
public struct FrequencyMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "frequency"
    /// What others call it.
    public static let otherNames = ["mfm": #""frequency""#, "fourier": #""frequency""#, "spectrum": #""frequency""#]
    /// Frequencies.
    public static let kind = MaskPlan.Kind.frequencies

    /// Where the filtered ring begins, in places of the spectrum: low-pass keeps what is nearer to the zero frequency.
    public var radius = 16
    /// Where the filtered ring ends; what is farther stays with the low frequencies.
    public var radius2 = 999
    /// Chance that an image keeps its low frequencies instead of the ring.
    public var lowPassShare = 0.5

    /// The published setting for pictures of 224 pixels.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "radius", \.radius, in: .closed(0...1 << 20),
            "Inner radius of the ring that low-pass removes, in frequency steps."),
        Field("radius2", \.radius2, in: .closed(1...1 << 20), "Its outer radius."),
        Field(
            "low_pass_share", \.lowPassShare, in: .closed(0...1),
            "Chance that an image keeps what is outside the ring instead of the ring."),
    ]

    /// The ring has a width.
    public func check() -> [String] { radius2 > radius ? [] : ["radius2 \(radius2) must be above radius \(radius)"] }

    /// One draw an image.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        let lowPass = request.samples.map { sample in
            var stream = request.stream(of: sample, random)
            return stream.uniformDouble() < lowPassShare
        }
        return .frequencies(FrequencyMask(radius: radius, outerRadius: radius2, lowPass: lowPass))
    }
}
