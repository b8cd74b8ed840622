public import Autodiff
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
    public init(_ recipe: Recipe, engine: Engine) throws {
        self.recipe = recipe
        self.engine = engine
        masks = try MaskMaker(recipe)
        if masks.asksMethod { judge = try recipe.method.makeMethod(recipe.methodContext) }
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
