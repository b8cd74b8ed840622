public import Autodiff
import Checkpoints
import Foundation
public import ImageData
public import Logging
import PretrainingMethods
public import RecipeSchema

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
    /// The epoch after which to stop, counted from 1, if before the end.
    public var untilEpoch: Int?
    /// What computes.
    public var engine: Engine
    /// Threads that prepare images; the result does not depend on them.
    public var loaderThreads: Int

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
    /// `onRow` gets each row of `metrics.jsonl`, `onProgress` every step.
    public func run(
        source: any ImageSource, transform: any ImageTransform, stop: StopSignal?, log: Logger,
        onRow: (JSONValue) -> Void, onProgress: (Progress) -> Void
    ) throws -> Outcome {
        guard let lock = try RunLock(folder: folder.path) else {
            throw RunError(
                .inUse,
                "\(folder.path) is in use by another process (\(folder.path)/lock has its number); wait for it or "
                    + "stop it")
        }
        defer { withExtendedLifetime(lock) {} }
        return try run(recipe.method, source, transform, stop, log, onRow, onProgress)
    }

    private func run<Options: PretrainingOptions>(
        _ options: Options, _ source: any ImageSource, _ transform: any ImageTransform, _ stop: StopSignal?,
        _ log: Logger, _ onRow: (JSONValue) -> Void, _ onProgress: (Progress) -> Void
    ) throws -> Outcome {
        // A method that cannot be made, for want of a teacher say, leaves the folder as it was.
        let method = try options.makeMethod(recipe.methodContext)
        if start != .resumed {
            try folder.clear()
            try folder.write(recipe)
        }
        var loop = try TrainingLoop(self, method, source: source, transform: transform, log: log)
        return try loop.run(stop: stop, onRow: onRow, onProgress: onProgress)
    }
}
