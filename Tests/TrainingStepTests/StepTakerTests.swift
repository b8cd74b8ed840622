import Autodiff
import Optimizers
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
}
