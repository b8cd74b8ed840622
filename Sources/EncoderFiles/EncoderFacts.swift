import Autodiff
import Checkpoints
import ImageMasking
import RecipeSchema
import VisionTransformers

/// What a reader knows better than the file.
public struct EncoderReading: Sendable {
    /// How the tensors are named.
    public var layout = EncoderLayout.auto
    /// Attention heads; nil: the file's, `config.json`'s, else one for 64 channels.
    public var heads: Int?
    /// The activation of perceptrons; nil: the file's, `config.json`'s, else the layout's.
    public var activation: ActivationName?
    /// The ε of norms; nil: the file's, `config.json`'s, else the layout's.
    public var epsilon: Double?
    /// Whether the tensors have canonical names, with a row for the class token in the position table in any case.
    public var isCanonical = false
    /// False: a class token, or its row of the position table, is not used.
    public var classToken = true

    /// Nothing: the file says all.
    public init() {}
}

/// A file taken apart: its tensors under canonical names, and what no tensor says.
struct EncoderParts {
    var weights: EncoderWeights
    /// What the file says of itself, if this program wrote it.
    var description: EncoderDescription?
    /// Attention heads, where anything says them.
    var heads: Int?
    var activation: ActivationName
    var epsilon: Double
    /// Mean and deviation of each channel of its images.
    var statistics: (mean: [Double], deviation: [Double])?
    /// The grid that the file or a `config.json` says.
    var grid: PatchGrid?
    var isCanonical = false
}

extension EncoderFile {
    /// The tensors and facts; `prefixes` are tried first for the names of a file of ours.
    func parts(_ reading: EncoderReading, prefixes: [String] = []) throws(CheckpointError) -> EncoderParts {
        func fault(_ reason: String) -> CheckpointError { CheckpointError(.invalid, path: path, reason) }
        guard reading.layout == .own || (reading.layout == .auto && isOwn) else { return try foreign(reading) }
        guard let description = try EncoderDescription.read(file.metadata, path: path) else {
            throw fault("it carries no description of its encoder and no recipe, so it was not written by this program")
        }
        guard reading.heads == nil && reading.activation == nil && reading.epsilon == nil else {
            throw fault("heads, activation and eps stand in the file, which this program wrote; remove them")
        }
        let candidates =
            prefixes + (description.prefix.map { [$0] } ?? ["target_encoder.", "target_", "encoder.", ""])
        let stems = ["patch_embed.proj.weight", "patch_embed.weight"]
        guard let prefix = candidates.first(where: { prefix in stems.contains { file[prefix + $0] != nil } }) else {
            throw fault("it has no \"\(description.prefix ?? "")patch_embed.proj.weight\", so it holds no encoder")
        }
        return EncoderParts(
            weights: try EncoderWeights(
                own: file, prefix: prefix, layout: file["\(prefix)patch_embed.weight"] == nil ? .timm : .capi,
                path: path),
            description: description,
            heads: description.model.heads, activation: description.activation, epsilon: description.epsilon,
            statistics: description.mean.flatMap { mean in description.deviation.map { (mean, $0) } },
            grid: description.patchGrid)
    }

    private func foreign(_ reading: EncoderReading) throws(CheckpointError) -> EncoderParts {
        func fault(_ reason: String) -> CheckpointError { CheckpointError(.invalid, path: path, reason) }
        let found =
            reading.layout == .auto
            ? EncoderWeights.layout(of: file) : TensorLayout.all.first { $0.layout == reading.layout }
        guard let layout = found else {
            let known = EncoderLayout.allCases.dropFirst().map { "\"\($0.rawValue)\"" }
            throw fault(
                "its tensors are named like those of no vision transformer that is known; the layouts are "
                    + known.joined(separator: ", "))
        }
        var parts = EncoderParts(
            weights: try EncoderWeights(file, layout: layout, path: path), activation: layout.activation,
            epsilon: layout.epsilon, statistics: layout.statistics, isCanonical: reading.isCanonical)
        if !reading.classToken { parts.weights.leave("cls_token", because: "no class token is wanted") }
        if parts.weights.tensors["norm_pre.weight"] != nil {
            // An input norm says CLIP, in whatever layout.
            parts.activation = .quickGELU
            parts.epsilon = 1e-5
        }
        if let config { try parts.take(config, besides: reading, fault) }
        parts.heads = reading.heads ?? parts.heads
        parts.activation = reading.activation ?? parts.activation
        parts.epsilon = reading.epsilon ?? parts.epsilon
        guard Float(parts.epsilon) > 0, parts.epsilon <= 1 else {
            throw fault("the ε of its norms is \(parts.epsilon); allowed are numbers above 0 up to 1")
        }
        guard (1...(1 << 20)).contains(parts.heads ?? 1) else {
            throw fault("its attention heads are \(parts.heads ?? 0); allowed are integers from 1 on")
        }
        return parts
    }
}

extension EncoderParts {
    /// Takes what a `config.json` says, in Hugging Face's words or timm's.
    fileprivate mutating func take(
        _ config: JSONValue, besides reading: EncoderReading, _ fault: (String) -> CheckpointError
    ) throws(CheckpointError) {
        if let value = config["num_attention_heads"] ?? config["model_args"]?["num_heads"], !value.isNull {
            guard let heads = value.int else {
                throw fault("the config.json beside it has \(value.text()) attention heads; an integer is allowed")
            }
            self.heads = heads
        }
        if let epsilon = config["layer_norm_eps"]?.double { self.epsilon = epsilon }
        if let name = config["hidden_act"]?.string {
            guard let activation = reading.activation ?? ActivationName(rawValue: name) else {
                throw fault(
                    "its config.json has hidden_act \(quoted(name)); known are "
                        + ActivationName.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " and "))
            }
            self.activation = activation
        }
        let size = config["image_size"] ?? config["model_args"]?["img_size"]
        let input = config["pretrained_cfg"]?["input_size"]?.array?.compactMap(\.int) ?? []
        let sides =
            size?.int.map { [$0, $0] } ?? size?.array?.compactMap(\.int) ?? (input.count == 3 ? Array(input[1...]) : [])
        guard let patch = weights.tensors["patch_embed.proj.weight"]?.shape.last, patch > 0 else { return }
        let cells = sides.map { $0 / patch }
        if EncoderDescription.isGrid(cells) { grid = PatchGrid(rows: cells[0], columns: cells[1]) }
    }

    /// The position table, its rows told apart; the sines of a file whose encoder has fixed positions and does not store them.
    ///
    /// The tensors' shapes must have been checked.
    func positions(wanted: PatchGrid?) throws(CheckpointError) -> PositionRows {
        let width = weights.tensors["patch_embed.proj.weight"]?.shape.first ?? 0
        var table = weights.tensors["pos_embed"]
        if table == nil, let description, description.model.position == .sincos, width % 4 == 0 {
            let grid = description.patchGrid
            let sines = PositionTable.sincos(
                grid: grid, width: width, order: description.model.positionOrder,
                prefix: description.model.classToken ? 1 : 0)
            table = .init(sines, [1, sines.count / width, width])
        }
        guard let table else { throw weights.fault("it has no position table") }
        guard table.shape[2] == width else {
            throw weights.fault(
                "its \(weights.said("pos_embed")) has the shape \(table.shape), and its width is \(width)")
        }
        let context = PositionRows.Context(
            hasClassToken: weights.tensors["cls_token"] != nil, registers: weights.tensors["reg_token"]?.shape[1] ?? 0,
            isCanonical: isCanonical, known: grid, wanted: description == nil ? wanted : nil)
        let rows = PositionRows(table, context)
        if let rows, EncoderDescription.isGrid([rows.grid.rows, rows.grid.columns]),
            description == nil || rows.grid == grid
        {
            return rows
        }
        let looked = [grid, wanted].compactMap { $0.map { "the \($0) patches of its description or of the recipe" } }
        throw weights.fault(
            "its position table has \(table.shape[1]) rows, which are neither a square of patches "
                + (looked.first.map { "nor \($0)" } ?? "nor of a grid that anything says; put a config.json with "
                    + "\"image_size\": [height, width] beside it"))
    }
}
