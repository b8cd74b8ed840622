public import Autodiff
import CPalimpsestKernels
import Foundation
public import RecipeSchema

/// The options of AdamW.
public struct AdamWOptions: OptimizerOptions {
    /// The name in recipes.
    public static let name = "adamw"
    /// Decay rates of the two moments.
    public var betas = [0.9, 0.95]
    /// What is added to the root of the second moment.
    public var eps = 1e-8

    /// MAE's setting.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "betas", \.betas,
            in: .list(2...2, of: .range(0..<1)),
            "Decay rates of the two moments."),
        Field("eps", \.eps, in: .closed(1e-30...1), "What is added to the root of the second moment."),
    ]

    /// An optimiser at step 0.
    public func makeOptimizer(for store: ParameterStore, _ groups: [ParameterGroup]) -> any Optimizer {
        AdamW(for: store, groups, beta1: betas[0], beta2: betas[1], epsilon: eps)
    }
}

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101) over the flat buffers of a parameter store.
///
/// θ ← θ(1 − ηλ); moments as in Adam; θ ← θ − η m̂/(√v̂ + ε): PyTorch's order of operations. Each parameter is decayed, not
/// decayed or left alone, and may have a factor on the rate.
public struct AdamW: Optimizer {
    /// The first moments, laid out as the store or as the stretch of it that is kept.
    public private(set) var firstMoments: Tensor
    /// The second moments, like the first.
    public private(set) var secondMoments: Tensor
    /// Steps taken.
    public private(set) var step = 0

    private let beta1: Double
    private let beta2: Double
    private let epsilon: Double
    /// Neighbours that are treated alike are one pass of the kernel.
    private var groups: [ParameterGroup]
    /// Where the kept stretch begins in the flat buffer.
    private var start = 0

    /// An optimiser at step 0 for a store.
    public init(
        for store: ParameterStore, _ groups: [ParameterGroup], beta1: Double = 0.9, beta2: Double = 0.95,
        epsilon: Double = 1e-8
    ) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.groups = ParameterGroup.joined(groups)
        firstMoments = Tensor(zeros: [store.flatCount])
        secondMoments = Tensor(zeros: [store.flatCount])
    }

    /// The moments.
    public var state: [(name: String, values: Tensor)] {
        [("first_moment", firstMoments), ("second_moment", secondMoments)]
    }

    /// Each number is changed by itself.
    public mutating func restrict(to slice: Range<Int>) -> Bool {
        groups = ParameterGroup.clipped(groups, to: slice)
        firstMoments = Tensor(zeros: [slice.count])
        secondMoments = Tensor(zeros: [slice.count])
        start = slice.lowerBound
        return true
    }

    /// Goes on from a checkpoint's moments and step.
    public mutating func restore(_ state: [String: Tensor], step: Int) {
        if let values = state["first_moment"] { firstMoments = values }
        if let values = state["second_moment"] { secondMoments = values }
        self.step = step
    }

    /// Takes one step.
    public mutating func update(
        _ parameters: inout ParameterStore, _ gradients: Gradients, _ settings: StepSettings, on engine: Engine
    ) {
        step += 1
        let (groups, step, epsilon, kept) = (groups, step, epsilon, start)
        func kernel(_ beta1: Double, _ beta2: Double) -> pal_adamw {
            pal_adamw(
                learning_rate: 0, beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: 0,
                correction1: 1 - pow(beta1, Double(step)), correction2: 1 - pow(beta2, Double(step)))
        }
        let usual = kernel(beta1, beta2)
        let own = settings.own.map { kernel($0.betas[0], $0.betas[1]) } ?? usual
        parameters.withUnsafeMutableBuffer { p in
            gradients.flat.withUnsafeBuffer { g in
                firstMoments.withUnsafeMutableBuffer { m in
                    secondMoments.withUnsafeMutableBuffer { v in
                        guard let p = p.baseAddress, let g = g.baseAddress, let m = m.baseAddress,
                            let v = v.baseAddress
                        else { return }
                        for group in groups {
                            var options = group.isOwn ? own : usual
                            (options.learning_rate, options.weight_decay) = settings.values(for: group)
                            let start = group.range.lowerBound
                            pal_adamw_step(
                                engine.handle, group.range.count, p + start, g + start, m + (start - kept),
                                v + (start - kept), options, Float(settings.gradientScale))
                        }
                    }
                }
            }
        }
    }
}
