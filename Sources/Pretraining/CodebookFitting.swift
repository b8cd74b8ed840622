public import Autodiff
import Checkpoints
public import ImageData
public import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Makes a codebook for CAE's tokens from the training pictures of a recipe, cut as in training.
public struct CodebookFitting {
    /// Whose pictures, patches and normalisation.
    public var recipe: Recipe
    /// Rows of the codebook.
    public var entries: Int
    /// Patches that it is fitted to, at least.
    public var patches: Int

    /// A codebook of `entries` rows, fitted to `patches` patches or a few more.
    public init(_ recipe: Recipe, entries: Int, patches: Int) {
        self.recipe = recipe
        self.entries = entries
        self.patches = patches
    }

    /// Fits it, by 20 rounds of k-means on the patches of whole batches.
    public func run(source: any ImageSource, transform: any ImageTransform, engine: Engine) throws -> PatchCodebook {
        let random = RandomStream(seed: UInt64(recipe.seed)).child("codebook")
        let loader = try Loader(
            source: source, transform: transform, batchSize: min(recipe.train.batchSize, source.count),
            random: random.child("pictures"), corruptLimit: recipe.data.corruptLimit, threads: 1)
        defer { loader.stop() }
        let target = PixelTarget(patchSize: recipe.model.patchSize, isNormalized: true)
        var values: [Float] = []
        var width = 1
        repeat {
            let batch = try loader.next()
            let rows = target(of: Tensor(batch.images, Shape(batch.shape)), engine: engine)
            width = rows.shape.columns
            values += rows.array
        } while values.count < max(patches, entries) * width
        let fitted = PatchCodebook(
            fittedTo: Tensor(values, [values.count / width, width]), count: entries, random: random.child("k_means"),
            engine: engine)
        guard let fitted else { preconditionFailure("\(values.count / width) patches for \(entries) rows") }
        return fitted
    }

    /// What tells the file of a codebook from others.
    public static let format = "palimpsest-codebook"

    /// The file of a codebook, as the recipe key `method.tokens` reads it.
    public func bytes(of codebook: PatchCodebook) -> [UInt8] {
        var file = SafetensorsFile(
            metadata: [
                "format": Self.format, "version": "1", "palimpsest": palimpsestVersion,
                "recipe": recipe.encoded.text(),
            ])
        file["codebook"] = StoredTensor(codebook.rows.array, shape: Array(codebook.rows.shape))
        return Safetensors.bytes(of: file)
    }
}
