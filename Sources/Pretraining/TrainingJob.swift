public import Autodiff
import Checkpoints
import EncoderFiles
import Foundation
public import ImageData
import PretrainingMethods
public import ProcessGroups
public import RecipeSchema
import TrainingStep

/// One call of the training loop on a run folder: from the start, or from a checkpoint.
public struct TrainingJob {
    /// Where training begins.
    public enum Start: Sendable, Equatable {
        /// With initial values.
        case fresh
        /// With the parameters of a file: what an earlier `model.safetensors` or `encoder.safetensors` has is taken.
        case initialized(from: String)
        /// From the last good checkpoint of the run folder.
        case resumed
    }

    /// How a call ended.
    public enum Outcome: Sendable, Equatable {
        /// All steps of the recipe are taken.
        case finished
        /// The epoch asked for is reached.
        case reachedEpoch(Int)
        /// A signal asked to stop; everything is saved.
        case stopped(signal: Int32)
        /// Nothing was left to do: the run had come that far before.
        case nothingLeft(step: Int, of: Int)

        /// False where no step was taken.
        public var hasTrained: Bool { if case .nothingLeft = self { false } else { true } }
    }

    /// Where training stands, for a progress line.
    public struct Progress: Sendable {
        /// Optimiser steps taken.
        public var step: Int
        /// Optimiser steps of the recipe.
        public var steps: Int
        /// The epoch, from 1.
        public var epoch: Int
        /// Epochs of the recipe.
        public var epochs: Int
        /// The loss of the last step.
        public var loss: Double
        /// Images a second, over the last seconds.
        public var imagesPerSecond: Double
        /// Seconds that the rest will take at this speed.
        public var secondsLeft: Double
    }

    /// What decides the run.
    public var recipe: Recipe
    /// Where it is kept.
    public var folder: RunFolder
    /// Where it begins.
    public var start: Start
    /// Whether a run in the folder is replaced; it is set aside until the new one has a checkpoint.
    public var overwrites = false
    /// The epoch after which to stop, counted from 1, if before the end.
    public var untilEpoch: Int?
    /// What computes.
    public var engine: Engine
    /// Threads that prepare images; the result does not depend on them.
    public var loaderThreads: Int

    /// The processes that train together. Each calls `run` with the same recipe, folder and pictures; the first one alone writes, and
    /// speaks to `log`, `onRow` and `onProgress`.
    public var group = ProcessGroup.alone

    /// Optimiser steps between comparisons of what the processes of the group hold, which ends them where it differs; nil: none.
    public var comparesProcessesEvery: Int?

    /// Opens the pictures of online probes.
    public var openProbePictures: (DataOptions, DatasetPart) throws -> any ImageSource = { data, part in
        try data.open(part, cards: DatasetCards(folders: RecipeLibrary.folders("datasets")))
    }

    /// A job on an engine.
    public init(_ recipe: Recipe, in folder: RunFolder, start: Start, engine: Engine, loaderThreads: Int = 2) {
        self.recipe = recipe
        self.folder = folder
        self.start = start
        self.engine = engine
        self.loaderThreads = loaderThreads
    }

    /// Trains until the recipe ends, the epoch asked for is reached or a signal comes.
    ///
    /// Everything that can be known before the first step is looked at before the folder is touched, and a start that fails
    /// leaves it as it was. `onRow` gets each row of `metrics.jsonl`, `onProgress` every step; when one of them throws, the run
    /// is saved and the error handed on.
    public func run(
        source: any ImageSource, transform: any ImageTransform, stop: StopSignal?, log: RunLog,
        onRow: (JSONValue) throws -> Void, onProgress: (Progress) throws -> Void
    ) throws -> Outcome {
        let file = RunLogFile()
        let log = group.isFirst ? log : RunLog.silent
        try group.together {
            if let reason = Self.refusal(processes: group.count, accumulate: recipe.train.accumulate) {
                throw RunError(.usage, reason)
            }
        }
        try ProcessTraits(
            recipe: recipe.encoded.text(), pictures: source.fingerprint, kernels: engine.level.rawValue
        ).requireEqual(in: group)
        group.advise("go on from its last checkpoint with pretrain resume \(folder.path.quotedForShell)")
        return try run(recipe.method, source, transform, stop, log.copied(to: file), file, onRow, onProgress)
    }

    private func run<Options: PretrainingOptions>(
        _ options: Options, _ source: any ImageSource, _ transform: any ImageTransform, _ stop: StopSignal?,
        _ log: RunLog, _ file: RunLogFile, _ onRow: (JSONValue) throws -> Void, _ onProgress: (Progress) throws -> Void
    ) throws -> Outcome {
        var held: RunClaim?
        try group.together {
            if start == .resumed {
                try recipe.requireSamePast(as: try folder.recipe(), in: folder)
                if group.isFirst { held = try RunClaim(existing: folder) }
            } else if group.isFirst {
                try folder.requireFree(overwriting: overwrites)
                if overwrites { try folder.requireNothingRead(by: self) }
            }
        }
        var loop = try group.together { try makeLoop(options, source, transform, log) }
        let claim = try group.together {
            group.isFirst ? try held ?? RunClaim(new: folder, overwriting: overwrites) : nil
        }
        do {
            try group.together {
                guard let claim else { return }
                try loop.open(claim)
                try file.open(folder.logFile)
            }
            return try loop.run(stop: stop, onRow: onRow, onProgress: onProgress)
        } catch {
            if let claim, start != .resumed, !loop.hasCheckpoint, claim.hasPrevious || !loop.hasBegun {
                let replaced = claim.hasPrevious
                claim.giveBack()
                if replaced { log.warning("the earlier run in \(folder.path) is as it was") }
            }
            throw error
        }
    }

    /// Everything that can be known before the folder is touched.
    private func makeLoop<Options: PretrainingOptions>(
        _ options: Options, _ source: any ImageSource, _ transform: any ImageTransform, _ log: RunLog
    ) throws -> TrainingLoop<Options.Method> {
        var context = recipe.methodContext
        context.parameterLimit = MemoryAccount.mostParameters(limit: engine.memoryLimit)
        let method = try options.makeMethod(context)
        guard !method.parameters.isOverLimit else {
            throw MemoryAccount.refusal(parameters: method.parameters.parameterCount, limit: engine.memoryLimit)
        }
        // Parameters and two moments of each, and the encoder once more.
        let kept = method.encoder.parameterNames(in: method.encoderParameters).reduce(0) {
            $0 + (method.encoderParameters[$1]?.count ?? 0)
        }
        if group.isFirst { try folder.requireSpace(4 * (3 * method.parameters.parameterCount + kept)) }
        return try TrainingLoop(self, method, source: source, transform: transform, log: log)
    }
}

extension RunFolder {
    /// Refuses to replace a run with files that the new one reads: they would be gone when it is started again.
    func requireNothingRead(by job: TrainingJob) throws(RunError) {
        var read = job.recipe.encoded.pathsRead
        if case .initialized(let file) = job.start { read.append(file) }
        guard try content() == .run, let own = realPath(path) else { return }
        for path in read {
            guard let real = realPath(path), real == own || real.hasPrefix(own + "/") else { continue }
            throw RunError(
                .usage,
                "\(path) is part of the run \(self.path) that --overwrite replaces, and the new run reads it; name another "
                    + "folder with --run, or copy the file first")
        }
    }
}
