public import Autodiff
public import ImageMasking
import PretrainingMethods
import RandomStreams

/// The masks that training by a recipe would draw, to be looked at before anything is trained.
public struct MaskPreview {
    private let recipe: Recipe
    private let random: RandomStream
    private let engine: Engine
    /// Who judges the patches, where the strategy asks for that.
    private var judge: (any PretrainingMethod)?

    /// The masks of a recipe; opens the teacher that they follow, if they follow one.
    public init(_ recipe: Recipe, engine: Engine) throws {
        self.recipe = recipe
        self.engine = engine
        random = RandomStream(seed: UInt64(recipe.seed)).child("mask")
        if type(of: recipe.mask).needsImportance { judge = try recipe.method.makeMethod(recipe.methodContext) }
    }

    /// The masks of one batch; `images` are its images, `[B, C, H, W]`, where the strategy needs importance.
    public mutating func plan(step: Int, samples: [Int], images: Tensor? = nil) throws -> MaskPlan {
        var request = MaskRequest(grid: recipe.grid, samples: samples, step: step)
        if let images, var looking = judge {
            request.importance = try looking.importance(of: Batch(images: images, samples: samples), engine: engine)
            judge = looking
        }
        return try recipe.mask.plan(request, random: random)
    }
}
