import Autodiff
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import TrainingStep

/// The training step of a recipe: batches in, parameters changed in place.
///
/// Everything that a step depends on is here or a function of the step number, so a trainer restored to step k takes the
/// same step k as one that was never stopped.
struct Trainer<Method: PretrainingMethod>: ~Copyable {
    /// The method with its parameters.
    var method: Method
    /// What takes steps, with the optimiser and what it keeps.
    var steps: StepTaker
    private let recipe: Recipe
    private let engine: Engine
    private let maskStream: RandomStream
    private let modelStream: RandomStream
    private let regularizer: Regularizer?

    /// What one step shows.
    struct Report {
        var step = StepTaker.Report(learningRate: 0, weightDecay: 0)
        var constantLoss: Double?
        /// Means over the step's batches.
        var indicators: [(name: String, value: Double)] = []
        /// Images that got the last resort of their masking strategy.
        var maskFallbacks = 0
        var unreadable: [UnreadablePicture] = []
        var damaged: [DamagedPicture] = []

        mutating func add(_ indicators: [(name: String, value: Double)], share: Double) {
            for (name, value) in indicators {
                if let place = self.indicators.firstIndex(where: { $0.name == name }) {
                    self.indicators[place].value += value * share
                } else {
                    self.indicators.append((name, value * share))
                }
            }
        }
    }

    init(_ method: Method, _ recipe: Recipe, stepsPerEpoch: Int, engine: Engine) {
        let train = recipe.train
        let random = RandomStream(seed: UInt64(recipe.seed))
        self.method = method
        self.recipe = recipe
        self.engine = engine
        maskStream = random.child("mask")
        modelStream = random.child("model_draws")
        regularizer = Regularizer(recipe.regularizer, random: random)
        let groups = ParameterGroup.each(of: method.parameters) { parameter in
            let treatment = method.treatment(of: parameter)
            if train.decayAll { return treatment == .idle ? .idle : .decayed }
            guard treatment == .decayed, !train.decayTokens else { return treatment }
            return DecayRule.matricesButTokens.treatment(of: parameter)
        }
        steps = StepTaker(
            train.optimizer.makeOptimizer(for: method.parameters, groups), for: method.parameters,
            train.rules(stepsPerEpoch: stepsPerEpoch))
    }

    /// Optimiser steps taken.
    var step: Int { steps.step }

    /// The rate of the step that led to `step`.
    func rate(before step: Int) -> Double { steps.rules.rates.value(at: max(0, step - 1)) }

    /// What among parameters, moments and state holds a number that is not finite; nil where nothing does.
    var firstThatIsNotFinite: String? {
        for (name, tensor) in steps.optimizer.state where !tensor.isFinite { return "the \(name) of the optimiser" }
        if !method.parameters.flat.isFinite {
            return method.parameters.ids.first { !method.parameters[$0].isFinite }.map {
                "the parameter \(method.parameters.entry($0).name)"
            }
        }
        return method.state.sorted { $0.key < $1.key }.first { !$0.value.isFinite }?.key
    }

    /// Takes one optimiser step on the next `accumulate` batches; a loss or gradient that is not finite changes nothing.
    mutating func takeStep(_ loader: Loader, isLogged: Bool) throws -> Report {
        var report = Report()
        let share = 1 / Double(recipe.train.accumulate)
        let (recipe, engine, maskStream, modelStream) = (recipe, engine, maskStream, modelStream)
        let regularizer = regularizer
        report.step = try steps.take(&method, on: engine) { method, _, tape in
            let loaded = try loader.next()
            report.unreadable += loaded.unreadable
            report.damaged += loaded.damaged
            let batch = Batch(
                images: Tensor(loaded.images, Shape(loaded.shape)),
                otherViews: zip(loaded.otherViews, loaded.otherShapes).map { Tensor($0, Shape($1)) },
                samples: loaded.samples, epoch: loaded.epoch, step: loaded.step, keys: loaded.keys,
                mirrored: loaded.mirrored)
            var request = MaskRequest(
                grid: recipe.grid, samples: loaded.samples, epoch: loaded.epoch, step: loaded.step)
            if type(of: recipe.mask).needsImportance {
                request.importance = try method.importance(of: batch, engine: engine)
            }
            let plan = try recipe.mask.plan(request, random: maskStream)
            if case .blocks(let mask) = plan { report.maskFallbacks += mask.fallbackCount }
            let asked = StepRequest(
                wantsConstantLoss: isLogged, wantsPatchTokens: regularizer?.looks(isLogged: isLogged) ?? false)
            var result = try method.loss(batch, plan, asked, random: modelStream, on: &tape)
            regularizer?.apply(to: &result, step: loaded.step, isLogged: isLogged, on: &tape)
            if let constant = result.constantLoss {
                report.constantLoss = (report.constantLoss ?? 0) + constant * share
            }
            report.add(result.indicators, share: share)
            return result.loss
        }
        return report
    }
}

extension TrainOptions {
    /// How steps are taken, in a run of so many an epoch.
    func rules(stepsPerEpoch: Int) -> StepTaker.Rules {
        let run = RunLength(stepsPerEpoch: Double(stepsPerEpoch), epochs: Double(epochs))
        var rules = StepTaker.Rules(
            rates: schedule.rates(peak: peakLearningRate, over: run),
            decays: schedule.decays(from: weightDecay, over: run))
        rules.accumulate = accumulate
        rules.clipNorm = clipNorm
        rules.stepsPerEpoch = stepsPerEpoch
        rules.epochs = epochs
        rules.scheduleScale = schedule.stretch
        return rules
    }
}

extension Tensor {
    /// Whether all numbers are finite.
    var isFinite: Bool {
        withUnsafeBuffer { values in
            // Without a branch, so that it runs as fast as memory is read.
            values.reduce(0) { $0 | ($1.bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0) } == 0
        }
    }
}
