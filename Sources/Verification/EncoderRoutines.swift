import Autodiff
import Checkpoints
import EncoderFiles
import Evaluation
import ImageMasking
import RandomStreams
import RecipeSchema
import VisionTransformers

/// The unmasked encoder: features and interchange with timm.
let encoderRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae"], "linprobe_features", probeFeatures),
    GoldenRoutine(["interop"], "timm-vit", timmEncoder),
]

/// Class token after the final norm, and mean of the patch tokens before it followed by `fc_norm`.
private func probeFeatures(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    var options = try golden.section("recipe.model", as: EncoderOptions.self)
    if golden.tensors["w/pos_embed"] != nil { options.position = .learned }
    if let fault = options.headsFault { throw GoldenError(fault) }
    let grid = try golden.grid(of: options, images.shape)
    var store = ParameterStore(limit: golden.parameterLimit)
    let encoder = Encoder(options, grid: grid, adding: &store, random: RandomStream(seed: 0))
    let poolNorm = NormParameters("fc_norm", options.width, &store)
    try load("w/", of: golden, into: &store)

    let trace = ForwardTrace()
    var tape = Tape(engine: engine, recording: false)
    let output = encoder(images, store, on: &tape, trace: trace.scope("encoder"))
    let token = tape.sliceRows(output.normed, 0..<1).reshaped([images.shape[0], options.width])
    let mean = poolNorm(tape.meanRows(output.beforeNorm, from: encoder.prefix), store, &tape)
    var outcome = GoldenOutcome([
        "act/features_cls": GoldenValue(token.value), "act/features_mean": GoldenValue(mean.value),
    ])
    outcome.record(trace)
    return outcome
}

/// A model of timm, read from its own weights: tokens of patches after blocks, all after the norm, pooled as timm pools, and the
/// head on top.
private func timmEncoder(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    var reading = EncoderReading()
    reading.heads = try golden.integer("options.num_heads")
    let side = try golden.patchSide("options.patch_size", of: images.shape)
    let file = EncoderFile(SafetensorsFile(golden.tensors(under: "w/")), path: golden.folder)
    let loaded = try file.load(
        on: PatchGrid(rows: images.shape[2] / side, columns: images.shape[3] / side), reading)
    let (encoder, width) = (loaded.encoder, loaded.encoder.options.width)

    var store = ParameterStore()
    func added(_ name: String) throws -> ParameterID {
        let stored = try golden.tensor("w/\(name)")
        return store.add(name, Shape(stored.shape), stored.floats())
    }
    let head = (try added("head.weight"), try added("head.bias"))
    try CaseBounds.require(
        encoder.options.patchSize == side && encoder.options.channels == images.shape[1],
        "the weights are those of patches of \(encoder.options.patchSize) and \(encoder.options.channels) channels")
    let averages = try golden.value("options.global_pool").string == "avg"
    let norm = averages ? (try added("fc_norm.weight"), try added("fc_norm.bias")) : nil

    let trace = ForwardTrace()
    var tape = Tape(engine: engine, recording: false)
    let output = encoder(images, loaded.parameters, keeping: .layers, on: &tape, trace: trace)
    var outcome = GoldenOutcome(["act/features": GoldenValue(output.normed.value)])
    outcome.values["act/patch_embed"] = trace.points["patch_embed"].map { GoldenValue($0) }
    for (name, tokens) in [("first", output.layers.first), ("last", output.layers.last)] {
        guard let tokens else { continue }
        let patches = tape.sliceRows(tokens, encoder.prefix..<tokens.shape[1])
        outcome.values["act/block_\(name)"] = GoldenValue(patches.value)
    }
    var pooled =
        averages
        ? tape.meanRows(output.normed, from: encoder.prefix)
        : tape.sliceRows(output.normed, 0..<1).reshaped([images.shape[0], width])
    if let norm {
        pooled = tape.layerNorm(
            pooled, weight: tape.parameter(norm.0, of: store), bias: tape.parameter(norm.1, of: store), epsilon: 1e-6)
    }
    outcome.values["act/pooled"] = GoldenValue(pooled.value)
    let logits = tape.linear(
        pooled, weight: tape.parameter(head.0, of: store), bias: tape.parameter(head.1, of: store))
    outcome.values["act/logits"] = GoldenValue(logits.value)
    return outcome
}
