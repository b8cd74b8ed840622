public import Autodiff
public import RecipeSchema

/// The options of stochastic gradient descent.
public struct SGDOptions: OptimizerOptions {
    /// The name in recipes.
    public static let name = "sgd"
    /// Decay rate of the velocity; 0: none.
    public var momentum = 0.9
    /// Whether the step looks ahead along the velocity.
    public var nesterov = false

    /// Momentum 0.9.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("momentum", \.momentum, in: .decayRate, "Decay rate of the velocity; 0: none."),
        Field("nesterov", \.nesterov, "Whether the step looks ahead along the velocity."),
    ]

    /// An optimiser at rest.
    public func makeOptimizer(for store: ParameterStore, _ groups: [ParameterGroup]) -> any Optimizer {
        SGD(for: store, groups, momentum: momentum, nesterov: nesterov)
    }
}

/// Stochastic gradient descent, as PyTorch's: g ← g + λw; v ← μv + g; w ← w − ηv, or w − η(g + μv) (Nesterov).
public struct SGD: Optimizer {
    /// Steps taken.
    public private(set) var step = 0
    private var velocity: Tensor
    private let momentum: Float
    private let nesterov: Bool
    private var groups: [ParameterGroup]
    /// Where the kept stretch begins in the flat buffer.
    private var start = 0

    /// An optimiser at rest for a store.
    public init(for store: ParameterStore, _ groups: [ParameterGroup], momentum: Double = 0.9, nesterov: Bool = false) {
        velocity = Tensor(zeros: [store.flatCount])
        self.momentum = Float(momentum)
        self.nesterov = nesterov
        self.groups = groups
    }

    /// The velocity.
    public var state: [(name: String, values: Tensor)] { [("momentum", velocity)] }

    /// Each number is changed by itself.
    public mutating func restrict(to slice: Range<Int>) -> Bool {
        groups = ParameterGroup.clipped(groups, to: slice)
        velocity = Tensor(zeros: [slice.count])
        start = slice.lowerBound
        return true
    }

    /// Goes on from a checkpoint.
    public mutating func restore(_ state: [String: Tensor], step: Int) {
        if let values = state["momentum"] { velocity = values }
        self.step = step
    }

    /// Takes one step.
    public mutating func update(
        _ parameters: inout ParameterStore, _ gradients: Gradients, _ settings: StepSettings, on engine: Engine
    ) {
        step += 1
        let (momentum, nesterov, groups, start) = (momentum, nesterov, groups, start)
        parameters.withUnsafeMutableBuffer { values in
            gradients.flat.withUnsafeBuffer { gradients in
                velocity.withUnsafeMutableBuffer { velocity in
                    for group in groups {
                        let asked = settings.values(for: group)
                        let (rate, decay) = (Float(asked.rate), Float(asked.decay))
                        let scale = Float(settings.gradientScale)
                        for place in group.range {
                            let gradient = scale * gradients[place] + decay * values[place]
                            let moved = momentum * velocity[place - start] + gradient
                            velocity[place - start] = moved
                            values[place] -= rate * (nesterov ? gradient + momentum * moved : moved)
                        }
                    }
                }
            }
        }
    }
}
