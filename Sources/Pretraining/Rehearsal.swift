package import Autodiff
package import ImageData
import PretrainingMethods
import RandomStreams
import TrainingStep

/// Training steps of a recipe outside any run folder: the trainer's own, for timing them.
package struct Rehearsal {
    /// Numbers that the optimiser may change.
    package let parameterCount: Int
    private let step: () throws -> Void

    /// The recipe's method with initial weights, fed from a source; throws where a teacher cannot be read or the source is too
    /// small.
    package init(
        _ recipe: Recipe, source: any ImageSource, normalization: Normalization, engine: Engine, loaderThreads: Int = 1
    ) throws {
        let loader = try Loader(
            source: source, transform: recipe.trainingTransform(normalization), batchSize: recipe.train.batchSize,
            accumulate: recipe.train.accumulate, random: RandomStream(seed: UInt64(recipe.seed)).child("data"),
            corruptLimit: recipe.data.corruptLimit, threads: loaderThreads)
        func open(_ options: some PretrainingOptions) throws -> (parameters: Int, step: () throws -> Void) {
            let method = try options.makeMethod(recipe.methodContext)
            let steps = source.count / recipe.train.effectiveBatch
            let count = method.parameters.parameterCount
            let stage = Stage(
                Trainer(method, try MaskMaker(recipe), recipe, stepsPerEpoch: steps, engine: engine))
            return (count, { _ = try stage.trainer.takeStep(loader, isLogged: false) })
        }
        (parameterCount, step) = try open(recipe.method)
    }

    /// Loads a batch and takes an optimiser step on it.
    package func takeStep() throws { try step() }

    /// A trainer that a closure can hold.
    private final class Stage<Method: PretrainingMethod> {
        var trainer: Trainer<Method>
        init(_ trainer: consuming Trainer<Method>) { self.trainer = trainer }
    }
}
