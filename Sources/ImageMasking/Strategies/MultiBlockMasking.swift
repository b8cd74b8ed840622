public import RandomStreams
public import RecipeSchema

/// Cuts target blocks out of a large context block.
///
/// I-JEPA (Assran et al., arXiv 2301.08243). All targets of a batch share one size, all context blocks another, and contexts
/// are cut to the length of the batch's shortest: the one strategy whose plans depend on the batch.
public struct MultiBlockMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "multiblock"
    /// What others call it.
    public static let otherNames = ["ijepa": #""multiblock""#, "jepa": #""multiblock""#, "dmtjepa": #""multiblock""#]
    /// It makes contexts and targets.
    public static let kind = MaskPlan.Kind.blocks

    /// How sizes and places are drawn.
    public enum Geometry: String, RecipeEnum {
        /// As the official code does it, faults and all; for comparison.
        case reference
        /// Every cell can be reached, and contexts never hold cells of targets.
        case unbiased
    }

    /// How sizes and places are drawn.
    public var geometry = Geometry.unbiased
    /// Least and largest share of the patches in a target.
    public var targetScale = [0.15, 0.2]
    /// Least and largest rows / columns of a target.
    public var targetAspect = [0.75, 1.5]
    /// Least and largest share of the patches in a context block; its aspect is 1.
    public var contextScale = [0.85, 1.0]
    /// Targets an image.
    public var targets = 4
    /// Contexts an image.
    public var contexts = 1
    /// Cells that a context must have: at least so many, or, in the reference geometry, more; targets too there.
    public var minKeep = 10
    /// Whether a context keeps cells of targets.
    public var allowOverlap = false

    /// The published scales, in the unbiased geometry.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("geometry", \.geometry, "How block sizes and places are drawn."),
        Field("target_scale", \.targetScale, in: scaleRule, "Least and largest share of the patches in a target."),
        Field("target_aspect", \.targetAspect, in: aspectRule, "Least and largest rows / columns of a target."),
        Field(
            "context_scale", \.contextScale, in: scaleRule, "Least and largest share of the patches in a context block."
        ),
        Field("targets", \.targets, in: .closed(1...256), "Target blocks an image."),
        Field("contexts", \.contexts, in: .closed(1...256), "Context blocks an image."),
        Field("min_keep", \.minKeep, in: .closed(1...1 << 20), "Least cells of a context (reference: more than that)."),
        Field("allow_overlap", \.allowOverlap, "Whether a context keeps cells of targets."),
    ]

    private static let scaleRule = Allowed<[Double]>.ends(
        of: .above(0, upTo: 1), words: "two numbers with 0 < min ≤ max ≤ 1")
    private static let aspectRule = Allowed<[Double]>.ends(
        of: .above(0, upTo: 1000), words: "two numbers with 0 < min ≤ max ≤ 1000")

    @Sendable private static func isScale(_ range: [Double]) -> Bool { isAspect(range) && range[1] <= 1 }
    @Sendable private static func isAspect(_ range: [Double]) -> Bool {
        range.count == 2 && range[0] > 0 && range[0] <= range[1] && range[1].isFinite
    }

    /// Pairs of context and target that an image may have.
    private static let mostPairs = 4096

    /// What is wrong with values that were set in code; a recipe's are refused when it is read.
    public func check() -> [String] {
        var faults: [String] = []
        for (name, range) in [("target_scale", targetScale), ("context_scale", contextScale)] where !Self.isScale(range)
        {
            faults.append("\(name) is \(range), allowed are two numbers with 0 < min ≤ max ≤ 1")
        }
        if !Self.isAspect(targetAspect) {
            faults.append("target_aspect is \(targetAspect), allowed are two numbers with 0 < min ≤ max")
        }
        // Divided, because the product of what code may set need not be a number.
        if min(targets, contexts) >= 1 && targets > Self.mostPairs / contexts {
            faults.append(
                "targets \(targets) times contexts \(contexts) are more than \(Self.mostPairs) pairs to predict; lower one"
            )
        }
        if min(targets, contexts, minKeep) < 1 { faults.append("targets, contexts and min_keep must be at least 1") }
        return faults
    }

    /// What targets can look like on a grid.
    public func targetShapes(on grid: PatchGrid) -> BlockShapes {
        BlockShapes(grid: grid, scale: targetScale, aspect: targetAspect)
    }

    /// What context blocks can look like on a grid.
    public func contextShapes(on grid: PatchGrid) -> BlockShapes {
        BlockShapes(grid: grid, scale: contextScale, aspect: [1, 1])
    }

    /// Contexts and targets. Sizes come from the batch's stream. So do the places of the unbiased geometry, which is defined
    /// over one stream; those of the reference geometry come from each image's own.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        let grid = request.grid
        func refuse(_ reason: String?) throws(MaskingError) {
            if let reason { throw .unsuited(strategy: Self.name, grid: grid, reason: reason) }
        }
        try refuse(check().first)
        var shared = request.batchStream(random)
        switch geometry {
        case .reference:
            let sampler = ReferenceBlocks(self, on: grid)
            let target = sampler.targetBlock(Double(shared.uniform()))
            let context = sampler.contextBlock(Double(shared.uniform()))
            try refuse(referenceFault(targets: [target], contexts: [context]))
            var streams = request.samples.map { request.stream(of: $0, random) }
            let drawn = sampler.draw(images: request.samples.count, target: target, context: context) {
                (image, rows, columns) -> (top: Int, left: Int) in
                let top = streams[image].integer(below: rows)
                return (top, streams[image].integer(below: columns))
            }
            return .blocks(sampler.cut(drawn))
        case .unbiased:
            let sampler = UnbiasedBlocks(self, on: grid)
            let (target, context) = sampler.sizes { Double(shared.uniform()) }
            try refuse(unbiasedFault(targets: [target], contexts: [context], on: grid))
            let drawn = sampler.draw(images: request.samples.count, target: target, context: context) {
                Double(shared.uniform())
            }
            return .blocks(sampler.cut(drawn) { Double(shared.uniform()) })
        }
    }
}
