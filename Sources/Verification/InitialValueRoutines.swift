import Autodiff
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// Initial values of models: those whose recipe a case gives, or MAE's, whose sizes the shapes say.
let initialValueRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae", "simmim", "crossmae", "capi", "lejepa"], "initial_values", initialValues)
]

/// Every initial value of a model follows its law: range, mean and deviation.
private func initialValues(_ golden: GoldenCase) throws -> GoldenOutcome {
    let laws = try golden.list("initial_values")
    let method: any PretrainingMethod =
        golden.json["recipe"] == nil ? try modelForInitialValues(laws) : try modelOfRecipe(golden)
    let state = method.state
    var outcome = GoldenOutcome()
    for law in laws {
        guard let name = law["param"]?.string, let kind = law["law"]?.string else {
            throw GoldenError("an initial value without param or law")
        }
        guard let tensor = method.parameters[name] ?? state[name] else {
            outcome.check("\(name) exists", false)
            continue
        }
        outcome.check("shape of \(name)", Array(tensor.shape) == law["shape"]?.array?.compactMap(\.int))
        let values = tensor.array.map { Double($0) }
        if kind == "constant" {
            outcome.check(
                "\(name) is constant", values.allSatisfy { Float($0) == law["value"]?.double.map { Float($0) } })
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

/// The method of a case's recipe, with initial values.
private func modelOfRecipe(_ golden: GoldenCase) throws -> any PretrainingMethod {
    let name = try golden.value("recipe.method.name").string ?? ""
    guard let type = pretrainingMethods.named(name) else { throw GoldenError("there is no method \"\(name)\"") }
    func made<Options: PretrainingOptions>(_: Options.Type) throws -> any PretrainingMethod {
        let encoder = try golden.encoder(for: Options.self)
        let options = try golden.section("recipe.method", as: Options.self, without: ["name"])
        let size = try golden.value("recipe.data.image_size")
        let sides = size.int.map { [$0, $0] } ?? size.array?.compactMap(\.int) ?? []
        let patch = encoder.patchSize
        try CaseBounds.require(
            sides.count == 2 && sides.allSatisfy { $0 >= patch && $0 % patch == 0 }, "pictures of \(sides) pixels")
        let grid = try CaseBounds.grid(sides[0] / patch, sides[1] / patch)
        try golden.refuse(options, encoder, grid)
        var context = MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 12))
        context.parameterLimit = CaseBounds.entries << 4
        return try options.makeMethod(context)
    }
    return try made(type)
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
