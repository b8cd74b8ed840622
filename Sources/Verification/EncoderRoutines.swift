import Autodiff
import Checkpoints
import Evaluation
import ImageMasking
import RandomStreams
import VisionTransformers

/// The unmasked encoder: features and interchange with timm.
let encoderRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae"], "linprobe_features", probeFeatures)
]

/// Class token after the final norm, and mean of the patch tokens before it followed by `fc_norm`.
private func probeFeatures(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.engineTensor("in/images")
    var options = try golden.section("recipe.model", as: EncoderOptions.self)
    if golden.tensors["w/pos_embed"] != nil { options.position = .learned }
    let grid = options.grid(height: images.shape[2], width: images.shape[3])
    var store = ParameterStore()
    let encoder = Encoder(options, grid: grid, adding: &store, random: RandomStream(seed: 0))
    let poolNorm = NormParameters("fc_norm", options.width, &store)
    try load("w/", of: golden, into: &store)

    let trace = ForwardTrace()
    var tape = Tape(engine: engine, recording: false)
    let output = encoder(images, store, on: &tape, trace: trace)
    let token = tape.sliceRows(output.normed, 0..<1).reshaped([images.shape[0], options.width])
    let mean = poolNorm(tape.meanRows(output.beforeNorm, from: encoder.prefix), store, &tape)
    var outcome = GoldenOutcome([
        "act/features_cls": GoldenValue(token.value), "act/features_mean": GoldenValue(mean.value),
    ])
    for (name, tensor) in trace.points { outcome.values[name] = GoldenValue(tensor) }
    return outcome
}
