public import Autodiff
public import Optimizers
public import ProcessGroups

/// What owns the parameters that a step changes.
public protocol ParameterOwner {
    /// What the optimiser may change, in checkpoint order.
    var parameters: ParameterStore { get set }
    /// After each optimiser step: moving averages take the new parameters in.
    mutating func finishStep(_ progress: TrainingProgress, engine: Engine)
    /// What the micro-batches recorded since the last call move besides gradients, taken out.
    mutating func takeObservations() -> [Observation]
    /// Moves by what a micro-batch observed. Those of a step come in order, after the last of them was recorded: what one micro-batch
    /// observes does not act on another of the same step.
    mutating func apply(_ observations: [Observation])
    /// What holds in a step, counted from 0, for parameters that are not treated as the run says; nil where there are none.
    func ownSettings(at step: Int) -> OwnSettings?
}

extension ParameterOwner {
    /// None.
    public func ownSettings(at step: Int) -> OwnSettings? { nil }

    /// Nothing follows the parameters.
    public mutating func finishStep(_ progress: TrainingProgress, engine: Engine) {}

    /// Nothing but gradients.
    public mutating func takeObservations() -> [Observation] { [] }

    /// Nothing is observed.
    public mutating func apply(_ observations: [Observation]) {}
}

/// What a micro-batch observed for something that follows the data, such as the running mean of a norm.
public struct Observation: Sendable, Codable, Equatable {
    /// What follows, by its checkpoint name.
    public var name: String
    /// What was seen of it.
    public var values: [Float]

    /// Values for what has that name.
    public init(_ name: String, _ values: [Float]) {
        self.name = name
        self.values = values
    }
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
        /// Whether blocks are computed again on the way back instead of being kept.
        public var recomputesBlocks = false
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
        /// The loss of each, in order, whichever process computed it.
        public var losses: [Float] = []
        /// A process that could not compute its share; it throws why, and nothing was changed.
        public var failedProcess: Int?
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
        public var isFinite: Bool { failedProcess == nil && loss.isFinite && gradientNorm.isFinite }
    }

    /// The optimiser with what it keeps.
    public private(set) var optimizer: any Optimizer
    /// How steps are taken.
    public let rules: Rules
    private let group: ProcessGroup
    private var sum: GradientSum
    /// Whether each process keeps and changes its slice alone.
    private let isSliced: Bool

    /// Steps of an optimiser on a store, taken by the processes of a group together: micro-batch m is computed by process m mod their
    /// number, which divides `rules.accumulate`, and all have the same parameters after each step.
    public init(
        _ optimizer: any Optimizer, for store: ParameterStore, _ rules: Rules, group: ProcessGroup = .alone
    ) {
        precondition(
            rules.accumulate >= 1 && rules.accumulate % group.count == 0,
            "\(rules.accumulate) micro-batches a step by \(group.count) processes")
        self.optimizer = optimizer
        self.rules = rules
        self.group = group
        sum = GradientSum(for: store, parts: rules.accumulate, group: group)
        isSliced = group.count > 1 && self.optimizer.restrict(to: sum.own)
    }

    /// Steps taken.
    public var step: Int { optimizer.step }

    /// What the optimiser keeps, as long as the store, in the first process; the others take part and get nothing.
    public func wholeState() -> [(name: String, values: Tensor)] {
        guard isSliced else { return optimizer.state }
        return optimizer.state.compactMap { name, values in
            values.withUnsafeBuffer { group.collect($0, sum.slices) }.map { (name, Tensor($0, [$0.count])) }
        }
    }

    /// Goes on from a checkpoint, with tensors as long as the store.
    public mutating func restore(_ state: [String: Tensor], step: Int) {
        let own = sum.own
        optimizer.restore(
            isSliced ? state.mapValues { Tensor(Array($0.array[own]), [own.count]) } : state, step: step)
    }

    /// Takes a step: `forward` records the loss of each micro-batch that is this process's, by its number within the step.
    ///
    /// `inspect` sees the mean gradient before anything is changed by it; in a group, of this process's slice alone. A loss or gradient
    /// that is not finite changes nothing.
    public mutating func take<Owner: ParameterOwner, Failure: Error>(
        _ owner: inout Owner, on engine: Engine, inspect: (Gradients, Owner) -> Void = { _, _ in },
        forward: (inout Owner, Int, inout Tape) throws(Failure) -> Variable
    ) throws(Failure) -> Report {
        var report = Report(learningRate: rules.rates.value(at: step), weightDecay: rules.decays.value(at: step))
        let weight = 1 / Double(rules.accumulate)
        let cotangent = Tensor([Float(weight)], [])
        let recomputes = rules.recomputesBlocks
        var share = Share()
        var failure: Failure?
        for part in stride(from: group.rank, to: rules.accumulate, by: group.count) {
            sum.add(part, on: engine) { gradients in
                // What failed once is not tried again; the others still get their turn.
                guard failure == nil else { return }
                do throws(Failure) {
                    var tape = Tape(engine: engine, recomputing: recomputes)
                    let loss = try forward(&owner, part, &tape)
                    share.losses.append(loss.value.item)
                    share.observations.append(owner.takeObservations())
                    tape.gradients(of: loss, cotangent: cotangent, replacing: &gradients)
                } catch {
                    failure = error
                }
            }
            if group.count == 1, failure != nil { break }
        }
        sum.finish(on: engine)
        share.failed = failure != nil
        let shares = group.gather(share)
        report.failedProcess = group.failed(shares.map(\.failed))
        if let failure { throw failure }
        guard report.failedProcess == nil else { return report }
        for part in 0..<rules.accumulate {
            let (process, place) = (part % group.count, part / group.count)
            report.losses.append(shares[process].losses[place])
            report.loss += Double(shares[process].losses[place]) * weight
            owner.apply(shares[process].observations[place])
        }
        report.gradientNorm = Gradients.norm(
            ofSquares: group.gather(sum.total.squares(sum.own, on: engine)).flatMap { $0 })
        inspect(sum.total, owner)
        guard report.isFinite else { return report }
        change(&owner, report, on: engine)
        return report
    }

    /// The optimiser moves, and whatever follows the parameters follows.
    private mutating func change(_ owner: inout some ParameterOwner, _ report: Report, on engine: Engine) {
        if !isSliced { sum.gather() }
        let scale = rules.clipNorm.map { clippingFactor(norm: report.gradientNorm, limit: $0) } ?? 1
        optimizer.update(
            &owner.parameters, sum.total,
            StepSettings(
                learningRate: report.learningRate, weightDecay: report.weightDecay, gradientScale: scale,
                own: owner.ownSettings(at: step)), on: engine)
        if isSliced { owner.parameters.withUnsafeMutableBuffer { group.gather($0, sum.slices) } }
        owner.finishStep(
            TrainingProgress(
                step: step - 1, stepsPerEpoch: rules.stepsPerEpoch, epochs: rules.epochs,
                accumulate: rules.accumulate, scheduleScale: rules.scheduleScale), engine: engine)
    }

    /// What a process tells the others of a step.
    private struct Share: Codable {
        var failed = false
        /// Of its micro-batches, in order.
        var losses: [Float] = []
        var observations: [[Observation]] = []
    }
}
