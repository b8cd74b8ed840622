import Autodiff
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams

/// The training step: batches in, parameters changed in place.
///
/// Everything that a step depends on is here or a function of the step number, so a trainer restored to step k takes the
/// same step k as one that was never stopped.
struct Trainer<Method: PretrainingMethod>: ~Copyable {
    /// The method with its parameters.
    var method: Method
    /// The optimiser with its moments.
    var optimizer: AdamW
    private let recipe: Recipe
    private let engine: Engine
    private let rates: any StepSchedule
    private let decays: any StepSchedule
    private let stepsPerEpoch: Int
    private let maskStream: RandomStream
    private let modelStream: RandomStream
    private var gradients: Gradients

    /// What one step shows.
    struct Report {
        var loss: Double
        var constantLoss: Double?
        var learningRate: Double
        var weightDecay: Double
        var gradientNorm: Double
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
        self.stepsPerEpoch = stepsPerEpoch
        maskStream = random.child("mask")
        modelStream = random.child("model_draws")
        rates = train.learningRates(stepsPerEpoch: stepsPerEpoch)
        decays = train.weightDecays(stepsPerEpoch: stepsPerEpoch)
        optimizer = AdamW(
            for: method.parameters, beta1: train.betas[0], beta2: train.betas[1], epsilon: train.eps,
            weightDecay: train.weightDecay,
            treatment: { parameter in
                let treatment = method.treatment(of: parameter)
                guard treatment == .decayed, !train.decayTokens else { return treatment }
                return DecayRule.matricesButTokens.treatment(of: parameter)
            })
        gradients = Gradients(for: method.parameters)
    }

    /// Optimiser steps taken.
    var step: Int { optimizer.step }

    /// The rate of the step that led to `step`.
    func rate(before step: Int) -> Double { rates.value(at: max(0, step - 1)) }

    /// What among parameters, moments and state holds a number that is not finite; nil where nothing does.
    var firstThatIsNotFinite: String? {
        for (name, tensor) in [("first moment", optimizer.firstMoments), ("second moment", optimizer.secondMoments)]
        where !tensor.isFinite { return "a \(name)" }
        if !method.parameters.flat.isFinite {
            return method.parameters.ids.first { !method.parameters[$0].isFinite }.map {
                "the parameter \(method.parameters.entry($0).name)"
            }
        }
        return method.state.sorted { $0.key < $1.key }.first { !$0.value.isFinite }?.key
    }

    /// Takes one optimiser step on the next `accumulate` batches; a loss or gradient that is not finite changes nothing.
    mutating func takeStep(_ loader: Loader, isLogged: Bool) throws -> Report {
        let accumulate = recipe.train.accumulate
        var report = Report(
            loss: 0, learningRate: rates.value(at: step), weightDecay: decays.value(at: step), gradientNorm: 0)
        for part in 0..<accumulate {
            let loaded = try loader.next()
            report.unreadable += loaded.unreadable
            report.damaged += loaded.damaged
            let batch = Batch(
                images: Tensor(loaded.images, Shape(loaded.shape)),
                otherViews: loaded.otherViews.map { Tensor($0, Shape(loaded.shape)) }, samples: loaded.samples,
                epoch: loaded.epoch, keys: loaded.keys, mirrored: loaded.mirrored)
            var request = MaskRequest(
                grid: recipe.grid, samples: loaded.samples, epoch: loaded.epoch, step: loaded.step)
            if type(of: recipe.mask).needsImportance {
                request.importance = try method.importance(of: batch, engine: engine)
            }
            let plan = try recipe.mask.plan(request, random: maskStream)
            if case .blocks(let mask) = plan { report.maskFallbacks += mask.fallbackCount }
            var tape = Tape(engine: engine)
            let asked = StepRequest(random: modelStream, wantsConstantLoss: isLogged)
            let result = try method.loss(batch, plan, asked, on: &tape)
            let share = 1 / Double(accumulate)
            report.loss += Double(result.loss.value.item) * share
            if let constant = result.constantLoss {
                report.constantLoss = (report.constantLoss ?? 0) + constant * share
            }
            report.add(result.indicators, share: share)
            let cotangent = Tensor([Float(share)], [])
            if part == 0 {
                tape.gradients(of: result.loss, cotangent: cotangent, replacing: &gradients)
            } else {
                tape.gradients(of: result.loss, cotangent: cotangent, adding: &gradients)
            }
        }
        report.gradientNorm = gradients.norm(on: engine)
        guard report.loss.isFinite && report.gradientNorm.isFinite else { return report }
        let scale = recipe.train.clipNorm.map { clippingFactor(norm: report.gradientNorm, limit: $0) } ?? 1
        optimizer.weightDecay = report.weightDecay
        optimizer.update(
            &method.parameters, gradients, learningRate: report.learningRate, gradientScale: scale, on: engine)
        let train = recipe.train
        method.finishStep(
            TrainingProgress(
                step: step - 1, stepsPerEpoch: stepsPerEpoch, epochs: train.epochs, accumulate: accumulate,
                scheduleScale: train.ipeScale),
            engine: engine)
        return report
    }
}

extension TrainOptions {
    /// The learning rate over the run.
    func learningRates(stepsPerEpoch: Int) -> any StepSchedule {
        let warmupSteps = Int(warmupEpochs * Double(stepsPerEpoch))
        switch schedule {
        case .cosine, .constant:
            let rate = LearningRateSchedule(
                peak: peakLearningRate, minimum: minLearningRate, epochs: Double(epochs), warmupEpochs: warmupEpochs,
                warmupStart: warmupLearningRate, falls: schedule == .cosine)
            return EpochSchedule(rate, stepsPerEpoch: stepsPerEpoch)
        case .mfmCosine:
            return WholeRunCosine(
                peak: peakLearningRate, minimum: minLearningRate, warmupStart: warmupLearningRate,
                warmupSteps: warmupSteps, steps: epochs * stepsPerEpoch)
        case .caeCosine:
            return ClosedWarmupCosine(
                peak: peakLearningRate, minimum: minLearningRate, warmupStart: warmupLearningRate,
                warmupSteps: warmupSteps, steps: epochs * stepsPerEpoch)
        case .warmupCosine:
            return WarmupCosine(
                peak: peakLearningRate, end: minLearningRate, start: warmupLearningRate, warmupSteps: warmupSteps,
                steps: stretchedSteps(stepsPerEpoch))
        }
    }

    /// The weight decay over the run.
    func weightDecays(stepsPerEpoch: Int) -> any StepSchedule {
        guard let finalWeightDecay else { return ConstantSchedule(weightDecay) }
        return CosineDecay(start: weightDecay, end: finalWeightDecay, steps: stretchedSteps(stepsPerEpoch))
    }

    private func stretchedSteps(_ stepsPerEpoch: Int) -> Int { Int(ipeScale * Double(epochs * stepsPerEpoch)) }
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
