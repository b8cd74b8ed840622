public import Autodiff
import Checkpoints
public import ImageMasking
import PretrainingMethods
import RandomStreams

/// The masks that training by a recipe would draw, to be looked at before anything is trained.
public struct MaskPreview {
    private let recipe: Recipe
    private let masks: MaskMaker
    private let engine: Engine
    /// Who judges the patches, where the strategy asks for that.
    private var judge: (any PretrainingMethod)?

    /// The masks of a recipe; opens the teacher that they follow, if they follow one.
    ///
    /// Where it is the recipe of a run, a teacher that is another than the run was trained with is an error.
    public init(_ recipe: Recipe, of run: RunFolder? = nil, engine: Engine) throws {
        self.recipe = recipe
        self.engine = engine
        masks = try MaskMaker(recipe)
        if masks.asksMethod { judge = try recipe.method.makeMethod(recipe.methodContext) }
        try run?.requireTrained(on: judge.map(masks.origins) ?? masks.origins)
    }

    /// The masks of one batch; `images` are its images, `[B, C, H, W]`, where the strategy needs importance.
    public mutating func plan(step: Int, samples: [Int], images: Tensor? = nil) throws -> MaskPlan {
        guard let images else { return try masks.plan(samples: samples, step: step) }
        let batch = Batch(images: images, samples: samples)
        var looking = judge
        defer { judge = looking }
        return try masks.plan(of: batch, step: step, engine: engine) {
            try looking?.importance(of: batch, engine: engine)
        }
    }
}

extension RunFolder {
    /// The run whose recipe a file is; nil where it is none's.
    public init?(ofRecipe path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = RunFolder(parts.count > 1 ? parts.dropLast().joined(separator: "/") : ".")
        guard parts.last == "recipe.json", isFile(folder.markerFile) else { return nil }
        self = folder
    }

    /// Refuses origins of masks that are not those of the last checkpoint, where there is one. Origins that are named otherwise than
    /// there belong to another recipe.
    fileprivate func requireTrained(on origins: [String: String]) throws {
        guard !origins.isEmpty else { return }
        let read = try orRunError { () throws(CheckpointError) in try checkpoints.latest() }
        guard let last = read.checkpoint else { return }
        let names = origins.filter { !$0.key.hasSuffix("_sha256") }
        guard names.allSatisfy({ last.model.metadata[$0.key] == $0.value }) else { return }
        try origins.requireEqual(to: last.model.metadata, of: checkpoints.folder(of: last.step))
    }
}
