public import Autodiff
public import RandomStreams

/// Weight `[out, in]` and, if there is one, bias of a linear layer.
public struct LinearParameters: Sendable {
    /// The weight.
    public let weight: ParameterID
    /// The bias.
    public let bias: ParameterID?

    /// Adds `name.weight` and `name.bias` to a store; each is drawn from the stream's child of its name.
    ///
    /// The bias is zero, or drawn by its own law. `divisor` divides the weight.
    public init(
        _ name: String, _ inputs: Int, _ outputs: Int, hasBias: Bool = true, weight law: InitialLaw = .xavierUniform,
        bias biasLaw: InitialLaw = .zero, dividedBy divisor: Float = 1, _ store: inout ParameterStore,
        _ random: RandomStream
    ) {
        weight = store.add(
            "\(name).weight", [outputs, inputs],
            law.values(
                inputs * outputs, inputs: inputs, outputs: outputs, dividedBy: divisor, random.child("\(name).weight")))
        guard hasBias else {
            bias = nil
            return
        }
        let biases = biasLaw.values(outputs, inputs: inputs, outputs: outputs, random.child("\(name).bias"))
        bias = store.add("\(name).bias", [outputs], biases)
    }

    /// x · weightᵀ + bias, then the epilogue; `bias` is used for a layer without one of its own.
    public func callAsFunction(
        _ x: Variable, _ store: ParameterStore, bias other: Variable? = nil, then epilogue: Epilogue = .none,
        _ tape: inout Tape
    ) -> Variable {
        let weight = tape.parameter(weight, of: store)
        let own = bias.map { tape.parameter($0, of: store) }
        return tape.linear(x, weight: weight, bias: own ?? other, then: epilogue)
    }
}

/// Scale and shift of a layer norm: ones and zeros.
public struct NormParameters: Sendable {
    /// The scale.
    public let weight: ParameterID
    /// The shift.
    public let bias: ParameterID
    private let epsilon: Float

    /// Adds `name.weight` and `name.bias` to a store.
    public init(_ name: String, _ width: Int, epsilon: Float = 1e-6, _ store: inout ParameterStore) {
        weight = store.add("\(name).weight", [width], [Float](repeating: 1, count: width))
        bias = store.add("\(name).bias", [width], [Float](repeating: 0, count: width))
        self.epsilon = epsilon
    }

    /// The normalised rows of x.
    public func callAsFunction(_ x: Variable, _ store: ParameterStore, _ tape: inout Tape) -> Variable {
        let weight = tape.parameter(weight, of: store)
        let bias = tape.parameter(bias, of: store)
        return tape.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
    }
}
