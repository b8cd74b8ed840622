import Autodiff
public import Checkpoints
import Foundation
public import ImageData
public import ImageMasking
import RandomStreams
public import RecipeSchema
import VisionTransformers

/// Reads a teacher: finds the file, tells its layout, and builds the encoder that it holds.
public struct TeacherFile {
    /// The tensors of the file.
    let file: SafetensorsFile
    let options: TeacherOptions
    /// What stands in a `config.json` beside the file.
    private let config: JSONValue?

    /// The file of a teacher: named, or in a folder that is a run, a checkpoint or a download.
    init(_ options: TeacherOptions) throws {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: options.path, isDirectory: &isFolder) else {
            throw MethodError.unusableFile(
                path: options.path,
                reason: "there is no such file or folder; train the teacher first, or correct method.teacher.path")
        }
        var path = options.path
        if isFolder.boolValue {
            let inside = ["encoder.safetensors", "model.safetensors"].map { options.path + "/" + $0 }
            guard let found = inside.first(where: { manager.fileExists(atPath: $0) }) else {
                throw MethodError.unusableFile(
                    path: options.path,
                    reason: "the folder holds neither encoder.safetensors nor model.safetensors; name a run that has "
                        + "finished an epoch, or a file")
            }
            path = found
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let config = manager.contents(atPath: folder + "/config.json").flatMap { try? JSONParser.parse(Array($0)) }
        self.init(try Safetensors.read(path), options, config: config)
    }

    /// A file that has been read.
    public init(_ file: SafetensorsFile, _ options: TeacherOptions, config: JSONValue? = nil) {
        self.file = file
        self.options = options
        self.config = config?["vision_config"] ?? config
    }

    private func fault(_ reason: String) -> MethodError { .unusableFile(path: options.path, reason: reason) }

    /// Whether the file says its recipe, and is to be read by it.
    var isOwn: Bool {
        options.layout == .own || (options.layout == .auto && file.metadata["recipe"] != nil)
    }

    /// The weights of a foreign file under canonical names, with what they do not say and how its images are normalised; for a
    /// grid that the teacher will see.
    public func foreign(
        on grid: PatchGrid
    ) throws -> (weights: TeacherWeights, traits: TeacherWeights.Traits, normalization: Normalization?) {
        let found =
            options.layout == .auto
            ? TeacherWeights.names(of: file) : TeacherNames.all.first { $0.layout == options.layout }
        guard let names = found else {
            throw fault(
                "its tensors are named like those of no vision transformer that is known; the layouts are "
                    + TeacherLayout.allCases.dropFirst().map { "\"\($0.rawValue)\"" }.joined(separator: ", "))
        }
        let weights = try TeacherWeights(file, names: names, patches: grid.count, path: options.path)
        var traits = TeacherWeights.Traits(heads: nil, activation: names.activation, epsilon: names.epsilon)
        if weights.tensors["norm_pre.weight"] != nil {
            // An input norm says CLIP, in whatever layout.
            traits.activation = .quickGELU
            traits.epsilon = 1e-5
        }
        if let heads = config?["num_attention_heads"]?.int { traits.heads = heads }
        if let epsilon = config?["layer_norm_eps"]?.double { traits.epsilon = epsilon }
        if let name = config?["hidden_act"]?.string {
            guard let activation = options.activation ?? TeacherActivation(rawValue: name) else {
                throw fault(
                    "its config.json has hidden_act \"\(name)\"; known are "
                        + TeacherActivation.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " and "))
            }
            traits.activation = activation
        }
        traits.heads = options.heads ?? traits.heads
        traits.activation = options.activation ?? traits.activation
        traits.epsilon = options.epsilon ?? traits.epsilon
        return (weights, traits, given ?? names.normalization)
    }

    /// The statistics of the recipe.
    private var given: Normalization? {
        guard let mean = options.mean, let deviation = options.deviation else { return nil }
        return Normalization(mean: mean, deviation: deviation)
    }

    /// The encoder of a file that this program wrote: the one that its method evaluates, for the grid of its own images.
    func own() throws -> (encoder: Encoder, parameters: ParameterStore, normalization: Normalization) {
        if let reason = options.ownFault { throw fault("method.teacher: \(reason)") }
        let recipe = try OwnRecipe(file.metadata["recipe"]) { fault($0) }
        var store = ParameterStore()
        let encoder = Encoder(
            recipe.model, grid: recipe.grid, traits: recipe.traits, adding: &store, random: RandomStream(seed: 0))
        func tensor(_ name: String) -> Tensor? { file[name].map { Tensor($0.floats(), Shape($0.shape)) } }
        for id in store.ids {
            let entry = store.entry(id)
            let value = tensor(recipe.keptPrefix + entry.name) ?? encoder.imported(entry.name, from: tensor)
            guard let value else { throw fault("it has no tensor for \"\(entry.name)\"") }
            guard value.shape == entry.shape else {
                throw fault(
                    "its tensor for \"\(entry.name)\" has the shape \(value.shape), and its recipe needs \(entry.shape)"
                )
            }
            store.setValue(value, for: id)
        }
        return (encoder, store, given ?? recipe.normalization)
    }

    /// The same for another grid.
    func own(on grid: PatchGrid) throws -> (encoder: Encoder, parameters: ParameterStore, normalization: Normalization)
    {
        let (encoder, parameters, normalization) = try own()
        if encoder.grid == grid { return (encoder, parameters, normalization) }
        guard encoder.options.relativePositionBias == .none else {
            throw fault(
                "its relative positions are those of \(encoder.grid) patches, and cannot be used for the \(grid) of this "
                    + "recipe; train it on images of as many patches")
        }
        let (other, resized) = regridded(encoder, parameters, to: grid)
        return (other, resized, normalization)
    }

    /// The same encoder for another grid, its position table resized.
    private func regridded(
        _ encoder: Encoder, _ store: ParameterStore, to grid: PatchGrid
    ) -> (Encoder, ParameterStore) {
        var options = encoder.options
        options.position = .learned
        var parameters = ParameterStore()
        let other = Encoder(
            options, grid: grid, traits: encoder.traits, adding: &parameters, random: RandomStream(seed: 0))
        let prefix = options.classToken ? 1 : 0
        let resized = PositionTable.resized(
            encoder.positionTable(store).array, width: options.width, from: encoder.grid, to: grid, prefix: prefix)
        for id in parameters.ids {
            let entry = parameters.entry(id)
            if entry.name == encoder.traits.owner + "pos_embed" {
                parameters.setValue(Tensor(resized, entry.shape), for: id)
            } else if let value = store[entry.name] {
                parameters.setValue(value, for: id)
            }
        }
        return (other, parameters)
    }
}

/// What a recipe in a file says about the encoder beside it.
private struct OwnRecipe {
    var model: EncoderOptions
    var grid: PatchGrid
    var traits: EncoderTraits
    var keptPrefix: String
    var normalization: Normalization

    init(_ text: String?, _ fault: (String) -> MethodError) throws {
        guard let text else {
            throw fault("it carries no recipe, so it was not written by this program")
        }
        guard let json = try? JSONParser.parse(text), let name = json["method"]?["name"]?.string else {
            throw fault("the recipe in its metadata cannot be read")
        }
        guard let method = pretrainingMethods.first(where: { $0.name == name }) else {
            throw fault("its method \"\(name)\" is not known to this version")
        }
        var problems: [Problem] = []
        let model = EncoderOptions.decode(json["model"] ?? .object([]), at: "$.model", &problems)
        let members = (json["method"]?.members ?? []).filter { $0.name != "name" }
        let options = method.decode(JSONValue(.object(members)), at: "$.method", &problems)
        let size = ImageSize.decode(json["data"]?["image_size"] ?? .null, at: "$.data.image_size", &problems)
        let mean = Optional<[Double]>.decode(json["data"]?["mean"] ?? .null, at: "$.data.mean", &problems)
        let deviation = Optional<[Double]>.decode(json["data"]?["std"] ?? .null, at: "$.data.std", &problems)
        guard let model, let options, let size, problems.isEmpty else {
            throw fault("the recipe in its metadata cannot be used: \(Problems(problems))")
        }
        self.model = model
        grid = model.grid(height: size.height, width: size.width)
        traits = options.encoderTraits
        keptPrefix = method.keptEncoderPrefix
        normalization = Normalization(mean: (mean ?? nil) ?? [0], deviation: (deviation ?? nil) ?? [1])
    }
}
