import Autodiff
import PretrainingMethods
import RandomStreams
import Testing
import TrainingStep

struct MovingAverageTests {
    /// A store of odd sizes, so that vectors have tails and parameters gaps.
    private func store(_ seed: UInt64, extra: Bool = false) -> ParameterStore {
        var store = ParameterStore()
        var stream = RandomStream(seed: seed)
        for (name, count) in [("a", 1), ("b", 131), ("c", 70_001)] + (extra ? [("d", 5)] : []) {
            _ = store.add(name, [count], (0..<count).map { _ in Float(stream.normal()) })
        }
        return store
    }

    private func averaged(threads: Int, momentum: Double) throws -> ParameterStore {
        var average = MovingAverage(of: store(1), prefix: "slow_")
        average.update(from: store(2, extra: true), momentum: momentum, on: try Engine(threads: threads))
        return average.parameters
    }

    @Test func itMovesByTheShareOfTheNew() throws {
        let (old, new) = (store(1), store(2))
        let result = try averaged(threads: 2, momentum: 0.996)
        for id in result.ids {
            for (place, value) in result[id].array.enumerated() {
                let expected = 0.996 * Double(old[id].array[place]) + 0.004 * Double(new[id].array[place])
                #expect(abs(Double(value) - expected) < 1e-6)
                if abs(Double(value) - expected) >= 1e-6 { return }
            }
        }
    }

    @Test func threadsChangeNoBit() throws {
        let one = try averaged(threads: 1, momentum: 0.99).flat.array
        for threads in [2, 3, 8] { #expect(try averaged(threads: threads, momentum: 0.99).flat.array == one) }
    }

    @Test func aMomentumOfOneKeepsAndOfZeroCopies() throws {
        #expect(try averaged(threads: 2, momentum: 1).flat.array == store(1).flat.array)
        #expect(try averaged(threads: 2, momentum: 0).flat.array == store(2).flat.array)
    }

    @Test func whatIsEqualStaysEqual() throws {
        var average = MovingAverage(of: store(3), prefix: "")
        let engine = try Engine(threads: 2)
        for _ in 0..<50 { average.update(from: store(3), momentum: 0.9996, on: engine) }
        let (start, end) = (store(3).flat.array, average.parameters.flat.array)
        let drift = zip(start, end).map { abs($0 - $1) / max(abs($0), 1e-20) }.max() ?? 1
        #expect(drift < 2e-6)
    }

    @Test func stateHasPrefixedNamesAndCanBeSet() {
        var average = MovingAverage(of: store(1), prefix: "slow_")
        #expect(average.state.keys.sorted() == ["slow_a", "slow_b", "slow_c"])
        average.state = ["slow_a": Tensor([7], [1])]
        #expect(average.parameters["a"]?.array == [7])
        #expect(average.parameters["b"]?.array == store(1)["b"]?.array)
        average.restart(from: store(2))
        #expect(average.parameters.flat.array == store(2).flat.array)
    }

    @Test func anotherStoreIsOurOwnMistake() async {
        await #expect(processExitsWith: .failure) {
            var one = ParameterStore()
            _ = one.add("a", [1], [0])
            var average = MovingAverage(of: one, prefix: "")
            var other = ParameterStore()
            _ = other.add("b", [1], [0])
            average.update(from: other, momentum: 0.5, on: try Engine(threads: 1))
        }
    }

    @Test func momentumGoesEvenlyOverTheStretchedRun() {
        func momentum(_ step: Int) -> Double {
            TrainingProgress(step: step, stepsPerEpoch: 4, epochs: 2, scheduleScale: 1.25).momentum(from: 0.8, to: 1)
        }
        #expect(momentum(0) == 0.8 && abs(momentum(5) - 0.9) < 1e-12 && momentum(7) < 1)
    }
}
