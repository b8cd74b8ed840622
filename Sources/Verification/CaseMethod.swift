import Autodiff
import Checkpoints
import ImageMasking
import PretrainingMethods
import RecipeSchema
import TrainingStep
import VisionTransformers

/// The method of a case's recipe, of the size of its pictures `in/images` and with its weights.
struct CaseMethod<Options: PretrainingOptions> {
    /// The pictures, numbered from 0.
    let batch: Batch
    let encoder: EncoderOptions
    let grid: PatchGrid
    let method: Options.Method

    init(_ golden: GoldenCase) throws {
        let images = try golden.pictures()
        encoder = try golden.encoder(for: Options.self)
        let options = try golden.section("recipe.method", as: Options.self, without: ["name"])
        let context = try golden.context(options, encoder, images.shape)
        var method = try options.makeMethod(context)
        try load("w/", of: golden, into: &method.parameters)
        self.method = method
        grid = context.grid
        batch = Batch(images: images, samples: Array(0..<images.shape[0]))
    }
}

extension GoldenCase {
    /// The encoder of a case with what the method sets where a recipe does not say.
    func encoder<Options: PretrainingOptions>(for _: Options.Type) throws -> EncoderOptions {
        var recipe = try value("recipe")
        for (path, value) in Options.recipeDefaults where path.hasPrefix("model.") {
            recipe.setDefault(value, at: path)
        }
        var problems: [Problem] = []
        guard let model = recipe["model"],
            let encoder = EncoderOptions.decode(model, at: "$.recipe.model", &problems)
        else { throw GoldenError("\(Problems(problems))") }
        return encoder
    }

    /// A method's state with the values that the case stores as `w/…`: all of them, in their shapes.
    func stored(_ state: [String: Tensor]) throws -> [String: Tensor] {
        try Dictionary(
            uniqueKeysWithValues: state.map { name, tensor in
                let stored = try engineTensor("w/\(name)")
                try CaseBounds.require(stored.shape == tensor.shape, "w/\(name) has the shape \(stored.shape)")
                return (name, stored)
            })
    }

    /// Where a draw of a micro-batch stands: `draw/<n>/…`, or `draw/…` where all have the same.
    func draw(_ name: String, of number: Int) -> String {
        let own = "draw/\(number)/\(name)"
        return tensors[own] == nil ? "draw/\(name)" : own
    }
}
