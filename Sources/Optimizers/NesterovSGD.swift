public import Autodiff

/// Stochastic gradient descent with Nesterov's momentum, as PyTorch's: v ← μv + g, w ← w − η(g + μv).
///
/// No weight decay; the velocity starts at 0.
public struct NesterovSGD: Sendable {
    private let momentum: Float
    private var velocity: [Float]

    /// An optimiser at rest for a store.
    public init(for store: ParameterStore, momentum: Double = 0.9) {
        self.momentum = Float(momentum)
        velocity = [Float](repeating: 0, count: store.flatCount)
    }

    /// Takes one step.
    public mutating func update(_ parameters: inout ParameterStore, _ gradients: Gradients, learningRate: Double) {
        let (momentum, rate) = (momentum, Float(learningRate))
        parameters.withUnsafeMutableBuffer { values in
            gradients.flat.withUnsafeBuffer { gradients in
                for place in values.indices {
                    velocity[place] = momentum * velocity[place] + gradients[place]
                    values[place] -= rate * (gradients[place] + momentum * velocity[place])
                }
            }
        }
    }
}
