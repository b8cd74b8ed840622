import Autodiff
import Optimizers
import ProcessGroups
import Testing
import TrainingStep

/// A parabola with a minimum that each micro-batch names: the loss of w is ½Σ(w − target)².
private struct Parabola: ParameterOwner {
    var parameters = ParameterStore()
    var targets: [Float] = [0]
    var finished: [TrainingProgress] = []
    let weight: ParameterID

    init() { weight = parameters.add("w", [1, 1], [4]) }

    mutating func finishStep(_ progress: TrainingProgress, engine: Engine) { finished.append(progress) }

    func loss(_ part: Int, _ tape: inout Tape) -> Variable {
        let w = tape.parameter(weight, of: parameters)
        return tape.meanSquared(w.reshaped([1]), target: Tensor([targets[part]], [1]))
    }
}

struct StepTakerTests {
    private func taker(_ owner: Parabola, rate: Double = 0.1, accumulate: Int = 1, clip: Double? = nil) -> StepTaker {
        var rules = StepTaker.Rules(rates: ConstantSchedule(rate))
        rules.accumulate = accumulate
        rules.clipNorm = clip
        rules.epochs = 7
        let groups = ParameterGroup.each(of: owner.parameters, treatment: { _ in .undecayed })
        return StepTaker(SGD(for: owner.parameters, groups, momentum: 0), for: owner.parameters, rules)
    }

    @Test func gradientsOfMicroBatchesAreAveraged() throws {
        let engine = try Engine(threads: 1)
        var owner = Parabola()
        let weight = owner.weight
        owner.targets = [1, 3]
        var steps = taker(owner, accumulate: 2)
        var seen: [Float] = []
        let report = steps.take(&owner, on: engine) { gradients, _ in
            seen = gradients[weight].array
        } forward: {
            $0.loss($1, &$2)
        }
        // 2(w − t) for t = 1 and 3 at w = 4: 6 and 2.
        #expect(seen == [4] && report.losses == [9, 1] && report.loss == 5 && report.gradientNorm == 4)
        #expect(abs(owner.parameters[owner.weight].item - 3.6) < 1e-6)
        #expect(owner.finished == [TrainingProgress(step: 0, stepsPerEpoch: 1, epochs: 7, accumulate: 2)])
    }

    @Test func aStepIsClippedByTheNormOfAllGradients() throws {
        let engine = try Engine(threads: 1)
        var owner = Parabola()
        var steps = taker(owner, clip: 2)
        let report = steps.take(&owner, on: engine) { $0.loss($1, &$2) }
        #expect(report.gradientNorm == 8)
        #expect(abs(owner.parameters[owner.weight].item - 3.8) < 1e-5)
    }

    @Test func aLossThatIsNotFiniteChangesNothing() throws {
        let engine = try Engine(threads: 1)
        var owner = Parabola()
        owner.targets = [.infinity]
        var steps = taker(owner)
        let report = steps.take(&owner, on: engine) { $0.loss($1, &$2) }
        #expect(!report.isFinite && steps.step == 0 && owner.finished.isEmpty)
        #expect(owner.parameters[owner.weight].item == 4)
    }

    /// A weight that is used twice: its contributions of one micro-batch are added before they meet those of another.
    @Test func eachMicroBatchHasAGradientOfItsOwn() throws {
        let engine = try Engine(threads: 1)
        var owner = Parabola()
        owner.targets = [0, 0]
        let weight = owner.weight
        // Added one by one to the 3 of the first micro-batch, the numbers of the second would swallow it.
        let factors: [[Float]] = [[3, 3], [0x1p30, -0x1p30]]
        var steps = taker(owner, rate: 0, accumulate: 2)
        var seen: Float = 0
        _ = steps.take(&owner, on: engine) { gradients, _ in
            seen = gradients[weight].item
        } forward: { owner, part, tape in
            let w = tape.parameter(owner.weight, of: owner.parameters).reshaped([1])
            let parts = factors[part].map { tape.multiply(w, tape.constant(Tensor([$0], [1]))) }
            return tape.add(parts[0], parts[1]).reshaped([])
        }
        #expect(seen == 3)
    }

    /// What slices do apart is what the whole does: moments, parameters, clipping and norm, bit by bit.
    @Test func slicesOfAnOptimiserDoWhatTheWholeDoes() throws {
        let engine = try Engine(threads: 1)
        var store = ParameterStore()
        for (index, count) in [700, 1, 2000, 33, 1500].enumerated() {
            _ = store.add("p\(index)", [count], (0..<count).map { Float($0 % 17) / 8 - 1 })
        }
        let groups = ParameterGroup.each(of: store) { $0.name == "p2" ? .decayed : .undecayed }
        var gradients = Gradients(for: store)
        gradients.withUnsafeMutableBuffer { values in
            for place in values.indices { values[place] = Float(place % 101) / 50 - 1 }
        }
        let slices = Slices(store.flatCount, for: 3, block: Gradients.squareBlock).ranges
        #expect(slices.count == 3 && slices[0].lowerBound == 0 && slices[2].upperBound == store.flatCount)
        #expect(slices.allSatisfy { $0.lowerBound % Gradients.squareBlock == 0 && !$0.isEmpty })
        #expect(
            Gradients.norm(ofSquares: slices.flatMap { gradients.squares($0, on: engine) })
                == gradients.norm(on: engine))
        let settings = StepSettings(learningRate: 0.1, weightDecay: 0.3, gradientScale: 0.7)
        let makers: [() -> any Optimizer] = [
            { AdamW(for: store, groups) }, { SGD(for: store, groups, nesterov: true) },
        ]
        for make in makers {
            var whole = make()
            var (one, many) = (store, store)
            var parts = slices.map { slice in
                var part = make()
                let isRestricted = part.restrict(to: slice)
                #expect(isRestricted)
                return part
            }
            for _ in 0..<3 {
                whole.update(&one, gradients, settings, on: engine)
                for place in parts.indices { parts[place].update(&many, gradients, settings, on: engine) }
            }
            #expect(one.flat.array == many.flat.array && one.flat.array != store.flat.array)
            for (place, kept) in whole.state.enumerated() {
                #expect(kept.values.array == parts.flatMap { $0.state[place].values.array })
            }
        }
        var lars: any Optimizer = LARS(for: store, groups)
        let isRestricted = lars.restrict(to: slices[0])
        #expect(!isRestricted && lars.state[0].values.count == store.flatCount)
    }
}
