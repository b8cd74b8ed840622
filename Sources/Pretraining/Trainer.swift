import Autodiff
package import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import ProcessGroups
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
    /// Who makes masks.
    let masks: MaskMaker
    private let modelStream: RandomStream
    private let regularizer: Regularizer?
    private let group: ProcessGroup

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

        /// Takes in what a micro-batch showed.
        mutating func add(_ note: MicroBatchNote, share: Double) {
            if let constant = note.constantLoss { constantLoss = (constantLoss ?? 0) + constant * share }
            for indicator in note.indicators {
                if let place = indicators.firstIndex(where: { $0.name == indicator.name }) {
                    indicators[place].value += indicator.value * share
                } else {
                    indicators.append((indicator.name, indicator.value * share))
                }
            }
            maskFallbacks += note.maskFallbacks
            unreadable += note.unreadable
            damaged += note.damaged
        }
    }

    init(
        _ method: Method, _ masks: MaskMaker, _ recipe: Recipe, stepsPerEpoch: Int, engine: Engine,
        group: ProcessGroup = .alone
    ) {
        let train = recipe.train
        let random = RandomStream(seed: UInt64(recipe.seed))
        self.method = method
        self.recipe = recipe
        self.engine = engine
        self.masks = masks
        self.group = group
        modelStream = random.child("model_draws")
        regularizer = Regularizer(recipe.regularizer, random: random)
        let rules = train.treatmentRules
        let groups = ParameterGroup.each(of: method.parameters) {
            rules.applied(to: method.treatment(of: $0), of: $0)
        }
        self.method.begin(recipe.runLength(stepsPerEpoch: stepsPerEpoch), train.schedule)
        steps = StepTaker(
            train.optimizer.makeOptimizer(for: method.parameters, groups), for: method.parameters,
            recipe.rules(stepsPerEpoch: stepsPerEpoch), group: group)
    }

    /// What the run was built on besides its recipe.
    var origins: [String: String] { masks.origins(beside: method) }

    /// Optimiser steps taken.
    var step: Int { steps.step }

    /// The rate of the step that led to `step`.
    func rate(before step: Int) -> Double { steps.rules.rates.value(at: max(0, step - 1)) }

    /// What among parameters, moments and state of any process holds a number that is not finite; nil where nothing does.
    var firstThatIsNotFinite: String? { group.gather(ownThatIsNotFinite ?? "").first { !$0.isEmpty } }

    private var ownThatIsNotFinite: String? {
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
        var notes: [MicroBatchNote] = []
        let (engine, masks, modelStream) = (engine, masks, modelStream)
        let regularizer = regularizer
        report.step = try steps.take(&method, on: engine) { method, _, tape in
            let loaded = try loader.next()
            var note = MicroBatchNote()
            (note.unreadable, note.damaged) = (loaded.unreadable, loaded.damaged)
            let batch = Batch(
                images: Tensor(loaded.images, Shape(loaded.shape)),
                otherViews: zip(loaded.otherViews, loaded.otherShapes).map { Tensor($0, Shape($1)) },
                samples: loaded.samples, epoch: loaded.epoch, step: loaded.step, keys: loaded.keys,
                mirrored: loaded.mirrored)
            let plan = try masks.plan(of: batch, step: loaded.step, engine: engine) {
                try method.importance(of: batch, engine: engine)
            }
            if case .blocks(let mask) = plan { note.maskFallbacks = mask.fallbackCount }
            let asked = StepRequest(
                wantsConstantLoss: isLogged, wantsPatchTokens: regularizer?.looks(isLogged: isLogged) ?? false)
            var result = try method.loss(batch, plan, asked, random: modelStream, on: &tape)
            regularizer?.apply(to: &result, step: loaded.step, isLogged: isLogged, on: &tape)
            note.constantLoss = result.constantLoss
            note.indicators = result.indicators.map { .init(name: $0.name, value: $0.value) }
            notes.append(note)
            return result.loss
        }
        if let process = report.step.failedProcess { throw EndedElsewhere(rank: process) }
        let all = group.gather(notes)
        for part in 0..<recipe.train.accumulate {
            report.add(all[part % group.count][part / group.count], share: 1 / Double(recipe.train.accumulate))
        }
        if group.count > 1, !report.unreadable.isEmpty { try count(report.unreadable, in: loader) }
        return report
    }

    /// Has the loader count what any process found unreadable: where they are too many, all end.
    private func count(_ pictures: [UnreadablePicture], in loader: Loader) throws(ImageError) {
        do throws(ImageError) {
            try loader.count(pictures)
        } catch {
            group.endTogether()
            throw error
        }
    }
}

/// What a micro-batch shows beside its loss, as the process that computed it tells the others.
package struct MicroBatchNote: Codable {
    package struct Indicator: Codable {
        package var name: String
        package var value: Double

        package init(name: String, value: Double) {
            self.name = name
            self.value = value
        }
    }

    package var constantLoss: Double?
    package var indicators: [Indicator] = []
    package var maskFallbacks = 0
    package var unreadable: [UnreadablePicture] = []
    package var damaged: [DamagedPicture] = []

    package init() {}
}

extension Recipe {
    /// How steps are taken, in a run of so many an epoch.
    func rules(stepsPerEpoch: Int) -> StepTaker.Rules {
        let run = runLength(stepsPerEpoch: stepsPerEpoch)
        var rules = StepTaker.Rules(
            rates: train.schedule.rates(peak: peakLearningRate, over: run),
            decays: train.schedule.decays(from: train.weightDecay, over: run))
        rules.accumulate = train.accumulate
        rules.recomputesBlocks = train.checkpointBlocks ?? false
        rules.clipNorm = train.clipNorm
        rules.stepsPerEpoch = stepsPerEpoch
        rules.epochs = train.epochs
        rules.scheduleScale = train.schedule.stretch
        return rules
    }

    /// How long a run is, of so many steps an epoch.
    func runLength(stepsPerEpoch: Int) -> RunLength {
        RunLength(
            stepsPerEpoch: Double(stepsPerEpoch), epochs: Double(train.epochs), accumulate: train.accumulate)
    }

    /// The peak of the learning rate: train's, with a base rate multiplied as `train.prediction_scale` says.
    public var peakLearningRate: Double {
        train.learningRate ?? train.peakLearningRate * predictionFactor
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
