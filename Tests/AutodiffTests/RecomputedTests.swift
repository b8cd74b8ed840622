import Autodiff
import Testing

/// Parts of a forward pass that are computed again on the way back: the same bits, with less kept.
struct RecomputedTests {
    private struct Model {
        var store = ParameterStore()
        let input: ParameterID
        let weight: ParameterID
        let bias: ParameterID
        let shared: ParameterID

        init() {
            input = store.add("input", [2, 5, 6], sampleValues([2, 5, 6], stream: "input"))
            weight = store.add("weight", [6, 6], sampleValues([6, 6], stream: "weight"))
            bias = store.add("bias", [6], sampleValues([6], stream: "bias"))
            shared = store.add("shared", [6], sampleValues([6], stream: "shared"))
        }

        /// x + gelu(x·Wᵀ + b)·shared, with the same parameters each time.
        func block(_ x: Variable, _ tape: inout Tape) -> Variable {
            let (weight, bias) = (tape.parameter(weight, of: store), tape.parameter(bias, of: store))
            let hidden = tape.linear(x, weight: weight, bias: bias, then: .gelu)
            return tape.add(x, tape.layerScale(hidden, tape.parameter(shared, of: store)))
        }

        /// Blocks whose inputs others read, too, one of them a gelu's result, and the parameters besides.
        func loss(_ tape: inout Tape, nested: Bool) -> Variable {
            let weight = tape.parameter(weight, of: store)
            let start = tape.linear(tape.parameter(input, of: store), weight: weight, bias: nil, then: .gelu)
            let first = tape.recomputed { block(start, &$0) }
            let second = tape.recomputed { tape in
                nested ? tape.recomputed { block(first, &$0) } : block(first, &tape)
            }
            let third = tape.recomputed { block(second, &$0) }
            let read = tape.add(tape.add(third, first), tape.add(start, second))
            return tape.mean(tape.multiply(read, tape.layerScale(read, tape.parameter(shared, of: store))))
        }
    }

    private func bits(_ gradients: Gradients, _ store: ParameterStore) -> [[UInt32]] {
        store.ids.map { gradients[$0].array.map(\.bitPattern) }
    }

    @Test(arguments: [false, true])
    func gradientsHaveTheSameBits(nested: Bool) throws {
        let model = Model()
        let engine = try Engine(threads: 2, poisonsBuffers: true)
        func step(_ recomputing: Bool) -> (loss: Float, names: [String], bits: [[UInt32]]) {
            var tape = Tape(engine: engine, recomputing: recomputing)
            let loss = model.loss(&tape, nested: nested)
            let (value, names) = (loss.value.item, tape.primitives)
            return (value, names, bits(tape.gradients(of: loss, for: model.store), model.store))
        }
        let (plain, again) = (step(false), step(true))
        #expect(again.loss.bitPattern == plain.loss.bitPattern && again.bits == plain.bits)
        #expect(again.names.filter { $0 == "recomputed" }.count == 3 && !plain.names.contains("recomputed"))
        #expect(again.names.count == plain.names.count - 3 * 3 + 3)
        #expect(plain.bits.allSatisfy { $0.contains { $0 << 1 != 0 } })
    }

    @Test func whatNeedsNoGradientIsNotRecorded() throws {
        let engine = try Engine(threads: 1)
        var tape = Tape(engine: engine, recomputing: true)
        let x = tape.constant(sampleTensor([2, 3], stream: "x"))
        #expect(!tape.recomputed { $0.add(x, x) }.needsGradient && tape.primitives.isEmpty)
        // What is handed through keeps its place.
        var store = ParameterStore()
        let id = store.add("x", [2, 3], sampleValues([2, 3], stream: "x"))
        let y = tape.parameter(id, of: store)
        let loss = tape.mean(tape.recomputed { _ in y })
        #expect(tape.gradients(of: loss, for: store)[id].array.allSatisfy { $0 == 1.0 / 6 })
    }
}
