public import Autodiff
import Checkpoints
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
public import VisionTransformers

/// `encoder.safetensors`: an encoder alone, under timm's names, with what is needed to use it.
public struct EncoderFile: Sendable {
    /// The recipe that made it.
    public var recipe: Recipe
    /// The encoder.
    public var encoder: Encoder
    /// Its parameters.
    public var parameters: ParameterStore

    /// The file of an encoder: its parameters, and its position table, which timm's models keep as a parameter.
    ///
    /// `not_timm` in the metadata says why timm cannot read it, where it cannot.
    static func file(_ encoder: Encoder, _ parameters: ParameterStore, _ recipe: Recipe) -> SafetensorsFile {
        var file = SafetensorsFile(
            metadata: ["format": "pt", "palimpsest": palimpsestVersion, "recipe": recipe.encoded.text()])
        if let reason = encoder.timmObstacle { file.metadata["not_timm"] = reason }
        for (name, value) in encoder.exported(from: parameters) {
            file[name] = StoredTensor(value.array, shape: Array(value.shape))
        }
        return file
    }

    /// Reads a file that this software wrote.
    public init(path: String) throws {
        let file = try orRunError { () throws(CheckpointError) in try Safetensors.read(path) }
        guard let text = file.metadata["recipe"] else {
            throw RunError(
                .data,
                "\(path) carries no recipe, so its patch size, heads and normalisation are unknown; it was not written "
                    + "by pretrain")
        }
        do {
            recipe = try Recipe.parse(Array(text.utf8))
        } catch {
            throw RunError(.data, "\(path): the recipe in its metadata cannot be used: \(error)")
        }
        (encoder, parameters) = EncoderFile.randomEncoder(recipe)
        for id in parameters.ids {
            let entry = parameters.entry(id)
            let found = encoder.imported(entry.name) { name in file[name].map { Tensor($0.floats(), Shape($0.shape)) } }
            guard let found else { throw RunError(.data, "\(path) has no tensor for \"\(entry.name)\"") }
            guard found.shape == entry.shape else {
                throw RunError(
                    .data,
                    "\(path): the tensor for \"\(entry.name)\" has the shape \(found.shape); its recipe needs "
                        + "\(entry.shape)")
            }
            parameters.setValue(found, for: id)
        }
    }

    /// The encoder of a recipe with the initial values of its seed: the baseline of every probe.
    public static func randomEncoder(_ recipe: Recipe) -> (Encoder, ParameterStore) {
        var store = ParameterStore()
        let encoder = Encoder(
            recipe.model, grid: recipe.grid, traits: recipe.method.encoderTraits, adding: &store,
            random: recipe.initialValues)
        return (encoder, store)
    }
}

extension Recipe {
    /// The stream of initial values.
    var initialValues: RandomStream { RandomStream(seed: UInt64(seed)).child("initial_values") }
}
