public import Autodiff
public import Checkpoints
public import ImageMasking
import RandomStreams
import RecipeSchema
public import VisionTransformers

/// An encoder read from a file.
public struct LoadedEncoder: Sendable {
    /// The encoder; its parameters have timm's names.
    public let encoder: Encoder
    /// Its parameters.
    public let parameters: ParameterStore
    /// Mean and deviation of each channel that its images were normalised with; nil: nothing says them.
    public let statistics: (mean: [Double], deviation: [Double])?
    /// The same as a file beside a foreign one says it (`preprocessor_config.json`, timm's `pretrained_cfg`).
    public let statisticsBeside: (mean: [Double], deviation: [Double])?
    /// What became of each tensor.
    public let account: EncoderAccount
}

extension EncoderFile {
    /// The encoder that the file holds, for a grid; nil: for the grid of its own images.
    ///
    /// Everything is read off the tensors, and what no tensor says off the metadata, a `config.json` or `reading`. Nothing is
    /// allocated that the file does not hold.
    public func load(
        on wanted: PatchGrid? = nil, _ reading: EncoderReading = EncoderReading()
    ) throws(CheckpointError) -> LoadedEncoder {
        let parts = try parts(reading)
        let weights = parts.weights
        var (options, traits) = try parts.anatomy()
        try weights.check(EncoderShapes.expected(options, traits))
        // Rotary positions are those of any grid, and have no table.
        let rows = options.position == .rope ? nil : try parts.positions(wanted: wanted)
        guard let grid = wanted ?? rows?.grid ?? parts.grid else { throw weights.fault("nothing says its grid") }
        if let rows, options.relativePositionBias != .none {
            guard grid == rows.grid else {
                throw weights.fault(
                    "its relative positions are those of \(rows.grid) patches, and cannot be used for the \(grid) of this "
                        + "recipe; train it on images of as many patches")
            }
            try weights.check(try EncoderShapes.relative(options, grid, weights.fault))
        }
        var account = weights.account
        if let rows {
            if options.position == .sincos, grid != rows.grid || !rows.isSines(options.positionOrder) {
                options.position = .learned
            }
            account.changes += rows.changes(on: grid, hasClassToken: options.classToken)
        }
        traits.initialization = .zeros
        var store = ParameterStore()
        let encoder = Encoder(options, grid: grid, traits: traits, adding: &store, random: RandomStream(seed: 0))
        var used: Set<String> = ["pos_embed"]
        for id in store.ids {
            let entry = store.entry(id)
            var value =
                entry.name == "pos_embed"
                ? rows?.table(on: grid, hasClassToken: options.classToken)
                : encoder.imported(entry.name) { name in
                    used.insert(name)
                    return weights.tensors[name]
                }
            if entry.name == "reg_token", let more = rows?.registerRows, let tokens = value {
                value = Tensor(zip(tokens.array, more).map { $0 + $1 }, tokens.shape)
            }
            guard let value else { throw weights.fault("it lacks the tensor of \"\(entry.name)\"") }
            guard value.shape == entry.shape else {
                throw weights.fault(
                    "its \(weights.said(entry.name)) has the shape \(value.shape), and \(entry.shape) is needed")
            }
            store.setValue(value, for: id)
        }
        if let name = weights.tensors.keys.sorted().first(where: { !used.contains($0) }) {
            throw weights.fault(
                "its tensor \(weights.said(name)) has no place in an encoder like that of its first block"
                    + (parts.description == nil ? "" : " and its description"))
        }
        account.taken = weights.sources.keys.sorted().flatMap { weights.sources[$0] ?? [] }
        return LoadedEncoder(
            encoder: encoder, parameters: store, statistics: parts.statistics,
            statisticsBeside: statisticsBeside(channels: options.channels), account: account)
    }
}

extension EncoderFile {
    /// Mean and deviation that `images` says, if they are those of so many channels.
    private func statisticsBeside(channels: Int) -> (mean: [Double], deviation: [Double])? {
        func numbers(_ names: String...) -> [Double]? {
            names.lazy.compactMap { images?[$0]?.array?.compactMap(\.double) }.first
        }
        guard let mean = numbers("image_mean", "mean"), let deviation = numbers("image_std", "std"),
            mean.count == channels, deviation.count == channels, mean.allSatisfy(\.isFinite),
            deviation.allSatisfy({ $0.isFinite && $0 > 0 })
        else { return nil }
        return (mean, deviation)
    }
}

extension EncoderParts {
    /// Options and traits of the encoder: what tensors show is read off them, and must be what the file says of itself.
    func anatomy() throws(CheckpointError) -> (options: EncoderOptions, traits: EncoderTraits) {
        let tensors = weights.tensors
        guard let patch = tensors["patch_embed.proj.weight"]?.shape, patch.rank == 4, patch[2] == patch[3] else {
            throw weights.fault("it has no \"patch_embed.proj.weight\" of square patches")
        }
        let numbers = Set(
            tensors.keys.compactMap { name in
                name.hasPrefix("blocks.") ? name.split(separator: ".").dropFirst().first.flatMap { Int($0) } : nil
            })
        guard let last = numbers.max(), let hidden = tensors["blocks.0.mlp.fc1.weight"]?.shape.first else {
            throw weights.fault("it has no blocks")
        }
        guard last == numbers.count - 1, numbers.min() == 0 else {
            throw weights.fault("it has \(numbers.count) blocks, and the last is number \(last), counted from 0")
        }
        var options = description?.model ?? EncoderOptions()
        func agree(_ key: String, _ said: Int, _ found: Int) throws(CheckpointError) {
            guard description != nil, said != found else { return }
            throw weights.fault("its metadata say that \(key) is \(said), and its tensors that it is \(found)")
        }
        func agree(_ key: String, _ said: Bool, _ found: Bool) throws(CheckpointError) {
            guard description != nil, said != found else { return }
            throw weights.fault(
                "its metadata say that there is \(said ? "a" : "no") \(key), and its tensors the contrary")
        }
        try agree("width", options.width, patch[0])
        try agree("channels", options.channels, patch[1])
        try agree("patch_size", options.patchSize, patch[2])
        try agree("depth", options.depth, numbers.count)
        try agree("the hidden width of mlp_ratio", options.hiddenWidth, hidden)
        let (hasClass, hasScale) = (tensors["cls_token"] != nil, tensors["blocks.0.ls1.gamma"] != nil)
        let hasBias = tensors["blocks.0.attn.qkv.bias"] != nil
        try agree("class token", options.classToken, hasClass)
        try agree("layer scale", options.layerScale != nil, hasScale)
        try agree("bias of queries and values", options.qkvBias != .none, hasBias)

        var traits = EncoderTraits()
        traits.finalNorm = tensors["norm.weight"] != nil ? .trained : description?.plainNorm == true ? .plain : .none
        traits.hasPatchBias = tensors["patch_embed.proj.bias"] != nil
        traits.hasInputNorm = tensors["norm_pre.weight"] != nil
        traits.registers = tensors["reg_token"]?.shape[1] ?? 0
        traits.epsilon = Float(epsilon)
        traits.activation = activation.activation
        if let description {
            try agree("final norm", description.finalNorm, traits.hasFinalNorm)
            try agree("bias of the patch embedding", description.patchBias, traits.hasPatchBias)
            try agree("input norm", description.inputNorm, traits.hasInputNorm)
            try agree("registers", description.registers, traits.registers)
            return (options, traits)
        }
        options.width = patch[0]
        options.channels = patch[1]
        options.patchSize = patch[2]
        options.depth = numbers.count
        guard heads != nil || options.width % 64 == 0 else {
            throw weights.fault(
                "its width \(options.width) is no multiple of 64, and nothing says its attention heads; put a config.json "
                    + "with \"num_attention_heads\" beside it, or set method.teacher.heads where it is that of a recipe"
            )
        }
        options.heads = heads ?? options.width / 64
        guard options.width % options.heads == 0 else {
            throw weights.fault("its \(options.heads) attention heads do not divide its width \(options.width)")
        }
        options.mlpRatio = Double(hidden) / Double(options.width)
        // The quotient may be a bit too small for its product with the width to reach the whole number.
        if options.hiddenWidth < hidden { options.mlpRatio = options.mlpRatio.nextUp }
        options.position = .learned
        options.classToken = hasClass
        options.qkvBias = hasBias ? .all : .none
        options.layerScale = hasScale ? 1 : nil
        return (options, traits)
    }
}
