public import Autodiff
public import RandomStreams

/// Weight `[out, in]` and bias of a linear layer: Xavier uniform and zero.
public struct LinearParameters: Sendable {
    /// The weight.
    public let weight: ParameterID
    /// The bias.
    public let bias: ParameterID

    /// Adds `name.weight` and `name.bias` to a store; each is drawn from the stream's child of its name.
    public init(_ name: String, _ inputs: Int, _ outputs: Int, _ store: inout ParameterStore, _ random: RandomStream) {
        let values = Initializers.xavierUniform(
            count: inputs * outputs, fanIn: inputs, fanOut: outputs, random: random.child("\(name).weight"))
        weight = store.add("\(name).weight", [outputs, inputs], values)
        bias = store.add("\(name).bias", [outputs], [Float](repeating: 0, count: outputs))
    }

    /// x · weightᵀ + bias, then the epilogue.
    public func callAsFunction(
        _ x: Variable, _ store: ParameterStore, then epilogue: Epilogue = .none, _ tape: inout Tape
    ) -> Variable {
        let weight = tape.parameter(weight, of: store)
        let bias = tape.parameter(bias, of: store)
        return tape.linear(x, weight: weight, bias: bias, then: epilogue)
    }
}

/// Scale and shift of a layer norm: ones and zeros.
public struct NormParameters: Sendable {
    /// The scale.
    public let weight: ParameterID
    /// The shift.
    public let bias: ParameterID

    /// Adds `name.weight` and `name.bias` to a store.
    public init(_ name: String, _ width: Int, _ store: inout ParameterStore) {
        weight = store.add("\(name).weight", [width], [Float](repeating: 1, count: width))
        bias = store.add("\(name).bias", [width], [Float](repeating: 0, count: width))
    }

    /// The normalised rows of x, ε = 1e-6.
    public func callAsFunction(_ x: Variable, _ store: ParameterStore, _ tape: inout Tape) -> Variable {
        let weight = tape.parameter(weight, of: store)
        let bias = tape.parameter(bias, of: store)
        return tape.layerNorm(x, weight: weight, bias: bias, epsilon: 1e-6)
    }
}
