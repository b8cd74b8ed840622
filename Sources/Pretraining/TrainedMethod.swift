public import Autodiff
import Checkpoints
public import ImageMasking
public import PretrainingMethods
import RandomStreams
import RecipeSchema
import TrainingStep

/// The method of a run as its last checkpoint holds it, decoder and all.
public struct TrainedMethod {
    /// The run's recipe.
    public let recipe: Recipe
    /// Steps that the checkpoint has seen.
    public let step: Int
    /// The method with its parameters.
    public let method: any PretrainingMethod

    /// Reads the last good checkpoint of a run.
    public init(_ folder: RunFolder) throws {
        let recipe = try folder.recipe()
        let checkpoints = folder.checkpoints
        guard let found = try orRunError({ () throws(CheckpointError) in try checkpoints.latest() }).checkpoint else {
            throw RunError(
                .missing, "\(checkpoints.path) has no checkpoint that can be used; train on with pretrain resume")
        }
        func loaded<Options: PretrainingOptions>(_ options: Options) throws -> any PretrainingMethod {
            var method = try options.makeMethod(recipe.methodContext)
            let place = checkpoints.folder(of: found.step)
            try method.parameters.load(found.model, from: place)
            try method.loadState(found.model, from: place)
            return method
        }
        self.recipe = recipe
        step = found.step
        method = try loaded(recipe.method)
    }

    /// Images and what the method makes of them under the run's masks.
    public func reconstruct(_ images: Tensor, engine: Engine) throws -> (mask: PatchMask, predicted: Tensor) {
        guard var method = method as? any PixelReconstructing else {
            throw RunError(
                .usage, "method \"\(type(of: recipe.method).name)\" predicts no pixels, so there is nothing to show")
        }
        let samples = Array(0..<images.shape[0])
        let plan = try recipe.mask.plan(
            MaskRequest(grid: recipe.grid, samples: samples, epoch: recipe.train.epochs - 1),
            random: RandomStream(seed: UInt64(recipe.seed)).child("view"))
        guard case .patches(let mask) = plan else {
            throw RunError(.usage, "a plan of \(plan.kind.rawValue) hides no patches, so there is nothing to show")
        }
        let predicted = try method.reconstructed(Batch(images: images, samples: samples), plan, engine: engine)
        return (mask, predicted)
    }
}
