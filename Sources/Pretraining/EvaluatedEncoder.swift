public import Autodiff
import Checkpoints
public import EncoderFiles
public import ImageData
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
public import VisionTransformers

/// A frozen encoder from a file, with a recipe that says how pictures are made ready for it.
public struct EvaluatedEncoder: Sendable {
    /// The recipe that made it; of a file that has none, one for its images, its network and nothing else.
    public var recipe: Recipe
    /// The encoder.
    public let encoder: Encoder
    /// Its parameters.
    public let parameters: ParameterStore
    /// What became of each tensor of the file.
    public let account: EncoderAccount
    /// The terms of weights that came from elsewhere; nil where nothing says them.
    public let licence: String?
    /// Whether the file has a recipe of its own; where it has none, its pictures must be named.
    public let hasRecipe: Bool
    /// The data that it was pretrained on, whatever `recipe` is made to say; nil where the file does not say it.
    public let pretrainingData: DataOptions?
    /// Why the recipe in the file cannot be used here, if there is one that cannot.
    private var recipeFault: String?

    /// Reads a file of this program, timm, Hugging Face or CLIP, or the one in a folder.
    public init(path: String) throws {
        let (file, loaded) = try orRunError { () throws(CheckpointError) in
            let file = try EncoderFile(path: path)
            return (file, try file.load())
        }
        encoder = loaded.encoder
        parameters = loaded.parameters
        account = loaded.account
        licence = file.licence
        guard let text = file.metadata["recipe"] else {
            recipe = try Recipe(describing: loaded, path: file.path)
            try recipe.data.takeScaling(from: file.metadata, path: file.path)
            hasRecipe = false
            pretrainingData = nil
            return
        }
        do {
            recipe = try Recipe.parse(Array(text.utf8))
        } catch  where file.metadata[EncoderDescription.key] != nil {
            // The encoder is known all the same: the recipe may name a method or a strategy made elsewhere.
            recipe = try Recipe(describing: loaded, path: file.path)
            hasRecipe = false
            pretrainingData = nil
            recipeFault = "\(error)".split(separator: "\n").joined(separator: "; ")
            return
        } catch {
            throw RunError(.data, "\(file.path): the recipe in its metadata cannot be used: \(error)")
        }
        // Numbers of a recipe size the network with initial values, so they must be those that the tensors have shown.
        var said = recipe.model
        said.position = encoder.options.position
        guard recipe.grid == encoder.grid, said.encoded == encoder.options.encoded else {
            throw RunError(
                .data,
                "\(file.path): the recipe in its metadata describes another encoder (\(recipe.grid) patches, model "
                    + "\(recipe.model.encoded.text())) than the one beside it (\(encoder.grid) patches, model "
                    + "\(encoder.options.encoded.text()))")
        }
        hasRecipe = true
        pretrainingData = recipe.data
    }

    /// What a log should say before anything is computed: what was taken, and of a foreign file what its pictures become.
    public var notes: [String] {
        let taken = account.sentence
        guard !hasRecipe else { return [taken] }
        let fault = recipeFault.map { ["its recipe cannot be used here: \($0)"] } ?? []
        let (size, mean, deviation) = (recipe.data.imageSize, recipe.data.mean, recipe.data.deviation)
        return fault + [
            taken,
            "pictures become \(size.height) x \(size.width) pixels"
                + (mean.map { ", normalised with mean \($0) and std \(deviation ?? [])" } ?? "")
                + "; the network with initial values has MAE's, since no method is known",
        ]
    }

    /// The same network with initial values, the baseline of every probe: those of the recipe's seed and method, or MAE's where
    /// the file names none.
    public func untrained() -> (Encoder, ParameterStore) {
        var store = ParameterStore()
        var traits = encoder.traits
        traits.initialization = .mae
        let encoder = Encoder(
            hasRecipe ? recipe.model : encoder.options, grid: encoder.grid,
            traits: hasRecipe ? recipe.method.encoderTraits : traits, adding: &store, random: recipe.initialValues)
        return (encoder, store)
    }
}

extension Recipe {
    /// The stream of initial values.
    var initialValues: RandomStream { RandomStream(seed: UInt64(seed)).child("initial_values") }

    /// The file of an encoder that this recipe made, with the terms of the weights that it began with.
    func file(of encoder: Encoder, _ parameters: ParameterStore, licence: String?) -> SafetensorsFile {
        let constants = data.writtenNormalization
        var metadata = ["palimpsest": palimpsestVersion, "recipe": withoutProbes.encoded.text()]
        metadata[EncoderFile.licenceKey] = licence
        return encoder.file(
            parameters, mean: constants.mean, deviation: constants.deviation, metadata: metadata)
    }

    /// What a checkpoint of this recipe says of the encoder that is kept of it.
    func description(of encoder: Encoder) -> EncoderDescription {
        let constants = data.writtenNormalization
        return EncoderDescription(
            encoder, mean: constants.mean, deviation: constants.deviation,
            prefix: type(of: method).keptEncoderPrefix(owner: encoder.traits.owner))
    }

    /// A recipe for the images of an encoder from elsewhere: their size, and how they are normalised, as photographs where
    /// nothing says it.
    fileprivate init(describing loaded: LoadedEncoder, path: String) throws(RunError) {
        self.init()
        let (options, grid) = (loaded.encoder.options, loaded.encoder.grid)
        name = "encoder"
        model = options
        // A grid has at most 2¹⁶ patches a side, and a patch at most as many pixels as its matrix in the file has numbers.
        let (height, width) = (grid.rows * options.patchSize, grid.columns * options.patchSize)
        guard max(height, width) <= 1 << 14 else {
            throw RunError(
                .data,
                "\(path): its images have \(grid) patches of \(options.patchSize) pixels; at most 16384 pixels a side are "
                    + "possible")
        }
        data.imageSize = ImageSize(height: height, width: width)
        let statistics = loaded.statisticsBeside ?? loaded.statistics
        data.mean = statistics?.mean
        data.deviation = statistics?.deviation
        if data.mean == nil && options.channels == 3 {
            data.mean = Normalization.imageNet.mean
            data.deviation = Normalization.imageNet.deviation
        }
    }
}
