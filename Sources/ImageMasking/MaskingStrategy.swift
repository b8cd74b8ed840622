public import RandomStreams
public import RecipeSchema

/// What a strategy is asked for: masks for the images of one batch.
public struct MaskRequest: Sendable {
    /// The patch grid of the images.
    public var grid: PatchGrid
    /// Dataset numbers of the images: each has its own stream, so its mask does not depend on its neighbours.
    public var samples: [Int]
    /// The epoch, from 0.
    public var epoch: Int
    /// The number of the batch since training began, from 0; for draws that a batch shares.
    public var step: Int
    /// How much each patch matters, `[samples.count · grid.count]`, none below 0; only for strategies that need it.
    public var importance: [Float]?
    /// How a share of the patches becomes a number of them.
    public var counting = CountRule.visibleDown

    /// A request for the images `samples` of batch `step`.
    public init(grid: PatchGrid, samples: [Int], epoch: Int = 0, step: Int = 0, importance: [Float]? = nil) {
        self.grid = grid
        self.samples = samples
        self.epoch = epoch
        self.step = step
        self.importance = importance
    }

    /// The stream of one image: a function of (seed, epoch, sample).
    public func stream(of sample: Int, _ random: RandomStream) -> RandomStream {
        random.child("image").child(epoch).child(sample)
    }

    /// The stream of what the whole batch shares: a function of (seed, step).
    public func batchStream(_ random: RandomStream) -> RandomStream {
        random.child("batch").child(step)
    }
}

/// Chooses what is hidden. A plain value: its options are all its state.
public protocol MaskingStrategy: NamedSection {
    /// The kind of plan it makes.
    static var kind: MaskPlan.Kind { get }
    /// Whether it works from the importance of each patch, which only some methods know.
    static var needsImportance: Bool { get }
    /// Why it cannot work on a grid, a sentence each; checked before any image is read.
    func faults(on grid: PatchGrid) -> [String]
    /// The share of the patches that it hides in every image, as a recipe says it, where the order of its hidden patches is by chance
    /// or importance, so that a part of them may be chosen by it; nil for other strategies.
    func hiddenShare(on grid: PatchGrid) -> Double?
    /// The share of the hidden patches that it has predicted by an option of its own; nil for strategies that leave that to the recipe.
    var predictedPart: Double? { get }
    /// Why that share comes to no patch on a grid, a sentence, for methods that predict a part; nil where it comes to one.
    func predictedFault(on grid: PatchGrid) -> String?
    /// The masks of a batch. Same request and stream, same plan; `random` is the run's stream for masks and the only source
    /// of chance.
    func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan
}

extension MaskingStrategy {
    /// Whole patches.
    public static var kind: MaskPlan.Kind { .patches }
    /// It does not.
    public static var needsImportance: Bool { false }
    /// No fault on any grid.
    public func faults(on grid: PatchGrid) -> [String] { [] }
    /// No share.
    public func hiddenShare(on grid: PatchGrid) -> Double? { nil }
    /// It leaves that to the recipe.
    public var predictedPart: Double? { nil }
    /// None.
    public func predictedFault(on grid: PatchGrid) -> String? { nil }
}

/// Why a strategy cannot make a plan.
public enum MaskingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The strategy's options do not fit the grid.
    case unsuited(strategy: String, grid: PatchGrid, reason: String)
    /// The strategy works from the importance of patches, and the request has none.
    case lacksImportance(strategy: String)

    /// The reason in one sentence.
    public var description: String {
        switch self {
        case .unsuited(let strategy, let grid, let reason):
            "mask strategy \"\(strategy)\" cannot work on a grid of \(grid) patches: \(reason)"
        case .lacksImportance(let strategy):
            "mask strategy \"\(strategy)\" needs the importance of each patch, which a method computes from images; "
                + "without images there are no masks"
        }
    }
}

extension MaskingStrategy {
    /// Throws the first fault on a grid.
    func requireSuited(_ grid: PatchGrid) throws(MaskingError) {
        if let reason = faults(on: grid).first {
            throw .unsuited(strategy: Self.name, grid: grid, reason: reason)
        }
    }
}

/// Why a share of hidden patches is impossible on a grid: it leaves nothing visible, or nothing hidden.
func ratioFaults(_ ratio: Double, on grid: PatchGrid) -> [String] {
    let visible = grid.visibleCount(ratio: ratio)
    if visible == 0 { return ["ratio \(ratio) leaves none of \(grid.count) patches visible; lower it"] }
    if visible == grid.count { return ["ratio \(ratio) hides none of \(grid.count) patches; raise it"] }
    return []
}
