import Foundation
import Palimpsest

extension Tape {
    /// a·exp(−b·t) at fixed times: one operation with a gradient of its own, where the tape's primitives would record three.
    mutating func decay(_ a: Variable, _ b: Variable, at times: [Float]) -> Variable {
        let (height, rate) = (a.value.item, b.value.item)
        let falls = times.map { Foundation.exp(-rate * $0) }
        let y = engine.tensor([times.count]) { y in for i in y.indices { y[i] = height * falls[i] } }
        return record("decay", y, inputs: [a, b]) { gradient, _ in
            // ∂y/∂a = exp(−b·t), ∂y/∂b = −a·t·exp(−b·t); a constant input is not worked for.
            let dy = gradient.array
            let da = dy.indices.reduce(Float(0)) { $0 + dy[$1] * falls[$1] }
            let db = dy.indices.reduce(Float(0)) { $0 - dy[$1] * height * times[$1] * falls[$1] }
            return [a.needsGradient ? Tensor([da], []) : nil, b.needsGradient ? Tensor([db], []) : nil]
        }
    }
}

/// Fits a curve through points by a primitive that Palimpsest does not have.
@main
enum OwnPrimitive {
    static func main() throws {
        let engine = try Engine(threads: 1)
        let times = (0..<20).map { Float($0) / 5 }
        let points = Tensor(times.map { 2 * exp(-0.7 * $0) }, [times.count])

        // First of all: is the gradient that of the function?
        let check = GradientCheck([Tensor([1.3], []), Tensor([0.4], [])], on: engine) { tape, inputs in
            tape.decay(inputs[0], inputs[1], at: times)
        }
        print("gradient against differences:", check)
        guard check.worstError < 1e-3 else { exit(1) }

        var parameters = ParameterStore()
        let a = parameters.add("a", [], [1])
        let b = parameters.add("b", [], [0.1])
        var loss = Float.infinity
        for step in 0...200 {
            var tape = Tape(engine: engine)
            let curve = tape.decay(tape.parameter(a, of: parameters), tape.parameter(b, of: parameters), at: times)
            let error = tape.meanSquared(curve, target: points)
            loss = error.value.item
            if step % 25 == 0 { print("step \(step): loss \(loss), through", tape.primitives.joined(separator: ", ")) }
            let gradients = tape.gradients(of: error, for: parameters)
            for id in parameters.ids {
                parameters.setValue(Tensor([parameters[id].item - 0.3 * gradients[id].item], []), for: id)
            }
        }
        print("a = \(parameters[a].item), b = \(parameters[b].item); the points have 2 and 0.7")
        let isFound = abs(parameters[a].item - 2) < 0.01 && abs(parameters[b].item - 0.7) < 0.01
        guard loss < 1e-4, isFound else { exit(1) }
    }
}
