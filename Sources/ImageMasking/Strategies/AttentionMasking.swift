public import RandomStreams
public import RecipeSchema

/// Keeps patches visible with a probability that grows with their importance: what a teacher attends to is seen more often.
///
/// MaskAlign (Xue et al., CVPR 2023, arXiv 2211.08887). K patches are drawn one after another without replacement, each in
/// proportion to its importance among those left. The same law, in one sort: draw e ~ Exp(1) for every patch and keep the K
/// largest importance/e (Efraimidis and Spirakis 2006), in that order.
public struct AttentionMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "attention"
    /// What others call it.
    public static let otherNames = [
        "maskalign": #""attention""#, "attentive": #""attention""#, "attmask": #""attention""#,
    ]
    /// It does.
    public static let needsImportance = true
    /// Share of the patches hidden.
    public var ratio = 0.7

    /// The published share.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("ratio", \.ratio, in: .range(0..<1), "Share of the patches hidden; 0: all are seen.")
    ]

    /// The ratio must leave a patch to see.
    public func faults(on grid: PatchGrid) -> [String] {
        ratio == 0 ? [] : ratioFaults(ratio, on: grid)
    }

    /// The ratio.
    public func hiddenShare(on grid: PatchGrid) -> Double? { ratio }

    /// Every image's draws come from its own stream.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        try requireSuited(request.grid)
        guard let importance = request.importance else { throw .lacksImportance(strategy: Self.name) }
        precondition(
            importance.count == request.samples.count * request.grid.count,
            "\(importance.count) scores for \(request.samples.count) images of \(request.grid) patches")
        var draws: [Float] = []
        draws.reserveCapacity(importance.count)
        for sample in request.samples {
            var stream = request.stream(of: sample, random)
            for _ in 0..<request.grid.count { draws.append(stream.exponential()) }
        }
        return .patches(
            mask(on: request.grid, importance: importance, exponentials: draws, counting: request.counting))
    }

    /// The masks of given draws from Exp(1), one a patch; equal quotients go by patch number, and patches without importance
    /// come last.
    public func mask(
        on grid: PatchGrid, importance: [Float], exponentials: [Float], counting rule: CountRule = .visibleDown
    ) -> PatchMask {
        let scores = zip(importance, exponentials).map { importance, draw in
            // A draw of exactly zero would make a quotient that is no number where the importance is zero too.
            importance > 0 ? importance / max(draw, .leastNormalMagnitude) : 0
        }
        return PatchMask(
            grid: grid, scores: scores, keepingHighest: true, visibleCount: grid.visibleCount(ratio: ratio, rule))
    }
}

extension RandomStream {
    /// A number of the standard exponential distribution, by inversion.
    fileprivate mutating func exponential() -> Float { Float(-naturalLogarithm(1 - uniformDouble())) }
}
