public import Autodiff
public import Optimizers

/// What owns the parameters that a step changes.
public protocol ParameterOwner {
    /// What the optimiser may change, in checkpoint order.
    var parameters: ParameterStore { get set }
    /// After each optimiser step: moving averages take the new parameters in.
    mutating func finishStep(_ progress: TrainingProgress, engine: Engine)
    /// What holds in a step, counted from 0, for parameters that are not treated as the run says; nil where there are none.
    func ownSettings(at step: Int) -> OwnSettings?
}

extension ParameterOwner {
    /// None.
    public func ownSettings(at step: Int) -> OwnSettings? { nil }

    /// Nothing follows the parameters.
    public mutating func finishStep(_ progress: TrainingProgress, engine: Engine) {}
}

/// Where training stands after an optimiser step, for moving averages.
public struct TrainingProgress: Sendable, Equatable {
    /// The number of the step just taken, from 0.
    public var step: Int
    /// Steps of an epoch.
    public var stepsPerEpoch: Int
    /// Epochs of the recipe.
    public var epochs: Int
    /// Batches of a step.
    public var accumulate: Int
    /// What stretches the schedules beyond the end of training; 1 for none.
    public var scheduleScale: Double

    /// A position in a run.
    public init(step: Int, stepsPerEpoch: Int, epochs: Int, accumulate: Int = 1, scheduleScale: Double = 1) {
        self.step = step
        self.stepsPerEpoch = stepsPerEpoch
        self.epochs = epochs
        self.accumulate = accumulate
        self.scheduleScale = scheduleScale
    }
}

/// One optimiser step: the gradients of some micro-batches are averaged and clipped, the optimiser moves, and whatever follows
/// the parameters follows. Without recipe, loader or disk.
public struct StepTaker: Sendable {
    /// How steps are taken.
    public struct Rules: Sendable {
        /// Micro-batches of a step.
        public var accumulate = 1
        /// Largest norm of all gradients together; nil: not clipped.
        public var clipNorm: Double?
        /// The learning rate by step.
        public var rates: any StepSchedule
        /// The weight decay by step.
        public var decays: any StepSchedule
        /// Steps of an epoch, for what follows the parameters.
        public var stepsPerEpoch = 1
        /// Epochs of the run, likewise.
        public var epochs = 1
        /// What stretches schedules beyond the end of training.
        public var scheduleScale = 1.0

        /// Steps of one micro-batch each, not clipped.
        public init(rates: any StepSchedule, decays: any StepSchedule = ConstantSchedule(0)) {
            self.rates = rates
            self.decays = decays
        }
    }

    /// What one step showed.
    public struct Report: Sendable, Equatable {
        /// The mean loss of the micro-batches.
        public var loss = 0.0
        /// The loss of each.
        public var losses: [Float] = []
        /// The norm of the mean gradient, before it was clipped.
        public var gradientNorm = 0.0
        /// The rate that was used.
        public var learningRate: Double
        /// The decay that was used.
        public var weightDecay: Double

        /// A step at a rate, of which nothing is known yet.
        public init(learningRate: Double, weightDecay: Double) {
            self.learningRate = learningRate
            self.weightDecay = weightDecay
        }

        /// Whether loss and gradient are finite: where they are not, nothing was changed.
        public var isFinite: Bool { loss.isFinite && gradientNorm.isFinite }
    }

    /// The optimiser with what it keeps.
    public var optimizer: any Optimizer
    /// How steps are taken.
    public let rules: Rules
    private var gradients: Gradients

    /// Steps of an optimiser on a store.
    public init(_ optimizer: any Optimizer, for store: ParameterStore, _ rules: Rules) {
        precondition(rules.accumulate >= 1, "\(rules.accumulate) micro-batches a step")
        self.optimizer = optimizer
        self.rules = rules
        gradients = Gradients(for: store)
    }

    /// Steps taken.
    public var step: Int { optimizer.step }

    /// Takes a step: `forward` records the loss of each micro-batch, by its number within the step.
    ///
    /// `inspect` sees the mean gradient before anything is changed by it. A loss or gradient that is not finite changes nothing.
    public mutating func take<Owner: ParameterOwner>(
        _ owner: inout Owner, on engine: Engine, inspect: (Gradients, Owner) -> Void = { _, _ in },
        forward: (inout Owner, Int, inout Tape) throws -> Variable
    ) rethrows -> Report {
        var report = Report(learningRate: rules.rates.value(at: step), weightDecay: rules.decays.value(at: step))
        let share = 1 / Double(rules.accumulate)
        for part in 0..<rules.accumulate {
            var tape = Tape(engine: engine)
            let loss = try forward(&owner, part, &tape)
            report.losses.append(loss.value.item)
            report.loss += Double(loss.value.item) * share
            let cotangent = Tensor([Float(share)], [])
            if part == 0 {
                tape.gradients(of: loss, cotangent: cotangent, replacing: &gradients)
            } else {
                tape.gradients(of: loss, cotangent: cotangent, adding: &gradients)
            }
        }
        report.gradientNorm = gradients.norm(on: engine)
        inspect(gradients, owner)
        guard report.isFinite else { return report }
        let scale = rules.clipNorm.map { clippingFactor(norm: report.gradientNorm, limit: $0) } ?? 1
        optimizer.update(
            &owner.parameters, gradients,
            StepSettings(
                learningRate: report.learningRate, weightDecay: report.weightDecay, gradientScale: scale,
                own: owner.ownSettings(at: step)), on: engine)
        owner.finishStep(
            TrainingProgress(
                step: step - 1, stepsPerEpoch: rules.stepsPerEpoch, epochs: rules.epochs,
                accumulate: rules.accumulate, scheduleScale: rules.scheduleScale), engine: engine)
        return report
    }
}
