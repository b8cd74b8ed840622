import Autodiff
import Checkpoints
import Foundation
import ImageData
import Logging
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// The loop around the trainer: rows, checkpoints, stopping.
struct TrainingLoop<Method: PretrainingMethod>: ~Copyable {
    private let job: TrainingJob
    private let log: Logger
    private let loader: Loader
    private let metrics: MetricsFile
    private let stepsPerEpoch: Int
    private let lastStep: Int
    private var trainer: Trainer<Method>
    private var state = TrainingState()
    private var clock = SpeedClock()
    private var lastCheckpoint: Int?
    private var warnsOfDamage = true
    private let health: HealthMonitor?

    init(
        _ job: TrainingJob, _ method: Method, source: any ImageSource, transform: any ImageTransform, log: Logger
    ) throws {
        let train = job.recipe.train
        let steps = source.count / train.batchSize / train.accumulate
        guard steps >= 1 else {
            throw RunError(
                .data,
                "the source has \(source.count) pictures, fewer than one step of \(train.effectiveBatch) "
                    + "(batch_size x accumulate); lower train.batch_size or train.accumulate")
        }
        var trainer = Trainer(method, job.recipe, stepsPerEpoch: steps, engine: job.engine)
        var state = TrainingState()
        state.recipe = job.recipe.coreDigest
        state.data = source.fingerprint
        var lastCheckpoint: Int?
        switch job.start {
        case .fresh: break
        case .initialized(let path): try trainer.initialize(from: path, log)
        case .resumed: lastCheckpoint = try trainer.resume(job.folder.checkpoints, &state, log)
        }
        let metrics = try MetricsFile(path: job.folder.metricsFile, keepingThrough: state.step)
        let loader = try Loader(
            source: source, transform: transform, batchSize: train.batchSize, accumulate: train.accumulate,
            random: RandomStream(seed: UInt64(job.recipe.seed)).child("data"),
            corruptLimit: job.recipe.data.corruptLimit, threads: job.loaderThreads,
            firstStep: state.step * train.accumulate, unreadable: state.unreadable)
        // Nothing below throws: a value that cannot be copied is made whole, or not at all.
        self.job = job
        self.log = log
        self.metrics = metrics
        self.loader = loader
        self.state = state
        self.lastCheckpoint = lastCheckpoint
        self.trainer = trainer
        health = HealthMonitor(job.recipe, source: source, engine: job.engine)
        stepsPerEpoch = steps
        lastStep = min(steps * train.epochs, train.maxSteps ?? Int.max)
        explain(source)
    }

    /// The first lines of the log: what the numbers of the recipe come to.
    private func explain(_ source: any ImageSource) {
        let train = job.recipe.train
        let ledger = source.ledger
        if let summary = ledger.summary { log.log(level: ledger.isAlarming ? .warning : .info, "\(summary)") }
        for note in ledger.notes { log.info("\(note)") }
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
            ? " = base_learning_rate \(train.baseLearningRate ?? 1.5e-4) x \(train.effectiveBatch) / 256" : ""
        log.info(
            "learning rate \(train.peakLearningRate)\(rate), after \(train.warmupEpochs) epochs of warm-up")
        log.info("\(job.engine.threads) threads, \(job.engine.level.rawValue) kernels")
        if state.step > 0 { log.info("going on after step \(state.step)") }
    }

    mutating func run(
        stop: StopSignal?, onRow: (JSONValue) -> Void, onProgress: (TrainingJob.Progress) -> Void
    ) throws -> TrainingJob.Outcome {
        let limit = job.untilEpoch.map { min($0 * stepsPerEpoch, lastStep) } ?? lastStep
        defer { loader.stop() }
        if state.step == 0 { try checkHealth(onRow) }
        clock.restart(waited: loader.waitedSeconds)
        while state.step < limit {
            try takeStep(onRow)
            if health?.isDue(after: state.step, of: lastStep) ?? false { try checkHealth(onRow) }
            onProgress(progress)
            if let number = stop?.number {
                try save()
                return .stopped(signal: number)
            }
            if isCheckpointDue { try save() }
        }
        try save()
        return limit < lastStep ? .reachedEpoch(limit / stepsPerEpoch) : .finished
    }

    /// Looks at the features of the probe pictures; an alarm warns.
    private mutating func checkHealth(_ onRow: (JSONValue) -> Void) throws {
        let start = ContinuousClock.now
        guard let figures = health?.figures(trainer.method.encoder, trainer.method.encoderParameters) else { return }
        let warmup = job.recipe.train.warmupEpochs * Double(stepsPerEpoch)
        let verdict = state.health.verdict(figures, afterWarmup: Double(state.step) >= warmup)
        if let verdict { log.warning("health at step \(state.step): \(verdict)") }
        let row = JSONValue.object(
            [("kind", JSONValue("health")), ("step", JSONValue(state.step))] + figures.members
                + [
                    ("seconds", JSONValue((ContinuousClock.now - start) / .seconds(1))),
                    ("verdict", verdict.map { JSONValue($0) } ?? .null),
                ])
        try metrics.append(row)
        onRow(row)
    }

    private mutating func takeStep(_ onRow: (JSONValue) -> Void) throws {
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
        guard report.loss.isFinite && report.gradientNorm.isFinite else { throw diverged(report, at: number) }
        state.step = number
        state.epochLoss += report.loss
        state.epochSteps += 1
        clock.add(images: job.recipe.train.effectiveBatch, loss: report.loss)
        if isLogged {
            if let constant = report.constantLoss,
                let verdict = state.health.verdict(loss: report.loss, constant: constant)
            {
                log.warning("health at step \(number): \(verdict)")
            }
            let row = stepRow(report)
            try metrics.append(row)
            onRow(row)
        }
        if number % stepsPerEpoch == 0 {
            let row = epochRow()
            try metrics.append(row)
            onRow(row)
            state.epochLoss = 0
            state.epochSteps = 0
            state.epochDamaged = 0
            clock.restart(waited: loader.waitedSeconds)
        }
    }

    /// Lists pictures that were found unreadable and replaced, each once.
    private mutating func note(_ pictures: [UnreadablePicture]) throws(RunError) {
        let new = pictures.filter { state.unreadable.insert($0.sample).inserted }
        guard !new.isEmpty else { return }
        log.warning("\(state.unreadable.count) unreadable pictures so far; listed in \(job.folder.skippedFile)")
        let path = job.folder.skippedFile
        guard let file = fopen(path, "a") else { throw RunError(.cannotCreate, "cannot write \(path)") }
        for picture in new { fputs("\(picture.key)\t\(picture.error.message)\n", file) }
        fclose(file)
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
        let what = report.loss.isFinite ? "gradient norm is \(report.gradientNorm)" : "loss is \(report.loss)"
        let good =
            lastCheckpoint.map { "the last good checkpoint is \(job.folder.checkpoints.folder(of: $0))" }
            ?? "there is no checkpoint yet"
        return RunError(
            .diverged,
            "training diverged: the \(what) at step \(step); \(good). Lower the learning rate "
                + "(now \(report.learningRate)), lengthen the warm-up or set train.clip_norm")
    }

    private var isCheckpointDue: Bool {
        let log = job.recipe.log
        return state.step % (stepsPerEpoch * log.checkpointEveryEpochs) == 0
            || log.checkpointEverySteps.map { state.step % $0 == 0 } ?? false
    }

    private mutating func save() throws(RunError) {
        guard lastCheckpoint != state.step else { return }
        let checkpoint = trainer.checkpoint(state, job.recipe)
        let encoder = EncoderFile.file(
            trainer.method.encoder, trainer.method.encoderParameters, job.recipe)
        try orRunError { () throws(CheckpointError) in
            try job.folder.checkpoints.write(checkpoint, keep: job.recipe.log.keep)
            try Safetensors.write(encoder, to: job.folder.encoderFile)
        }
        lastCheckpoint = state.step
    }

    private var progress: TrainingJob.Progress {
        let speed = clock.imagesPerSecond
        let left = Double((lastStep - state.step) * job.recipe.train.effectiveBatch)
        return .init(
            step: state.step, steps: lastStep, epoch: (state.step - 1) / stepsPerEpoch + 1,
            epochs: job.recipe.train.epochs, loss: clock.lastLoss, imagesPerSecond: speed,
            secondsLeft: speed > 0 ? left / speed : 0)
    }

    private func stepRow(_ report: Trainer<Method>.Report) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("kind", JSONValue("step")), ("step", JSONValue(state.step)),
            ("epoch", JSONValue(Double(state.step) / Double(stepsPerEpoch))), ("loss", JSONValue(report.loss)),
            ("learning_rate", JSONValue(report.learningRate)),
            ("weight_decay", JSONValue(report.weightDecay)), ("grad_norm", JSONValue(report.gradientNorm)),
            ("images_per_s", JSONValue(clock.imagesPerSecond)),
            ("wait_share", JSONValue(clock.waitShare(waited: loader.waitedSeconds))),
        ]
        if let constant = report.constantLoss { members.append(("constant_loss", JSONValue(constant))) }
        for (name, value) in report.indicators where value.isFinite { members.append((name, JSONValue(value))) }
        if report.maskFallbacks > 0 { members.append(("mask_fallbacks", JSONValue(report.maskFallbacks))) }
        return .object(members)
    }

    private func epochRow() -> JSONValue {
        .object([
            ("kind", JSONValue("epoch")), ("step", JSONValue(state.step)),
            ("epoch", JSONValue(state.step / stepsPerEpoch)),
            ("loss", JSONValue(state.epochLoss / Double(state.epochSteps))),
            ("images_per_s", JSONValue(clock.imagesPerSecond)),
            ("wait_share", JSONValue(clock.waitShare(waited: loader.waitedSeconds))),
            ("seconds", JSONValue(clock.seconds)), ("unreadable", JSONValue(state.unreadable.count)),
            ("damaged", JSONValue(state.epochDamaged)),
        ])
    }
}
