public import Autodiff
public import RecipeSchema

/// What an optimiser is told of one step.
public struct StepSettings: Sendable, Equatable {
    /// The rate η.
    public var learningRate: Double
    /// The decay λ of decayed parameters.
    public var weightDecay: Double
    /// What gradients are multiplied with on the way, as clipping asks.
    public var gradientScale: Double
    /// What holds for parameters whose method schedules them beside the others.
    public var own: OwnSettings?

    /// A step at a rate.
    public init(
        learningRate: Double, weightDecay: Double = 0, gradientScale: Double = 1, own: OwnSettings? = nil
    ) {
        self.learningRate = learningRate
        self.weightDecay = weightDecay
        self.gradientScale = gradientScale
        self.own = own
    }

    /// The rate and the decay of a group.
    func values(for group: ParameterGroup) -> (rate: Double, decay: Double) {
        guard group.isOwn, let own else { return (learningRate * group.scale, weightDecay * group.decay) }
        return (own.learningRate * group.scale, own.weightDecay * group.decay)
    }
}

/// What holds in one step for parameters that a method has trained beside the others, as by a second optimiser.
public struct OwnSettings: Sendable, Equatable {
    /// The rate.
    public var learningRate: Double
    /// The key of the recipe that says it, such as `"method.clustering_learning_rate"`.
    public var key: String
    /// The decay.
    public var weightDecay: Double
    /// Decay rates of the two moments, for optimisers that have them.
    public var betas: [Double]

    /// A step at the rate of a key; `betas` are two numbers.
    public init(learningRate: Double, key: String, weightDecay: Double, betas: [Double]) {
        precondition(betas.count == 2, "\(betas.count) decay rates of two moments")
        self.learningRate = learningRate
        self.key = key
        self.weightDecay = weightDecay
        self.betas = betas
    }
}

/// Changes parameters by their gradients, step after step.
public protocol Optimizer: Sendable {
    /// Steps taken.
    var step: Int { get }
    /// What must survive a restart beside the step, by the names that checkpoints use; each laid out flat as the store, or as the
    /// stretch of it that is kept.
    var state: [(name: String, values: Tensor)] { get }
    /// Before the first step: from now on `update` changes the parameters of a stretch of the flat buffer alone, and only what belongs to
    /// them is kept. False, and nothing changes, where numbers are not changed each by itself.
    mutating func restrict(to slice: Range<Int>) -> Bool
    /// Goes on from a checkpoint; `state` holds a tensor as long as the one there for every name of `self.state`.
    mutating func restore(_ state: [String: Tensor], step: Int)
    /// Takes one step.
    mutating func update(
        _ parameters: inout ParameterStore, _ gradients: Gradients, _ settings: StepSettings, on engine: Engine)
}

/// The recipe side of an optimiser: the section `train.optimizer`.
public protocol OptimizerOptions: NamedSection {
    /// An optimiser at step 0 for the parameters of a store.
    func makeOptimizer(for store: ParameterStore, _ groups: [ParameterGroup]) -> any Optimizer
}

/// Every optimiser that a recipe can name.
public let optimizers = Catalogue<any OptimizerOptions.Type>(
    "optimiser",
    [
        AdamWOptions.self,
        SGDOptions.self,
        LARSOptions.self,
    ], section: { $0 })

extension Allowed where Value == Double {
    /// A decay rate of a running mean.
    static var decayRate: Allowed { .range(0..<1) }
}
