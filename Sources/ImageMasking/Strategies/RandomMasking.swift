public import RandomStreams
public import RecipeSchema

/// Hides patches independently of each other and of the image: the order of uniform noise (MAE, arXiv 2111.06377, §3).
public struct RandomMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "random"
    /// Share of the patches hidden.
    public var ratio = 0.75

    /// Three quarters hidden.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("ratio", \.ratio, in: .between(0, 1), "Share of the patches hidden.")
    ]

    /// The ratio must leave patches on both sides.
    public func faults(on grid: PatchGrid) -> [String] { ratioFaults(ratio, on: grid) }

    /// The patches with the lowest noise stay visible.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        try requireSuited(request.grid)
        var noise: [Float] = []
        for sample in request.samples {
            var stream = request.stream(of: sample, random)
            for _ in 0..<request.grid.count { noise.append(stream.uniform()) }
        }
        return .patches(
            PatchMask(
                grid: request.grid, scores: noise, keepingHighest: false,
                visibleCount: request.grid.visibleCount(ratio: ratio)))
    }
}
