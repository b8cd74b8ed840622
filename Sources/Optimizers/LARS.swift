public import Autodiff
public import RecipeSchema

/// The options of LARS.
public struct LARSOptions: OptimizerOptions {
    /// The name in recipes.
    public static let name = "lars"
    /// Decay rate of the momentum buffer.
    public var momentum = 0.9
    /// The share κ of a parameter's norm that a gradient is scaled to.
    public var trustCoefficient = 0.001

    /// The setting of MAE's linear probe.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("momentum", \.momentum, in: .decayRate, "Decay rate of the momentum buffer."),
        Field(
            "trust_coefficient", \.trustCoefficient, in: .between(0, 1000),
            "Share of a parameter's norm that its gradient is scaled to."),
    ]

    /// An optimiser at rest.
    public func makeOptimizer(for store: ParameterStore, _ groups: [ParameterGroup]) -> any Optimizer {
        LARS(for: store, groups, momentum: momentum, trustCoefficient: trustCoefficient)
    }
}

/// Layer-wise adaptive rates (You, Gitman, Ginsburg, arXiv 1708.03888), as MAE's linear probe has it.
///
/// Of decayed parameters g ← g + λθ; of those with more than one axis g ← g·κ‖θ‖/‖g‖ where both norms are positive; of all
/// μ ← 0.9μ + g, θ ← θ − ημ. Norms are summed in double precision, parameter by parameter.
public struct LARS: Optimizer {
    /// Steps taken.
    public private(set) var step = 0
    private var buffer: Tensor
    private let momentum: Float
    private let trust: Double
    private let groups: [ParameterGroup]

    /// An optimiser at rest for a store; each group is one parameter.
    public init(
        for store: ParameterStore, _ groups: [ParameterGroup], momentum: Double = 0.9, trustCoefficient: Double = 0.001
    ) {
        buffer = Tensor(zeros: [store.flatCount])
        self.momentum = Float(momentum)
        trust = trustCoefficient
        self.groups = groups
    }

    /// The momentum buffer.
    public var state: [(name: String, values: Tensor)] { [("momentum", buffer)] }

    /// Norms are those of whole parameters.
    public mutating func restrict(to slice: Range<Int>) -> Bool { false }

    /// Goes on from a checkpoint.
    public mutating func restore(_ state: [String: Tensor], step: Int) {
        if let values = state["momentum"] { buffer = values }
        self.step = step
    }

    /// Takes one step.
    public mutating func update(
        _ parameters: inout ParameterStore, _ gradients: Gradients, _ settings: StepSettings, on engine: Engine
    ) {
        step += 1
        let (momentum, trust, groups) = (momentum, trust, groups)
        parameters.withUnsafeMutableBuffer { values in
            gradients.flat.withUnsafeBuffer { gradients in
                buffer.withUnsafeMutableBuffer { buffer in
                    for group in groups {
                        let asked = settings.values(for: group)
                        let (rate, decay) = (Float(asked.rate), Float(asked.decay))
                        let scale = Float(settings.gradientScale)
                        func gradient(_ place: Int) -> Float { scale * gradients[place] + decay * values[place] }
                        var ratio: Float = 1
                        if group.isMatrix {
                            let own = group.range.reduce(0) { $0 + Double(values[$1]) * Double(values[$1]) }
                            let other = group.range.reduce(0) { $0 + Double(gradient($1)) * Double(gradient($1)) }
                            if own > 0 && other > 0 { ratio = Float(trust * (own / other).squareRoot()) }
                        }
                        for place in group.range {
                            buffer[place] = momentum * buffer[place] + ratio * gradient(place)
                            values[place] -= rate * buffer[place]
                        }
                    }
                }
            }
        }
    }
}
