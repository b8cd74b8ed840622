import RandomStreams

/// Compares the gradients of a function on a tape with differences of its results: how a primitive of one's own is tested.
///
/// The results are float32, so a right pullback is off by some 1e-5 of the largest gradient, by 1e-3 where results are large
/// against it; a wrong one by much more. Choose inputs away from kinks.
public struct GradientCheck: Sendable, CustomStringConvertible {
    /// The largest difference, over the largest gradient of the same input (over 0.01 where all are smaller).
    public private(set) var worstError = 0.0
    /// The input that it belongs to.
    public private(set) var input = 0
    /// The element of that input.
    public private(set) var element = 0
    /// The gradient that the tape says.
    public private(set) var walked = 0.0
    /// The gradient by differences.
    public private(set) var measured = 0.0

    /// Checks the gradients of all `inputs` through a fixed random projection of the result, every element by four more
    /// evaluations: the inputs are small.
    public init(
        _ inputs: [Tensor], on engine: Engine, _ function: (_ tape: inout Tape, _ inputs: [Variable]) -> Variable
    ) {
        var store = ParameterStore()
        let ids = inputs.enumerated().map { store.add("input \($0)", $1.shape, $1.array) }
        var tape = Tape(engine: engine)
        let result = function(&tape, ids.map { tape.parameter($0, of: store) })
        var random = RandomStream(seed: 1).child("gradient check")
        let direction = (0..<result.value.count).map { _ in Float(random.normal()) }
        let gradients = tape.gradients(of: result, cotangent: Tensor(direction, result.shape), for: store)

        func projection(_ input: Int, _ values: [Float]) -> Double {
            var tape = Tape(engine: engine, recording: false)
            let points = inputs.enumerated().map { tape.constant($0 == input ? Tensor(values, $1.shape) : $1) }
            return zip(function(&tape, points).value.array, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        for (input, id) in ids.enumerated() {
            let values = inputs[input].array
            let measured = values.indices.map { element -> Double in
                let step = max(1, abs(values[element])) / 64
                func at(_ steps: Float) -> Double {
                    var moved = values
                    moved[element] += steps * step
                    return projection(input, moved)
                }
                return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * Double(step))
            }
            note(gradients[id].array.map(Double.init), measured, input)
        }
    }

    /// Remembers the worst element of an input where it is worse than all before.
    private mutating func note(_ walked: [Double], _ measured: [Double], _ input: Int) {
        let size = measured.reduce(0.01) { max($0, abs($1)) }
        for element in measured.indices {
            let difference = abs(walked[element] - measured[element]) / size
            let error = difference.isNaN ? .infinity : difference
            guard error > worstError else { continue }
            (worstError, self.input, self.element) = (error, input, element)
            (self.walked, self.measured) = (walked[element], measured[element])
        }
    }

    /// One sentence: the worst element.
    public var description: String {
        "largest error \(worstError) at element \(element) of input \(input): \(walked) by the tape, \(measured) by differences"
    }
}
