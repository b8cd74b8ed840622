import Autodiff
import Foundation
import Optimizers
import RandomStreams
import Testing

/// AdamW as its paper writes it, in double precision, one parameter at a time.
private struct AdamWTwin {
    var values: [Double]
    var first: [Double]
    var second: [Double]
    var step = 0

    init(_ values: [Float]) {
        self.values = values.map(Double.init)
        first = Array(repeating: 0, count: values.count)
        second = first
    }

    mutating func update(
        _ gradients: [Float], rate: Double, decay: Double, beta1: Double, beta2: Double, epsilon: Double,
        scale: Double
    ) {
        step += 1
        for i in values.indices {
            let g = Double(gradients[i]) * scale
            values[i] *= 1 - rate * decay
            first[i] = beta1 * first[i] + (1 - beta1) * g
            second[i] = beta2 * second[i] + (1 - beta2) * g * g
            let corrected = first[i] / (1 - pow(beta1, Double(step)))
            let root = (second[i] / (1 - pow(beta2, Double(step)))).squareRoot()
            values[i] -= rate * corrected / (root + epsilon)
        }
    }
}

@Suite struct AdamWTests {
    private let shapes: [(name: String, shape: Shape)] = [
        ("cls_token", [1, 1, 17]), ("fc.weight", [33, 7]), ("fc.bias", [33]), ("norm.weight", [5]),
        ("head.weight", [3, 5]),
    ]

    private func numbers(_ count: Int, _ name: String) -> [Float] {
        Initializers.normal(count: count, standardDeviation: 1, random: RandomStream(seed: 3).child(name))
    }

    private func makeStore() -> ParameterStore {
        var store = ParameterStore()
        for (name, shape) in shapes { _ = store.add(name, shape, numbers(shape.elementCount, name)) }
        return store
    }

    private func gradients(_ store: ParameterStore, step: Int) -> Gradients {
        var gradients = Gradients(for: store)
        let entries = gradients.entries
        gradients.withUnsafeMutableBuffer { buffer in
            for entry in entries {
                for (place, value) in zip(entry.range, numbers(entry.range.count, "\(entry.name) \(step)")) {
                    buffer[place] = value
                }
            }
        }
        return gradients
    }

    @Test(arguments: [(DecayRule.matrices, 1), (.matricesButTokens, 2)])
    func stepsAreThoseOfTheTwin(rule: DecayRule, threads: Int) throws {
        let engine = try Engine(threads: threads)
        var store = makeStore()
        let scale = { (name: String) in name == "head.weight" ? 0.25 : 1 }
        var optimizer = AdamW(
            for: store, ParameterGroup.each(of: store, treatment: rule.treatment(of:), scale: scale))
        var twins = store.ids.map { AdamWTwin(store[$0].array) }
        for step in 0..<6 {
            let gradients = gradients(store, step: step)
            let rate = 0.01 * Double(step)  // 0 at first: only the moments move
            optimizer.update(
                &store, gradients, StepSettings(learningRate: rate, weightDecay: 0.05, gradientScale: 0.5), on: engine)
            for (index, id) in store.ids.enumerated() {
                let name = store.entry(id).name
                let decayed = name == "fc.weight" || name == "head.weight" || (name == "cls_token" && rule == .matrices)
                twins[index].update(
                    gradients[id].array, rate: rate * scale(name), decay: decayed ? 0.05 : 0, beta1: 0.9, beta2: 0.95,
                    epsilon: 1e-8, scale: 0.5)
                let error = zip(store[id].array, twins[index].values).map { abs(Double($0) - $1) }.max() ?? 0
                #expect(error < 1e-6, "\(name) after step \(step)")
            }
        }
        #expect(optimizer.step == 6)
        for (index, id) in store.ids.enumerated() {
            let range = store.entry(id).range
            let first = optimizer.firstMoments.array[range]
            let second = optimizer.secondMoments.array[range]
            #expect(zip(first, twins[index].first).allSatisfy { abs(Double($0) - $1) < 1e-6 })
            #expect(zip(second, twins[index].second).allSatisfy { abs(Double($0) - $1) < 1e-6 })
        }
    }

    @Test func aRestoredOptimiserGoesOnWithTheSameBits() throws {
        let engine = try Engine(threads: 2)
        func make(_ store: ParameterStore) -> AdamW {
            AdamW(
                for: store, ParameterGroup.each(of: store, treatment: DecayRule.matrices.treatment(of:)), beta2: 0.999)
        }
        var store = makeStore()
        var optimizer = make(store)
        let settings = StepSettings(learningRate: 0.01, weightDecay: 0.1)
        for step in 0..<3 { optimizer.update(&store, gradients(store, step: step), settings, on: engine) }
        var resumed = makeStore()
        for id in store.ids { resumed.setValue(store[id], for: id) }
        var second = make(resumed)
        second.restore(
            Dictionary(uniqueKeysWithValues: optimizer.state.map { ($0.name, $0.values) }), step: optimizer.step)
        for step in 3..<6 {
            optimizer.update(&store, gradients(store, step: step), settings, on: engine)
            second.update(&resumed, gradients(resumed, step: step), settings, on: engine)
        }
        #expect(store.flat.array == resumed.flat.array)
        #expect(optimizer.firstMoments.array == second.firstMoments.array)
        #expect(optimizer.secondMoments.array == second.secondMoments.array)
    }

    @Test func parametersAreUpdatedInPlaceAndGapsStayZero() throws {
        let engine = try Engine(threads: 2)
        var store = makeStore()
        let before = store.flat.withUnsafeBuffer { $0.baseAddress }
        var optimizer = AdamW(
            for: store, ParameterGroup.each(of: store, treatment: DecayRule.matrices.treatment(of:)))
        optimizer.update(
            &store, gradients(store, step: 0), StepSettings(learningRate: 0.01, weightDecay: 0.05), on: engine)
        #expect(store.flat.withUnsafeBuffer { $0.baseAddress } == before)
        let used = Set(store.entries.map(\.range).joined())
        for (place, value) in store.flat.array.enumerated() where !used.contains(place) { #expect(value == 0) }
    }

    @Test func theNormCoversAllGradientsAndClippingBoundsIt() throws {
        let engine = try Engine(threads: 2)
        let store = makeStore()
        let gradients = gradients(store, step: 0)
        let expected = gradients.flat.array.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        let norm = gradients.norm(on: engine)
        #expect(abs(norm - expected) < 1e-12 * expected)
        #expect(clippingFactor(norm: norm, limit: 2 * norm) == 1)
        #expect(abs(clippingFactor(norm: 4, limit: 1) - 1 / 4.000001) < 1e-15)
        #expect(clippingFactor(norm: 0, limit: 1) == 1)
    }
}
