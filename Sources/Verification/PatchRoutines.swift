import Autodiff
import Checkpoints

/// Patches and pixel targets.
let patchRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae"], "patch_order", patchOrder),
    GoldenRoutine(["mae"], "pixel_target", pixelTarget),
]

extension GoldenCase {
    /// A tensor for the engine.
    func engineTensor(_ name: String) throws -> Tensor { Tensor(try tensor(name)) }
}

extension Tensor {
    /// The float values of a stored tensor.
    init(_ stored: StoredTensor) { self.init(stored.floats(), Shape(stored.shape)) }
}

extension GoldenValue {
    /// The numbers of an engine tensor.
    init(_ tensor: Tensor) { self.init(tensor.array, Array(tensor.shape)) }
}

private func patchOrder(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let patch = PatchSize(try golden.patchSide("options.patch_size", of: images.shape))
    var tape = Tape(engine: engine, recording: false)
    let patches = tape.patchify(tape.constant(images), patch: patch, order: .channelsLast)
    let back = tape.unpatchify(
        patches, patch: patch, order: .channelsLast, channels: images.shape[1], height: images.shape[2],
        width: images.shape[3])
    return GoldenOutcome(["patches": GoldenValue(patches.value), "back": GoldenValue(back.value)])
}

private func pixelTarget(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let patch = PatchSize(try golden.patchSide("options.patch_size", of: images.shape))
    var tape = Tape(engine: engine, recording: false)
    let patches = tape.patchify(tape.constant(images), patch: patch, order: .channelsLast)
    return GoldenOutcome([
        "target_plain": GoldenValue(patches.value),
        "target_normalised": GoldenValue(tape.normalizedPixels(patches.value)),
    ])
}
