import Autodiff
import RandomStreams
import Testing

/// One row of the gradient table: a primitive with inputs, on the tape and as a double-precision twin.
struct GradientCase: Sendable, CustomTestStringConvertible {
    /// What the numbers of an input are like.
    enum Numbers: Sendable {
        /// Normal deviates.
        case any
        /// Between 0.5 and 2.
        case positive
        /// At least 0.1 away from 0.
        case awayFromZero
    }

    struct Input: Sendable {
        var shape: [Int]
        var numbers: Numbers

        init(_ shape: [Int], _ numbers: Numbers = .any) {
            self.shape = shape
            self.numbers = numbers
        }
    }

    var primitive: Primitive
    var name: String
    var inputs: [Input]
    /// Of the largest gradient, and of the largest result.
    var tolerance = 3e-6
    var tape: @Sendable (inout Tape, [Variable]) -> Variable
    var twin: @Sendable ([Doubles]) -> Doubles

    var testDescription: String { "\(primitive.rawValue) \(name)" }

    init(
        _ primitive: Primitive, _ name: String, _ inputs: [Input], tolerance: Double = 3e-6,
        tape: @escaping @Sendable (inout Tape, [Variable]) -> Variable,
        twin: @escaping @Sendable ([Doubles]) -> Doubles
    ) {
        self.primitive = primitive
        self.name = name
        self.inputs = inputs
        self.tolerance = tolerance
        self.tape = tape
        self.twin = twin
    }
}

/// Reproducible numbers for inputs, targets and cotangents.
func sampleValues(_ shape: [Int], _ numbers: GradientCase.Numbers = .any, stream name: String) -> [Float] {
    var random = RandomStream(seed: 20).child(name)
    return (0..<shape.reduce(1, *)).map { _ in
        switch numbers {
        case .any: Float(random.normal())
        case .positive: Float(0.5 + 1.5 * random.uniformDouble())
        case .awayFromZero:
            Float((0.1 + 1.5 * random.uniformDouble()) * (random.uniformDouble() < 0.5 ? -1 : 1))
        }
    }
}

func sampleDoubles(_ shape: [Int], _ numbers: GradientCase.Numbers = .any, stream name: String) -> Doubles {
    Doubles(shape, sampleValues(shape, numbers, stream: name).map(Double.init))
}

func sampleTensor(_ shape: [Int], _ numbers: GradientCase.Numbers = .any, stream name: String) -> Tensor {
    Tensor(sampleValues(shape, numbers, stream: name), Shape(shape))
}

/// How the inputs reach the primitive: each way takes other paths through the walk back.
enum Route: CaseIterable {
    /// Parameters; the gradients overwrite what was there.
    case parameters
    /// Parameters; the gradients are added to what is there.
    case addingToParameters
    /// Results of another operation; the gradient is the first to arrive.
    case intermediates
    /// Results of another operation with a gradient waiting already.
    case busyIntermediates
}

extension GradientCase {
    func values(_ index: Int) -> [Float] {
        sampleValues(inputs[index].shape, inputs[index].numbers, stream: "\(testDescription) \(index)")
    }

    func cotangent(_ shape: Shape) -> Tensor { sampleTensor(Array(shape), stream: "\(testDescription) cotangent") }

    /// What a busy intermediate has got before.
    func earlier(_ index: Int) -> [Float] {
        sampleValues(inputs[index].shape, stream: "\(testDescription) earlier \(index)")
    }

    /// Result and gradients on the tape; `trained` names the inputs that need a gradient.
    func run(on engine: Engine, _ route: Route, trained: Set<Int>? = nil) -> (result: Tensor, gradients: [[Float]]) {
        var store = ParameterStore()
        let ids = inputs.indices.map { store.add("input \($0)", Shape(inputs[$0].shape), values($0)) }
        var gradients = Gradients(for: store)
        if case .addingToParameters = route { gradients.fill { earlier($0) } }

        var tape = Tape(engine: engine)
        let variables = ids.enumerated().map { index, id -> Variable in
            if let trained, !trained.contains(index) { return tape.constant(store[id]) }
            let parameter = tape.parameter(id, of: store)
            switch route {
            case .parameters, .addingToParameters: return parameter
            case .intermediates, .busyIntermediates: return tape.scale(parameter, by: 1)
            }
        }
        let result = self.tape(&tape, variables)
        #expect(tape.primitives.contains(primitive.rawValue), "\(tape.primitives) do not name \(primitive)")
        let value = result.value
        let direction = cotangent(result.shape)
        switch route {
        case .parameters: tape.gradients(of: result, cotangent: direction, replacing: &gradients)
        case .addingToParameters: tape.gradients(of: result, cotangent: direction, adding: &gradients)
        case .intermediates: tape.gradients(of: result, cotangent: direction, replacing: &gradients)
        case .busyIntermediates:
            var loss = tape.sum(tape.multiply(result, tape.constant(direction)))
            for (index, variable) in variables.enumerated() {
                let weights = tape.constant(Tensor(earlier(index), variable.shape))
                loss = tape.add(loss, tape.sum(tape.multiply(variable, weights)))
            }
            tape.gradients(of: loss, replacing: &gradients)
        }
        return (value, ids.map { gradients[$0].array })
    }

    /// The twin's result and the central differences of its product with the cotangent.
    func reference() -> (result: Doubles, gradients: [[Double]]) {
        var points = inputs.indices.map { Doubles(inputs[$0].shape, values($0).map(Double.init)) }
        let result = twin(points)
        let direction = cotangent(Shape(result.shape)).array.map(Double.init)
        func projection() -> Double { zip(twin(points).values, direction).reduce(0) { $0 + $1.0 * $1.1 } }
        let gradients = inputs.indices.map { input in
            points[input].values.indices.map { element -> Double in
                let x = points[input].values[element]
                let h = 1e-5 * max(1, abs(x))
                points[input].values[element] = x + h
                let above = projection()
                points[input].values[element] = x - h
                let below = projection()
                points[input].values[element] = x
                return (above - below) / (2 * h)
            }
        }
        return (result, gradients)
    }
}

extension Gradients {
    /// Sets every gradient.
    fileprivate mutating func fill(_ values: (Int) -> [Float]) {
        let entries = entries
        withUnsafeMutableBuffer { buffer in
            for (index, entry) in entries.enumerated() {
                for (place, value) in zip(entry.range, values(index)) { buffer[place] = value }
            }
        }
    }
}

/// The largest difference over the largest expected size; absolute where everything expected is tiny.
func worstError(_ found: [Float], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    let size = max(expected.map(abs).max() ?? 0, 1e-2)
    let differences = zip(found, expected).map { abs(Double($0) - $1) }
    return differences.contains(where: \.isNaN) ? .infinity : (differences.max() ?? 0) / size
}
