public import Autodiff
import CPalimpsestKernels
import Foundation

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101) over the flat buffers of a parameter store.
///
/// θ ← θ(1 − ηλ); moments as in Adam; θ ← θ − η m̂/(√v̂ + ε): PyTorch's order of operations. Each parameter is decayed, not
/// decayed or left alone, and may have a factor on the rate.
public struct AdamW: Sendable {
    /// The first moments, laid out as the store.
    public private(set) var firstMoments: Tensor
    /// The second moments, laid out as the store.
    public private(set) var secondMoments: Tensor
    /// Steps taken.
    public private(set) var step = 0
    /// The decay λ of decayed parameters; a schedule may change it between steps.
    public var weightDecay: Double

    private let beta1: Double
    private let beta2: Double
    private let epsilon: Double
    private let groups: [Group]

    /// Neighbouring parameters with the same decay and factor: one pass of the kernel.
    private struct Group {
        var range: Range<Int>
        var isDecayed: Bool
        var scale: Double
    }

    /// An optimiser at step 0 for a store; `treatment` says what is decayed, `scale` gives the factor on the rate of a
    /// parameter by its name.
    public init(
        for store: ParameterStore, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
        treatment: (ParameterEntry) -> ParameterTreatment, scale: (String) -> Double = { _ in 1 }
    ) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        firstMoments = Tensor(zeros: [store.flatCount])
        secondMoments = Tensor(zeros: [store.flatCount])
        var groups: [Group] = []
        for entry in store.entries {
            let treatment = treatment(entry)
            if treatment == .idle { continue }
            let isDecayed = treatment == .decayed
            let factor = scale(entry.name)
            // The padding between neighbours is zero and stays zero, so one pass may run over it.
            if let last = groups.last, last.isDecayed == isDecayed, last.scale == factor,
                entry.range.lowerBound - last.range.upperBound < 16
            {
                groups[groups.count - 1].range = last.range.lowerBound..<entry.range.upperBound
            } else {
                groups.append(Group(range: entry.range, isDecayed: isDecayed, scale: factor))
            }
        }
        self.groups = groups
    }

    /// Goes on from a checkpoint's moments and step.
    public mutating func restore(firstMoments: Tensor, secondMoments: Tensor, step: Int) {
        precondition(
            firstMoments.count == self.firstMoments.count && secondMoments.count == self.secondMoments.count,
            "moments of \(firstMoments.count) and \(secondMoments.count) numbers for \(self.firstMoments.count)")
        self.firstMoments = firstMoments
        self.secondMoments = secondMoments
        self.step = step
    }

    /// Takes one step. The gradients are multiplied by `gradientScale` on the way, as clipping asks.
    public mutating func update(
        _ parameters: inout ParameterStore, _ gradients: Gradients, learningRate: Double, gradientScale: Double = 1,
        on engine: Engine
    ) {
        step += 1
        let groups = groups
        let decay = weightDecay
        var options = pal_adamw(
            learning_rate: 0, beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: 0,
            correction1: 1 - pow(beta1, Double(step)), correction2: 1 - pow(beta2, Double(step)))
        parameters.withUnsafeMutableBuffer { p in
            gradients.flat.withUnsafeBuffer { g in
                firstMoments.withUnsafeMutableBuffer { m in
                    secondMoments.withUnsafeMutableBuffer { v in
                        guard let p = p.baseAddress, let g = g.baseAddress, let m = m.baseAddress,
                            let v = v.baseAddress
                        else { return }
                        for group in groups {
                            options.learning_rate = learningRate * group.scale
                            options.weight_decay = group.isDecayed ? decay : 0
                            let start = group.range.lowerBound
                            pal_adamw_step(
                                engine.handle, group.range.count, p + start, g + start, m + start, v + start, options,
                                Float(gradientScale))
                        }
                    }
                }
            }
        }
    }
}
