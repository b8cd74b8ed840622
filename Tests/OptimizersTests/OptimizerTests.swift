import Autodiff
import Optimizers
import RandomStreams
import RecipeSchema
import Testing

/// SGD and LARS against plain double-precision twins, written from their formulas alone.
struct OptimizerTests {
    private struct Twin {
        var values: [Double]
        var buffer: [Double]
        init(_ values: [Float]) {
            self.values = values.map(Double.init)
            buffer = [Double](repeating: 0, count: values.count)
        }
    }

    private func store() -> ParameterStore {
        var store = ParameterStore()
        var stream = RandomStream(seed: 4)
        for (name, shape) in [("a.weight", [3, 7]), ("a.bias", [7]), ("b.weight", [5, 2])] as [(String, Shape)] {
            _ = store.add(name, shape, (0..<shape.elementCount).map { _ in Float(stream.normal()) })
        }
        return store
    }

    private func gradients(_ store: ParameterStore, _ step: Int, _ engine: Engine) -> Gradients {
        var gradients = Gradients(for: store)
        var stream = RandomStream(seed: UInt64(100 + step))
        gradients.withUnsafeMutableBuffer { buffer in
            for entry in store.entries { for place in entry.range { buffer[place] = Float(stream.normal()) } }
        }
        return gradients
    }

    @Test(arguments: [false, true])
    func stochasticGradientDescentIsThatOfTheTwin(nesterov: Bool) throws {
        let engine = try Engine(threads: 1)
        var store = store()
        var twins = store.ids.map { Twin(store[$0].array) }
        let groups = ParameterGroup.each(of: store, treatment: DecayRule.matrices.treatment(of:))
        var optimizer = SGD(for: store, groups, momentum: 0.8, nesterov: nesterov)
        for step in 0..<5 {
            let gradients = gradients(store, step, engine)
            optimizer.update(
                &store, gradients, StepSettings(learningRate: 0.1, weightDecay: 0.3, gradientScale: 0.5), on: engine)
            for (index, id) in store.ids.enumerated() {
                let decay = store.entry(id).shape.rank > 1 ? 0.3 : 0
                for (place, value) in gradients[id].array.enumerated() {
                    let gradient = 0.5 * Double(value) + decay * twins[index].values[place]
                    twins[index].buffer[place] = 0.8 * twins[index].buffer[place] + gradient
                    let move = nesterov ? gradient + 0.8 * twins[index].buffer[place] : twins[index].buffer[place]
                    twins[index].values[place] -= 0.1 * move
                }
                for (got, want) in zip(store[id].array, twins[index].values) { #expect(abs(Double(got) - want) < 1e-5) }
            }
        }
        #expect(optimizer.step == 5)
    }

    @Test func layerwiseRatesAreThoseOfTheTwin() throws {
        let engine = try Engine(threads: 1)
        var store = store()
        var twins = store.ids.map { Twin(store[$0].array) }
        let groups = ParameterGroup.each(of: store, treatment: DecayRule.matrices.treatment(of:))
        var optimizer = LARS(for: store, groups, momentum: 0.9, trustCoefficient: 0.02)
        for step in 0..<5 {
            let gradients = gradients(store, step, engine)
            optimizer.update(&store, gradients, StepSettings(learningRate: 0.5, weightDecay: 0.1), on: engine)
            for (index, id) in store.ids.enumerated() {
                let isMatrix = store.entry(id).shape.rank > 1
                let all = zip(gradients[id].array, twins[index].values).map { Double($0) + (isMatrix ? 0.1 * $1 : 0) }
                func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
                let ratio = isMatrix ? 0.02 * norm(twins[index].values) / norm(all) : 1
                for (place, gradient) in all.enumerated() {
                    twins[index].buffer[place] = 0.9 * twins[index].buffer[place] + ratio * gradient
                    twins[index].values[place] -= 0.5 * twins[index].buffer[place]
                }
                for (got, want) in zip(store[id].array, twins[index].values) { #expect(abs(Double(got) - want) < 1e-5) }
            }
        }
    }

    /// A parameter or a gradient that is zero has no norm to share: its factor is 1.
    @Test func aParameterOfZerosIsNotFrozen() throws {
        let engine = try Engine(threads: 1)
        var store = ParameterStore()
        let id = store.add("w", [2, 2], [0, 0, 0, 0])
        var gradients = Gradients(for: store)
        gradients.withUnsafeMutableBuffer { $0[0] = 1 }
        var optimizer = LARS(for: store, ParameterGroup.each(of: store, treatment: { _ in .decayed }))
        optimizer.update(&store, gradients, StepSettings(learningRate: 1), on: engine)
        #expect(store[id].array == [-1, 0, 0, 0])
    }
}
