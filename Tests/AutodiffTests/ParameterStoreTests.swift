import Autodiff
import RandomStreams
import Testing

@Suite struct ParameterStoreTests {
    @Test func parametersBeginAtCacheLinesAndGapsAreZero() {
        var store = ParameterStore()
        let first = store.add("a", [3], [1, 2, 3])
        let second = store.add("b", [4, 5], (0..<20).map(Float.init))
        let third = store.add("c", [], [7])
        #expect(store.entries.map(\.name) == ["a", "b", "c"])
        #expect(store.entries.map(\.range) == [0..<3, 16..<36, 48..<49])
        #expect(store.flatCount == 64)
        #expect(store.ids == [first, second, third])
        #expect(store.id(named: "b") == second)
        #expect(store.id(named: "d") == nil)
        #expect(store[second].shape == [4, 5])
        #expect(store["c"]?.item == 7)
        let used = Set([0..<3, 16..<36, 48..<49].joined())
        for (place, value) in store.flat.array.enumerated() where !used.contains(place) { #expect(value == 0) }
    }

    @Test func manyParametersKeepTheirValues() {
        var store = ParameterStore()
        for i in 0..<100 { _ = store.add("\(i)", [i], Array(repeating: Float(i), count: i)) }
        for (i, id) in store.ids.enumerated() { #expect(store[id].array == Array(repeating: Float(i), count: i)) }
    }

    @Test func settingAValueLeavesCopiesAlone() {
        var store = ParameterStore()
        let id = store.add("a", [2], [1, 2])
        let other = store.add("b", [1], [3])
        let copy = store
        let value = store[id]
        store.setValue(Tensor([5, 6], [2]), for: id)
        #expect(store[id].array == [5, 6])
        #expect(store[other].array == [3])
        #expect(copy[id].array == [1, 2])
        #expect(value.array == [1, 2])
    }

    @Test func gradientsAddAndScale() throws {
        let engine = try Engine(threads: 1)
        var store = ParameterStore()
        let id = store.add("a", [2], [1, 2])
        var gradients = Gradients(for: store)
        gradients.withUnsafeMutableBuffer { $0[1] = 3 }
        var sum = gradients
        sum.add(gradients, on: engine)
        sum.scale(by: 0.5, on: engine)
        gradients.scale(by: 4, on: engine)
        #expect(sum[id].array == [0, 3])
        #expect(gradients["a"]?.array == [0, 12])
    }
}

@Suite struct InitializerTests {
    private let stream = RandomStream(seed: 4)

    private func moments(_ values: [Float]) -> (mean: Double, deviation: Double) {
        let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
        let variance = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(values.count)
        return (mean, variance.squareRoot())
    }

    @Test func xavierUniformFillsItsInterval() {
        let values = Initializers.xavierUniform(count: 20_000, fanIn: 100, fanOut: 50, random: stream)
        #expect(values.allSatisfy { abs($0) <= 0.2 })
        #expect((values.max() ?? 0) > 0.199 && (values.min() ?? 0) < -0.199)
        let (mean, deviation) = moments(values)
        #expect(abs(mean) < 0.004)
        #expect(abs(deviation - 0.2 / 3.0.squareRoot()) < 0.002)
    }

    @Test func normalHasItsDeviation() {
        let (mean, deviation) = moments(Initializers.normal(count: 20_000, standardDeviation: 0.02, random: stream))
        #expect(abs(mean) < 6e-4)
        #expect(abs(deviation - 0.02) < 4e-4)
    }

    @Test func truncatedNormalStaysWithinItsBounds() {
        let values = Initializers.truncatedNormal(
            count: 20_000, standardDeviation: 1, bounds: -0.5...1, random: stream)
        #expect(values.allSatisfy { $0 >= -0.5 && $0 <= 1 })
        #expect((values.max() ?? 0) > 0.99 && (values.min() ?? 0) < -0.49)
        // (φ(-0.5) − φ(1)) / (Φ(1) − Φ(−0.5))
        #expect(abs(moments(values).mean - 0.20640) < 0.012)
    }

    @Test func theSameStreamGivesTheSameValues() {
        let values = Initializers.normal(count: 5, standardDeviation: 1, random: stream)
        #expect(Initializers.normal(count: 5, standardDeviation: 1, random: stream) == values)
        #expect(Initializers.normal(count: 5, standardDeviation: 1, random: stream.child("other")) != values)
    }
}
