import Checkpoints
public import ImageMasking
public import RecipeSchema
public import VisionTransformers

/// What a file says about the encoder in it, so that no method and no recipe are needed to open it.
///
/// It stands as JSON under `encoder` in the metadata of every file that this program writes.
public struct EncoderDescription: RecipeSection {
    /// The key of the metadata.
    public static let key = "encoder"
    /// The most patches of an image that a file may speak of.
    static let maximalPatches = 1 << 16

    /// The options.
    public var model = EncoderOptions()
    /// Patches from top to bottom and from left to right.
    public var grid = [8, 8]
    /// Whether there is a norm behind the last block.
    public var finalNorm = true
    /// Whether that norm has nothing learnt, so that no tensor of it is in the file.
    public var plainNorm = false
    /// Whether the patch embedding has a bias.
    public var patchBias = true
    /// Whether there is a norm in front of the first block.
    public var inputNorm = false
    /// Register tokens.
    public var registers = 0
    /// The ε of norms.
    public var epsilon = 1e-6
    /// The activation of perceptrons.
    public var activation = ActivationName.gelu
    /// Mean of each channel that its images were normalised with, or one for all; nil: not said.
    public var mean: [Double]?
    /// Deviation of each channel, like the mean.
    public var deviation: [Double]?
    /// What stands in front of its tensors' names; nil: found out.
    public var prefix: String?

    /// The official MAE's encoder.
    public init() {}

    /// The description of an encoder whose tensors stand behind `prefix`.
    public init(_ encoder: Encoder, mean: [Double]?, deviation: [Double]?, prefix: String) {
        let traits = encoder.traits
        model = encoder.options
        grid = [encoder.grid.rows, encoder.grid.columns]
        finalNorm = traits.hasFinalNorm
        plainNorm = traits.finalNorm == .plain
        patchBias = traits.hasPatchBias
        inputNorm = traits.hasInputNorm
        registers = encoder.prefix - (encoder.options.classToken ? 1 : 0)
        epsilon = Double("\(traits.epsilon)") ?? Double(traits.epsilon)
        activation = traits.activation == .gelu ? .gelu : .quickGELU
        self.mean = mean
        self.deviation = deviation
        self.prefix = prefix
    }

    /// The rows of the JSON object.
    public static let fields: [Field<Self>] = [
        Field("model", \.model, "The options of the encoder."),
        Field(
            "grid", \.grid, in: .rule("[rows, columns] of 1 to \(maximalPatches) patches") { isGrid($0) },
            "Patches from top to bottom and from left to right."),
        Field("final_norm", \.finalNorm, "Whether there is a norm behind the last block."),
        Field("plain_norm", \.plainNorm, "Whether that norm has no weight and no bias, and no tensors in the file."),
        Field("patch_bias", \.patchBias, "Whether the patch embedding has a bias."),
        Field("input_norm", \.inputNorm, "Whether there is a norm in front of the first block."),
        Field("registers", \.registers, in: .closed(0...1024), "Register tokens."),
        Field("eps", \.epsilon, in: .between(1e-20, 1), "The ε of norms."),
        Field("activation", \.activation, "The activation of perceptrons."),
        Field("mean", \.mean, in: .list(1...64, of: .closed(-1e9...1e9)), "Mean of each channel."),
        Field("std", \.deviation, in: .list(1...64, of: .closed(1e-9...1e9)), "Deviation of each channel."),
        Field("prefix", \.prefix, "What stands in front of the tensors' names; null: found out."),
    ]

    /// Statistics belong together, and to the channels.
    public func check() -> [String] {
        guard mean != nil || deviation != nil else { return [] }
        guard let mean, let deviation, mean.count == deviation.count, [1, model.channels].contains(mean.count),
            mean.allSatisfy(\.isFinite), deviation.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            return [
                "mean and std must be a finite number for all or for each of the \(model.channels) channels, std above 0"
            ]
        }
        return []
    }

    /// The patch grid.
    public var patchGrid: PatchGrid { PatchGrid(rows: grid[0], columns: grid[1]) }

    static func isGrid(_ sides: [Int]) -> Bool {
        sides.count == 2 && sides.allSatisfy { (1...maximalPatches).contains($0) }
            && sides[0] * sides[1] <= maximalPatches
    }
}

extension EncoderDescription {
    /// What the metadata of a file say; nil where they say nothing.
    ///
    /// Files of earlier versions carry their recipe alone; all that is needed of it is the same for every method.
    static func read(_ metadata: [String: String], path: String) throws(CheckpointError) -> EncoderDescription? {
        func fault(_ key: String, _ reason: String) -> CheckpointError {
            CheckpointError(.invalid, path: path, "what its metadata say under \"\(key)\" cannot be used: \(reason)")
        }
        func json(_ key: String) throws(CheckpointError) -> JSONValue? {
            guard let text = metadata[key] else { return nil }
            do { return try JSONParser.parse(text) } catch { throw fault(key, "\(error)") }
        }
        func sentence(_ problems: [Problem]) -> String { problems.map(\.description).joined(separator: "; ") }
        var problems: [Problem] = []
        if let json = try json(key) {
            guard let description = decode(json, at: "$", &problems) else { throw fault(key, sentence(problems)) }
            return description
        }
        guard let recipe = try json("recipe") else { return nil }
        guard let data = recipe["data"], let model = recipe["model"] else {
            throw fault("recipe", "it has no sections \"data\" and \"model\"")
        }
        var description = EncoderDescription()
        description.model = EncoderOptions.decode(model, at: "$.model", &problems) ?? description.model
        let size = data["image_size"]
        let sides = size?.int.map { [$0, $0] } ?? size?.array?.compactMap(\.int) ?? []
        let patch = max(description.model.patchSize, 1)
        description.grid = sides.map { $0 / patch }
        if !isGrid(description.grid) {
            problems.append(
                Problem(
                    line: size?.line ?? 0, path: "$.data.image_size",
                    message:
                        "found \(size?.text() ?? "nothing"), which with patches of \(patch) pixels is no grid of 1 to "
                        + "\(maximalPatches) patches"))
        }
        description.mean = Optional<[Double]>.decode(data["mean"] ?? .null, at: "$.data.mean", &problems) ?? nil ?? [0]
        description.deviation =
            Optional<[Double]>.decode(data["std"] ?? .null, at: "$.data.std", &problems) ?? nil ?? [1]
        for message in description.check() {
            problems.append(Problem(line: data.line, path: "$.data", message: message))
        }
        guard problems.isEmpty else { throw fault("recipe", sentence(problems)) }
        return description
    }
}
