import Autodiff
import Foundation
import Testing

/// Primitives as another module would add them: only what is public.
extension Tape {
    /// x³, element by element; `factor` stands for a mistake in the pullback.
    fileprivate mutating func cube(_ x: Variable, factor: Float = 3) -> Variable {
        let value = x.value
        let y = engine.tensor(x.shape) { y in
            value.withUnsafeBuffer { x in for i in x.indices { y[i] = x[i] * x[i] * x[i] } }
        }
        return record("cube", y, inputs: [x]) { gradient, engine in
            [
                engine.tensor(gradient.shape) { dx in
                    gradient.withUnsafeBuffer { dy in
                        value.withUnsafeBuffer { x in for i in x.indices { dx[i] = factor * x[i] * x[i] * dy[i] } }
                    }
                }
            ]
        }
    }

    /// Σ aᵢbᵢ by rows, [rows, columns] to [rows]: two inputs, another shape.
    fileprivate mutating func rowDot(_ a: Variable, _ b: Variable) -> Variable {
        let (rows, columns) = (a.shape[0], a.shape[1])
        let (left, right) = (a.value.array, b.value.array)
        let sums = (0..<rows).map { r in
            (r * columns..<(r + 1) * columns).reduce(Float(0)) { $0 + left[$1] * right[$1] }
        }
        func spread(_ gradient: Tensor, _ other: [Float]) -> Tensor {
            let dy = gradient.array
            return Tensor(other.indices.map { dy[$0 / columns] * other[$0] }, [rows, columns])
        }
        return record("rowDot", Tensor(sums, [rows]), inputs: [a, b]) { gradient, _ in
            [a.needsGradient ? spread(gradient, right) : nil, b.needsGradient ? spread(gradient, left) : nil]
        }
    }
}

@Suite struct OwnPrimitiveTests {
    private func engine() throws -> Engine { try Engine(threads: 2, poisonsBuffers: true) }

    @Test func aChainOfTwoHasTheGradientsThatDifferencesTell() throws {
        let inputs = [sampleTensor([3, 5], stream: "left"), sampleTensor([3, 5], stream: "right")]
        let check = GradientCheck(inputs, on: try engine()) { tape, v in
            // The first is used twice, by two primitives; the middle is seen under another shape.
            let cubes = tape.cube(v[0]).reshaped([5, 3]).reshaped([3, 5])
            return tape.cube(tape.rowDot(tape.add(cubes, v[0]), v[1]).reshaped([1, 3]))
        }
        #expect(check.worstError > 0 && check.worstError < 1e-3, "\(check)")
    }

    @Test func aWrongPullbackIsFound() throws {
        let check = GradientCheck([sampleTensor([4], stream: "wrong")], on: try engine()) { tape, v in
            tape.cube(v[0], factor: 3.1)
        }
        #expect(check.worstError > 0.02, "\(check)")
    }

    @Test func whatIsRecordedIsListedByItsName() throws {
        var store = ParameterStore()
        let id = store.add("x", [2, 2], [1, 2, 3, 4])
        var tape = Tape(engine: try engine())
        let x = tape.parameter(id, of: store)
        let loss = tape.sum(tape.rowDot(tape.cube(x), x))
        #expect(tape.primitives == ["cube", "rowDot", "sum"])
        // Σ x⁴
        #expect(tape.gradients(of: loss, for: store)[id].array == [4, 32, 108, 256])
    }

    @Test func anInputThatIsNamedTwiceGetsTheSum() throws {
        var store = ParameterStore()
        let id = store.add("x", [1, 3], [1, 2, 3])
        for throughAnother in [false, true] {
            var tape = Tape(engine: try engine())
            let parameter = tape.parameter(id, of: store)
            let x = throughAnother ? tape.scale(parameter, by: 1) : parameter
            let loss = tape.sum(tape.rowDot(x, x))
            #expect(tape.gradients(of: loss, for: store)[id].array == [2, 4, 6])
        }
    }

    /// One tensor for both inputs, and a third that gets none: nothing is written in place that another holds.
    @Test func aGradientMayBeSharedOrMissing() throws {
        var store = ParameterStore()
        let ids = ["a", "b", "c"].map { store.add($0, [2], [1, 2]) }
        var tape = Tape(engine: try engine())
        let v = ids.map { tape.scale(tape.parameter($0, of: store), by: 1) }
        let y = tape.record("three", Tensor([0, 0], [2]), inputs: v) { gradient, _ in [gradient, gradient, nil] }
        let loss = tape.sum(tape.add(tape.scale(y, by: 5), v[0]))
        let gradients = tape.gradients(of: loss, for: store)
        #expect(ids.map { gradients[$0].array } == [[6, 6], [5, 5], [0, 0]])
    }

    @Test func withoutANeedForGradientsNothingIsRecordedOrKept() throws {
        final class Kept {}
        var store = ParameterStore()
        let id = store.add("x", [2], [1, 2])
        for recording in [false, true] {
            var tape = Tape(engine: try engine(), recording: recording)
            let x = recording ? tape.constant(store[id]) : tape.parameter(id, of: store)
            var kept: Kept? = Kept()
            weak let seen = kept
            let y = tape.record("own", x.value, inputs: [x]) { [kept] gradient, _ in
                withExtendedLifetime(kept) { [gradient] }
            }
            kept = nil
            #expect(seen == nil && !y.needsGradient && tape.primitives.isEmpty)
        }
    }

    private func message(_ result: ExitTest.Result?) -> String {
        String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    }

    @Test func aGradientOfAnotherShapeIsRefused() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var store = ParameterStore()
            let id = store.add("x", [2, 3], [Float](repeating: 1, count: 6))
            var tape = Tape(engine: try Engine(threads: 1))
            let x = tape.parameter(id, of: store)
            let y = tape.record("mine", Tensor([1], []), inputs: [tape.constant(x.value), x]) { _, _ in
                [nil, Tensor(zeros: [3, 2])]
            }
            _ = tape.gradients(of: y, for: store)
        }
        #expect(
            message(result).contains(
                "mine: the pullback returned a gradient of shape [3, 2] for input 1 of shape [2, 3]"))
    }

    @Test func anotherNumberOfGradientsIsRefused() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var store = ParameterStore()
            let id = store.add("x", [], [1])
            var tape = Tape(engine: try Engine(threads: 1))
            let x = tape.parameter(id, of: store)
            let y = tape.record("mine", x.value, inputs: [x, x]) { gradient, _ in [gradient] }
            _ = tape.gradients(of: y, for: store)
        }
        #expect(message(result).contains("mine: the pullback returned 1 gradients for 2 inputs"))
    }

    @Test func aNameOfOursIsRefused() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var tape = Tape(engine: try Engine(threads: 1))
            _ = tape.record("linear", Tensor(zeros: [1]), inputs: []) { _, _ in [] }
        }
        #expect(message(result).contains("linear: the name belongs to a primitive of Autodiff"))
    }
}
