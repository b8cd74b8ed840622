import Autodiff
import Testing

@Suite struct TapeTests {
    @Test(arguments: [2, 3, 7]) func bitsDoNotDependOnTheNumberOfThreads(threads: Int) throws {
        let model = SmallMAE()
        for level in GradientTests.levels {
            let one = model.step(on: try Engine(threads: 1, level: level))
            let engine = try Engine(threads: threads, level: level, poisonsBuffers: true)
            for _ in 0..<5 {
                let many = model.step(on: engine)
                #expect(many.loss.bitPattern == one.loss.bitPattern)
                for id in model.parameters.ids {
                    #expect(
                        many.gradients[id].array.map(\.bitPattern) == one.gradients[id].array.map(\.bitPattern),
                        "\(model.parameters.entry(id).name) at \(level)")
                }
            }
        }
    }

    @Test func theThirdStepAsksNothingFromTheSystem() throws {
        let model = SmallMAE()
        let engine = try Engine(threads: 2)
        var gradients = Gradients(for: model.parameters)
        var counts: [Int] = []
        for _ in 0..<3 {
            var tape = Tape(engine: engine)
            let loss = model.loss(on: &tape)
            tape.gradients(of: loss, replacing: &gradients)
            counts.append(engine.systemAllocations)
        }
        #expect(counts[0] > 0)
        #expect(counts[2] == counts[1])
    }

    /// Rows of 5 into 15 channels, then one head of attention over 7 tokens: twice as much back as forward.
    @Test func operationsOfProductsAndAttentionsAreCounted() throws {
        let engine = try Engine(threads: 2)
        var store = ParameterStore()
        let x = store.add("x", [2, 7, 5], sampleValues([2, 7, 5], stream: "x"))
        let weight = store.add("weight", [15, 5], sampleValues([15, 5], stream: "weight"))
        var tape = Tape(engine: engine)
        let qkv = tape.linear(tape.parameter(x, of: store), weight: tape.parameter(weight, of: store))
        let loss = tape.mean(tape.attention(qkv: qkv, heads: 1))
        let (product, attention) = (2.0 * 14 * 5 * 15, 2 * (2.0 * 2 * 7 * 7 * 5))
        #expect(engine.operations == product + attention)
        _ = tape.gradients(of: loss, for: store)
        #expect(engine.operations == 3 * (product + attention))
    }

    @Test func everyParameterThatActsOnTheLossHasAGradient() throws {
        let model = SmallMAE()
        let (loss, gradients) = model.step(on: try Engine(threads: 2))
        #expect(loss.isFinite && loss > 0)
        for (id, entry) in zip(model.parameters.ids, model.parameters.entries) {
            #expect(gradients[id].array.contains { $0 != 0 } == (entry.name != "unused"), "\(entry.name)")
        }
    }

    @Test func theWholeStepHasTheSlopeItsGradientsTell() throws {
        var model = SmallMAE()
        let engine = try Engine(threads: 2)
        let gradients = model.step(on: engine).gradients
        let direction = sampleValues([model.parameters.flatCount], stream: "direction")
        let slope = zip(gradients.flat.array, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let start = model.parameters.flat.array
        func loss(_ step: Float) -> Double {
            model.parameters.withUnsafeMutableBuffer { buffer in
                for place in buffer.indices { buffer[place] = start[place] + step * direction[place] }
            }
            return Double(model.step(on: engine).loss)
        }
        let h: Float = 2e-3
        let measured = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * Double(h))
        #expect(abs(measured - slope) < 2e-3 * abs(slope), "\(measured) measured, \(slope) by the gradients")
    }

    @Test func gradientsOfBatchesAddUpAndReplacingForgets() throws {
        let model = SmallMAE()
        let engine = try Engine(threads: 2)
        let once = model.step(on: engine).gradients
        var gradients = once
        gradients.withUnsafeMutableBuffer { $0.update(repeating: .nan) }
        for batch in 0..<2 {
            var tape = Tape(engine: engine)
            let loss = model.loss(on: &tape)
            let half = Tensor([0.5], [])
            if batch == 0 {
                tape.gradients(of: loss, cotangent: half, replacing: &gradients)
            } else {
                tape.gradients(of: loss, cotangent: half, adding: &gradients)
            }
        }
        for id in model.parameters.ids {
            #expect(worstError(gradients[id].array, once[id].array.map(Double.init)) < 1e-6)
        }
    }

    @Test func afterTheWalkTheStoreIsWrittenInPlace() throws {
        var model = SmallMAE()
        let engine = try Engine(threads: 2)
        let before = model.parameters.flat.withUnsafeBuffer { $0.baseAddress }
        _ = model.step(on: engine)
        model.parameters.withUnsafeMutableBuffer { $0[0] += 1 }
        #expect(model.parameters.flat.withUnsafeBuffer { $0.baseAddress } == before)
    }

    @Test func gradientsAreWrittenInPlace() throws {
        let model = SmallMAE()
        let engine = try Engine(threads: 2)
        var gradients = Gradients(for: model.parameters)
        let before = gradients.flat.withUnsafeBuffer { $0.baseAddress }
        var tape = Tape(engine: engine)
        let loss = model.loss(on: &tape)
        tape.gradients(of: loss, replacing: &gradients)
        #expect(gradients.flat.withUnsafeBuffer { $0.baseAddress } == before)
    }

    @Test func aConstantLossGivesZeros() throws {
        let model = SmallMAE()
        var tape = Tape(engine: try Engine(threads: 1))
        let loss = model.loss(on: &tape).detached
        let gradients = tape.gradients(of: loss, for: model.parameters)
        #expect(gradients.flat.array.allSatisfy { $0 == 0 })
    }

    @Test func aParameterCanBeTheLoss() throws {
        var store = ParameterStore()
        let id = store.add("a", [2], [1, 2])
        var tape = Tape(engine: try Engine(threads: 1))
        let loss = tape.parameter(id, of: store)
        #expect(tape.gradients(of: loss, cotangent: Tensor([3, 4], [2]), for: store)[id].array == [3, 4])
    }

    @Test func anEngineNeedsThreads() {
        for count in [0, -1, 1025] {
            #expect(throws: EngineError.threads(count)) { try Engine(threads: count) }
        }
        #expect("\(EngineError.threads(0))" == "0 threads were asked for; allowed are 1 to 1024.")
    }
}
