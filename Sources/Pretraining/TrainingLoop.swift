import Autodiff
import Checkpoints
import Foundation
import ImageData
import Optimizers
import PretrainingMethods
import ProcessGroups
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// The loop around the trainer: rows, checkpoints, stopping.
///
/// Made without touching the run's folder; `open` begins to write.
struct TrainingLoop<Method: PretrainingMethod>: ~Copyable {
    let job: TrainingJob
    let log: RunLog
    let loader: Loader
    let source: any ImageSource
    let group: ProcessGroup
    var open: (claim: RunClaim, metrics: MetricsFile)?
    let stepsPerEpoch: Int
    let lastStep: Int
    var trainer: Trainer<Method>
    var state = TrainingState()
    var clock = SpeedClock()
    var lastCheckpoint: Int?
    private let firstStep: Int
    var toldWarnings = Set<String>()
    private var lateFailure: (any Error)?
    private var warnsOfDamage = true
    /// True where pictures were found unreadable since the data were digested last: `save` does it anew.
    var isDigestStale = false
    private var hasForetold = false
    private var began = ContinuousClock.now
    let health: HealthMonitor?
    /// Probes that look on; nil where the recipe has none.
    var prober: OnlineProber?
    /// What TensorBoard is told; nil where the recipe does not want it.
    var events: EventLog?

    init(
        _ job: TrainingJob, _ method: Method, source: any ImageSource, transform: any ImageTransform, log: RunLog
    ) throws {
        let train = job.recipe.train
        // Pictures that the run knows as unreadable may be gone: the others keep their numbers.
        let source = job.start == .resumed ? job.folder.restored(source) : source
        let steps = try train.stepsPerEpoch(pictures: source.count)
        var memory = MemoryAccount(limit: job.engine.memoryLimit)
        memory.add(job.recipe, pictures: source.count, loaderThreads: job.loaderThreads)
        memory.add(method, kept: 2)
        try memory.check()
        let group = job.group
        var prober =
            job.recipe.probes.probes.isEmpty || !group.isFirst
            ? nil
            : try OnlineProber(
                job.recipe, steps: train.lastStep(stepsPerEpoch: steps), engine: job.engine, open: job.openProbePictures
            )
        var trainer = Trainer(
            method, try MaskMaker(job.recipe), job.recipe, stepsPerEpoch: steps, engine: job.engine, group: group)
        var state = TrainingState()
        state.recipe = job.recipe.coreDigest
        state.data = source.fingerprint
        var lastCheckpoint: Int?
        switch job.start {
        case .fresh: break
        case .initialized(let path): state.licence = try trainer.initialize(from: path, log)
        case .resumed:
            lastCheckpoint = try trainer.resume(job.folder, &state, source: source, stepsPerEpoch: steps, log)
            if let lastCheckpoint, let reason = prober?.restore(from: job.folder, step: lastCheckpoint) {
                log.warning(reason)
            }
        }
        if let most = train.maxSteps, state.step > most {
            throw RunError(
                .usage,
                "the run has taken \(state.step) steps already, more than train.max_steps \(most); give a larger number, or null for "
                    + "all epochs")
        }
        state.pictures = source.count
        let loader = try Loader(
            source: source, transform: transform, batchSize: train.batchSize, accumulate: train.accumulate,
            random: RandomStream(seed: UInt64(job.recipe.seed)).child("data"),
            corruptLimit: job.recipe.data.corruptLimit, threads: job.loaderThreads,
            firstStep: state.step * train.accumulate, offset: group.rank, stride: group.count,
            unreadable: Set(state.unreadable.keys))
        // Nothing below throws: a value that cannot be copied is made whole, or not at all.
        self.job = job
        self.prober = prober
        self.log = log
        self.source = source
        self.group = group
        self.loader = loader
        firstStep = state.step
        self.state = state
        self.lastCheckpoint = lastCheckpoint
        self.trainer = trainer
        stepsPerEpoch = steps
        lastStep = train.lastStep(stepsPerEpoch: steps)
        // A resumed run looks at as many pictures as before: ranks of other numbers of them cannot be compared.
        let looked =
            state.health.pictures > 0
            ? state.health.pictures
            : HealthMonitor.count(job.recipe, steps: lastStep, pictures: source.count)
        health = group.isFirst ? HealthMonitor(job.recipe, source: source, count: looked, engine: job.engine) : nil
        self.state.health.pictures = health?.pictureCount ?? 0
        events = job.recipe.log.tensorBoard && group.isFirst ? EventLog(job.folder, job.recipe) : nil
        explain(source)
    }

    /// The first lines of the log: what the numbers of the recipe come to.
    private func explain(_ source: any ImageSource) {
        let train = job.recipe.train
        let ledger = source.ledger
        if let summary = ledger.summary { log.say(ledger.isAlarming ? .warning : .info, summary) }
        for note in job.recipe.idleNotes + ledger.notes + trainer.method.notes + trainer.masks.notes { log.info(note) }
        log.info(
            "\(source.count) images of \(job.recipe.grid) patches; \(trainer.method.parameters.parameterCount) trained parameters"
        )
        log.info(
            """
            effective batch \(train.effectiveBatch) = batch_size \(train.batchSize) x accumulate \(train.accumulate); \
            \(stepsPerEpoch) steps an epoch, \(lastStep) in all
            """)
        let rate =
            train.learningRate == nil
            ? " = base_learning_rate \(train.baseLearningRate ?? TrainOptions.usualBaseRate) x \(train.effectiveBatch) / 256"
                + (job.recipe.predictionFactor == 1 ? "" : " x \(job.recipe.predictionFactor) (prediction_scale)") : ""
        log.info(
            "learning rate \(job.recipe.peakLearningRate)\(rate), after \(train.schedule.warmupEpochs) epochs of warm-up"
        )
        if group.count > 1 {
            log.info("\(group.count) processes, \(train.accumulate / group.count) micro-batches of a step each")
        }
        log.info("\(job.engine.threads) threads, \(job.engine.level.rawValue) kernels")
        if state.step > 0 { log.info("going on after step \(state.step)") }
    }

    /// True once a step was taken.
    var hasBegun: Bool { state.step > firstStep }
    /// True where the run has a checkpoint.
    var hasCheckpoint: Bool { lastCheckpoint != nil }

    /// Begins to write: the recipe as it holds from now on, rows after the last checkpoint taken back, the encoder of the last
    /// checkpoint where a kill kept it from its place.
    ///
    /// Of several processes the first one alone writes.
    mutating func open(_ claim: RunClaim) throws(RunError) {
        try job.folder.write(job.recipe)
        let metrics = try MetricsFile(path: job.folder.metricsFile, keepingThrough: state.step)
        open = (claim, metrics)
        try job.folder.keepSkipped(of: Array(state.unreadable.values))
        guard let lastCheckpoint else { return }
        for warning in job.folder.checkpoints.removeOld(through: lastCheckpoint, keep: job.recipe.log.keep) {
            log.warning(warning)
        }
        guard state.encoder != job.folder.encoderDigest else { return }
        do throws(CheckpointError) {
            try preparedEncoder().commit()
        } catch {
            throw RunError(error)
        }
        claim.settle()
    }

    mutating func run(
        stop: StopSignal?, onRow: (JSONValue) throws -> Void, onProgress: (TrainingJob.Progress) throws -> Void
    ) throws -> TrainingJob.Outcome {
        let limit =
            job.untilEpoch.map { min($0, job.recipe.train.epochs) * stepsPerEpoch }.map { min($0, lastStep) }
            ?? lastStep
        defer { loader.stop() }
        guard state.step < limit else { return .nothingLeft(step: state.step, of: lastStep) }
        if state.step == 0 {
            if let health {
                log.info("looking at the features of \(health.pictureCount) pictures before the first step")
            }
            try checkHealth(stop, onRow)
            if let number = try wish(stop) {
                try save()
                return .stopped(signal: number)
            }
        }
        clock.restart(waited: loader.waitedSeconds)
        began = .now
        while state.step < limit {
            try takeStep(onRow)
            if health?.isDue(after: state.step, of: lastStep) ?? false { try checkHealth(stop, onRow) }
            foretell(limit)
            listen(onProgress, progress)
            if let number = try wish(stop) {
                try save()
                return .stopped(signal: number)
            }
            if isCheckpointDue { try save() }
        }
        try save()
        return limit < lastStep ? .reachedEpoch(limit / stepsPerEpoch) : .finished
    }

    /// The signal that asks any process to stop; where a listener of one cannot listen any more, the run is saved, and it throws.
    private mutating func wish(_ stop: StopSignal?) throws -> Int32? {
        let wishes = group.gather(Wish(signal: stop?.number, ends: lateFailure != nil))
        if wishes.contains(where: \.ends) {
            try save()
            guard let first = group.failed(wishes.map(\.ends)) else { return nil }
            throw lateFailure ?? EndedElsewhere(rank: first)
        }
        return wishes.lazy.compactMap(\.signal).first
    }

    /// Says once when the run will be done, as soon as some steps tell how fast it is.
    private mutating func foretell(_ limit: Int) {
        guard !hasForetold, state.step < limit else { return }
        let (taken, passed) = (state.step - firstStep, (ContinuousClock.now - began) / .seconds(1))
        guard taken >= 3, passed >= 3 else { return }
        hasForetold = true
        let seconds = passed / Double(taken) * Double(limit - state.step)
        log.info(
            "\(limit - state.step) more steps will take about \(SpokenTime.span(seconds)), until \(SpokenTime.clock(in: seconds))"
        )
    }

    /// A caller that cannot listen any more stops the run after this step, not in its middle.
    private mutating func listen<Message>(_ tell: (Message) throws -> Void, _ message: Message) {
        guard group.isFirst else { return }
        do { try tell(message) } catch { lateFailure = lateFailure ?? error }
    }

    private mutating func add(_ row: JSONValue, _ onRow: (JSONValue) throws -> Void) throws(RunError) {
        guard group.isFirst else { return }
        do throws(RunError) {
            try open?.metrics.append(row)
            try events?.add(row)
        } catch {
            try endAfterStep(error)
        }
        listen(onRow, row)
    }

    /// What cannot be written ends the run; of several processes, all of them after this step.
    private mutating func endAfterStep(_ error: RunError) throws(RunError) {
        guard group.count > 1 else { throw error }
        lateFailure = lateFailure ?? error
    }

    /// Looks at the features of the probe pictures; an alarm warns.
    private mutating func checkHealth(_ stop: StopSignal?, _ onRow: (JSONValue) throws -> Void) throws {
        let start = ContinuousClock.now
        let method = trainer.method
        guard
            let figures = health?.figures(
                method.encoder, method.encoderParameters, isStopped: { stop?.number != nil })
        else { return }
        let warmup = job.recipe.train.schedule.warmupEpochs * Double(stepsPerEpoch)
        let verdict = state.health.verdict(figures, afterWarmup: Double(state.step) >= warmup)
        if let verdict { log.warning("health at step \(state.step): \(verdict)") }
        let row = JSONValue.object(
            [("kind", JSONValue("health")), ("step", JSONValue(state.step))] + figures.members
                + [
                    ("pictures", JSONValue(state.health.pictures)),
                    ("seconds", JSONValue((ContinuousClock.now - start) / .seconds(1))),
                    ("verdict", verdict.map { JSONValue($0) } ?? .null),
                ])
        try add(row, onRow)
    }

    private mutating func takeStep(_ onRow: (JSONValue) throws -> Void) throws {
        let number = state.step + 1
        let isLast = number == lastStep
        let isLogged = number == 1 || number % job.recipe.log.everySteps == 0 || isLast
        let report: Trainer<Method>.Report
        do {
            report = try trainer.takeStep(loader, isLogged: isLogged)
        } catch let error as ImageError {
            throw RunError(.data, "\(error)")
        }
        try note(report.unreadable)
        note(report.damaged)
        guard report.step.isFinite else {
            group.endTogether()
            throw diverged(report, at: number)
        }
        state.step = number
        state.epochLoss += report.step.loss
        state.epochSteps += 1
        if let every = job.comparesProcessesEvery, number % every == 0, group.count > 1 {
            try job.requireEqual(trainer.method, after: number)
        }
        clock.add(images: job.recipe.train.effectiveBatch, loss: report.step.loss)
        if prober != nil {
            let method = trainer.method
            for reason in prober?.learn(method.encoder, method.encoderParameters, after: number) ?? []
            where toldWarnings.insert(reason).inserted { log.warning(reason) }
        }
        if isLogged {
            if let constant = report.constantLoss,
                let verdict = state.health.verdict(loss: report.step.loss, constant: constant)
            {
                log.warning("health at step \(number): \(verdict)")
            }
            try add(stepRow(report), onRow)
        }
        if number % stepsPerEpoch == 0 {
            try add(epochRow(), onRow)
            state.epochLoss = 0
            state.epochSteps = 0
            state.epochDamaged = 0
            try probe(onRow)
            clock.restart(waited: loader.waitedSeconds)
        }
    }

    /// Lets the online probes look at the encoder at the end of an epoch; one that fails is told, and stops nothing.
    private mutating func probe(_ onRow: (JSONValue) throws -> Void) throws(RunError) {
        let (epoch, epochs) = (state.step / stepsPerEpoch, job.recipe.train.epochs)
        guard prober?.isDue(after: epoch, of: epochs) ?? false else { return }
        let method = trainer.method
        for row in prober?.rows(
            method.encoder, method.encoderParameters, step: state.step, epoch: epoch, of: epochs) ?? []
        {
            if let reason = row["error"]?.string {
                log.warning("the online probe \(row["protocol"]?.string ?? "") after epoch \(epoch): \(reason)")
            }
            try add(row, onRow)
        }
    }

    /// Lists pictures that were found unreadable and replaced, each once.
    private mutating func note(_ pictures: [UnreadablePicture]) throws(RunError) {
        let new = pictures.filter { state.unreadable.updateValue($0.key, forKey: $0.sample) == nil }
        guard !new.isEmpty else { return }
        log.warning("\(state.unreadable.count) unreadable pictures so far; listed in \(job.folder.skippedFile)")
        isDigestStale = true
        guard group.isFirst else { return }
        do throws(RunError) {
            try requireInPlace()
            try job.folder.addSkipped(new.map { ($0.key, $0.error.message) })
        } catch {
            try endAfterStep(error)
        }
    }

    /// Counts pictures that were decoded in spite of faults; the first of them is named.
    private mutating func note(_ pictures: [DamagedPicture]) {
        state.epochDamaged += pictures.count
        guard warnsOfDamage, let first = pictures.first else { return }
        warnsOfDamage = false
        log.warning(
            "\(first.key) was decoded in spite of a fault (\(first.fault)); such pictures are counted in the epoch's row"
        )
    }

    private func diverged(_ report: Trainer<Method>.Report, at step: Int) -> RunError {
        let what =
            report.step.loss.isFinite ? "gradient norm is \(report.step.gradientNorm)" : "loss is \(report.step.loss)"
        return diverged("the \(what) at step \(step)", in: step)
    }

    /// What is said where a step, counted from 1, has led to numbers that are not finite: with every rate that may be too high.
    func diverged(_ what: String, in step: Int) -> RunError {
        let own = trainer.method.ownSettings(at: max(0, step - 1))
        let rates =
            job.recipe.words(ofRate: trainer.rate(before: step))
            + (own.map { " or \($0.key) (now \($0.learningRate))" } ?? "")
        let good =
            lastCheckpoint.map { "the last good checkpoint is \(job.folder.checkpoints.folder(of: $0))" }
            ?? "there is no checkpoint yet"
        return RunError(
            .diverged,
            "training diverged: \(what); \(good). Lower \(rates), lengthen train.schedule.warmup_epochs or "
                + "\(job.recipe.train.clipNorm == nil ? "set" : "lower") train.clip_norm")
    }
}
