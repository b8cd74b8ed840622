public import RandomStreams
public import RecipeSchema

/// Hides patches independently of each other and of the image: the order of uniform noise (MAE, arXiv 2111.06377, §3).
public struct RandomMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "random"
    /// What others call it.
    public static let otherNames = [
        "mae": #""random""#, "uniform": #""random""#,
        "grid": #""random" or "block", grid-wise masks are not among them"#,
    ]
    /// Share of the patches hidden.
    public var ratio = 0.75
    /// Patches hidden; where it is given, `ratio` says nothing.
    public var numMasked: Int?

    /// Three quarters hidden.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("ratio", \.ratio, in: .between(0, 1), "Share of the patches hidden."),
        Field(
            "num_masked", \.numMasked, in: .closed(1...1 << 20),
            "Patches hidden, instead of ratio; null: as ratio says."),
    ]

    /// Patches must be left on both sides.
    public func faults(on grid: PatchGrid) -> [String] {
        guard let numMasked else { return ratioFaults(ratio, on: grid) }
        return numMasked < grid.count
            ? [] : ["num_masked \(numMasked) leaves none of \(grid.count) patches visible; lower it"]
    }

    /// Patches that stay visible on a grid.
    public func visibleCount(on grid: PatchGrid, counting rule: CountRule = .visibleDown) -> Int {
        numMasked.map { grid.count - $0 } ?? grid.visibleCount(ratio: ratio, rule)
    }

    /// The ratio, or the share that `numMasked` is.
    public func hiddenShare(on grid: PatchGrid) -> Double? {
        numMasked.map { Double($0) / Double(grid.count) } ?? ratio
    }

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
                visibleCount: visibleCount(on: request.grid, counting: request.counting)))
    }
}
