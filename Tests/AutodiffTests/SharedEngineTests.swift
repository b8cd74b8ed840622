import Autodiff
import CPalimpsestKernels
import Dispatch
import Synchronization
import Testing

/// One engine, several callers: every caller gets the bits that it would get alone.
@Suite struct SharedEngineTests {
    @Test(arguments: [1, 2, 3]) func severalThreadsTrainOnOneEngine(threads: Int) throws {
        let model = SmallMAE()
        let alone = model.step(on: try Engine(threads: threads))
        let expected = alone.gradients.flat.array.map(\.bitPattern)
        let engine = try Engine(threads: threads, poisonsBuffers: true)
        let before = engine.operations
        _ = model.step(on: engine)
        let operations = engine.operations - before
        let (callers, rounds) = (4, 5)
        let wrong = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: callers) { _ in
            for _ in 0..<rounds {
                let step = model.step(on: engine)
                let isSame =
                    step.loss.bitPattern == alone.loss.bitPattern
                    && step.gradients.flat.array.map(\.bitPattern) == expected
                if !isSame { wrong.add(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(engine.operations == operations * Double(1 + callers * rounds))
    }

    /// Different kernels at once: those that keep sums in the engine between two loops beside those that do not.
    @Test func differentKernelsDoNotMixTheirScratch() throws {
        let kernels: [@Sendable (Engine) -> [Float]] = [
            { engine in
                var tape = Tape(engine: engine, recording: false)
                let x = tape.constant(sampleTensor([70, 600], stream: "rows"))
                return tape.linear(x, weight: tape.constant(sampleTensor([90, 600], stream: "weight"))).value.array
            },
            { engine in
                var tape = Tape(engine: engine, recording: false)
                return tape.mean(tape.constant(sampleTensor([50_000], stream: "sum"))).value.array
            },
            { engine in
                var store = ParameterStore()
                let x = store.add("x", [300, 40], sampleValues([300, 40], stream: "norm"))
                let weight = store.add("weight", [40], sampleValues([40], stream: "scale"))
                let bias = store.add("bias", [40], sampleValues([40], stream: "offset"))
                var tape = Tape(engine: engine)
                let y = tape.layerNorm(
                    tape.parameter(x, of: store), weight: tape.parameter(weight, of: store),
                    bias: tape.parameter(bias, of: store))
                let loss = tape.mean(tape.square(y))
                return tape.gradients(of: loss, for: store).flat.array
            },
        ]
        let expected = try kernels.map { $0(try Engine(threads: 1)) }
        let engine = try Engine(threads: 2)
        let wrong = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 6) { caller in
            for _ in 0..<30 where kernels[caller % 3](engine) != expected[caller % 3] {
                wrong.add(1, ordering: .relaxed)
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }

    /// A task that computes with the engine it runs on waits for nobody: its own thread does the work.
    @Test(arguments: [1, 2, 4]) func tasksMayUseTheirEngine(threads: Int) throws {
        let engine = try Engine(threads: threads)
        let model = SmallMAE()
        let alone = model.step(on: engine).loss
        var losses = [Float](repeating: 0, count: 9)
        losses.withUnsafeMutableBufferPointer { losses in
            engine.forEach(losses.count) { losses[$0] = model.step(on: engine).loss }
        }
        #expect(losses.allSatisfy { $0.bitPattern == alone.bitPattern })
        #expect(model.step(on: engine).loss.bitPattern == alone.bitPattern)
    }
}
