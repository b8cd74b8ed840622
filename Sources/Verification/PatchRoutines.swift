import Autodiff
import Checkpoints
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Patches, pixel targets and initial values.
let patchRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae"], "patch_order", patchOrder),
    GoldenRoutine(["mae"], "pixel_target", pixelTarget),
    GoldenRoutine(["mae"], "initial_values", initialValues),
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

/// Every initial value of a model follows its law: range, mean and deviation.
private func initialValues(_ golden: GoldenCase) throws -> GoldenOutcome {
    let laws = try golden.value("initial_values").array ?? []
    let parameters = try modelForInitialValues(laws).parameters
    return try checkInitialValues(laws) { parameters[$0] }
}

/// Every value that a case names follows its law: range, mean and deviation; `value` finds it.
func checkInitialValues(_ laws: [JSONValue], _ value: (String) -> Tensor?) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for law in laws {
        guard let name = law["param"]?.string, let kind = law["law"]?.string else {
            throw GoldenError("an initial value without param or law")
        }
        guard let tensor = value(name) else {
            outcome.check("\(name) exists", false)
            continue
        }
        outcome.check("shape of \(name)", Array(tensor.shape) == law["shape"]?.array?.compactMap(\.int))
        let values = tensor.array.map { Double($0) }
        if kind == "constant" {
            outcome.check("\(name) is constant", values.allSatisfy { $0 == law["value"]?.double })
            continue
        }
        guard let std = law["std"]?.double, let mean = law["mean"]?.double else {
            throw GoldenError("the law of \(name) has no mean or std")
        }
        let n = Double(values.count)
        let found = values.reduce(0, +) / n
        let deviation = (values.reduce(0) { $0 + ($1 - found) * ($1 - found) } / n).squareRoot()
        outcome.check("mean of \(name)", error: abs(found - mean), within: 5 * std / n.squareRoot())
        let spread = kind == "uniform" ? 0.2 : 0.5
        outcome.check(
            "deviation of \(name)", error: abs(deviation / std - 1), within: 5 * (spread / n).squareRoot())
        if let low = law["low"]?.double, let high = law["high"]?.double {
            let inside = values.allSatisfy { $0 >= low - 1e-7 && $0 <= high + 1e-7 }
            outcome.check("range of \(name)", inside)
        }
    }
    return outcome
}

/// The model whose sizes the shapes of a case's parameters say.
private func modelForInitialValues(_ laws: [JSONValue]) throws -> MAE {
    func shape(_ name: String) throws -> [Int] {
        guard let law = laws.first(where: { $0["param"]?.string == name }) else {
            throw GoldenError("the case has no parameter \"\(name)\"")
        }
        return law["shape"]?.array?.compactMap(\.int) ?? []
    }
    func depth(_ prefix: String) -> Int {
        laws.count {
            ($0["param"]?.string ?? "").hasPrefix(prefix) && ($0["param"]?.string ?? "").hasSuffix("fc1.bias")
        }
    }
    let embedding = try shape("patch_embed.proj.weight")
    let hidden = try shape("blocks.0.mlp.fc1.weight")
    let decoder = try shape("decoder_embed.weight")
    try CaseBounds.require(
        embedding.count == 4 && hidden.count == 2 && decoder.count == 2
            && (embedding + hidden + decoder).allSatisfy { (1...1024).contains($0) },
        "the shapes of embedding, perceptron and decoder are no sizes of a small model")
    var encoder = EncoderOptions()
    encoder.width = embedding[0]
    encoder.channels = embedding[1]
    encoder.patchSize = embedding[2]
    encoder.depth = depth("blocks.")
    encoder.heads = 1
    encoder.mlpRatio = Double(hidden[0]) / Double(hidden[1])
    var options = MAEOptions()
    options.decoderWidth = decoder[0]
    options.decoderDepth = depth("decoder_blocks.")
    options.decoderHeads = 1
    let grid = PatchGrid(rows: 8, columns: 8)
    if let fault = (encoder.check() + options.faults(encoder: encoder, grid: grid)).first { throw GoldenError(fault) }
    return options.makeMethod(MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 12)))
}
