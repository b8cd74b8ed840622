public import Autodiff
import Checkpoints
import ImageMasking
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
    static func file(_ encoder: Encoder, _ parameters: ParameterStore, _ recipe: Recipe) -> SafetensorsFile {
        var file = SafetensorsFile(
            metadata: ["format": "pt", "palimpsest": palimpsestVersion, "recipe": recipe.encoded.text()])
        for entry in encoder.parameterNames(in: parameters).compactMap({ parameters.id(named: $0) }).map(
            parameters.entry)
        {
            file[entry.name] = parameters[entry.name].map { StoredTensor($0.array, shape: Array(entry.shape)) }
        }
        let table = encoder.positionTable(parameters)
        file["pos_embed"] = StoredTensor(table.array, shape: [1] + Array(table.shape))
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
        try parameters.load(file, from: path)
    }

    /// The encoder of a recipe with the initial values of its seed: the baseline of every probe.
    public static func randomEncoder(_ recipe: Recipe) -> (Encoder, ParameterStore) {
        var store = ParameterStore()
        let encoder = Encoder(
            recipe.model, grid: recipe.grid, adding: &store, random: recipe.initialValues)
        return (encoder, store)
    }
}

extension Recipe {
    /// The stream of initial values.
    var initialValues: RandomStream { RandomStream(seed: UInt64(seed)).child("initial_values") }
}
