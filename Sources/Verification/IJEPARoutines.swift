import Autodiff
import Checkpoints
import Evaluation
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// I-JEPA: whole training cases, and its formulas alone.
let ijepaRoutines: [GoldenRoutine] = [
    GoldenRoutine(["ijepa"], "model") { golden, engine in
        try jointEmbedding(golden, engine, as: IJEPAOptions.self)
    },
    GoldenRoutine(["ijepa"], "aux_schedules", stepSchedules),
    GoldenRoutine(["ijepa"], "aux_positions", columnFirstPositions),
    GoldenRoutine(["ijepa"], "aux_smooth_l1", smoothL1),
    GoldenRoutine(["ijepa"], "aux_init", ijepaInitialValues),
    GoldenRoutine(["ijepa"], "aux_features", frozenFeatures),
]

extension GoldenCase {
    /// The finished masks of an iteration, `draw/masks_…` or `draw/<i>/masks_…`.
    fileprivate func blockMask(_ iteration: Int, grid: PatchGrid) throws -> BlockMask {
        func blocks(_ name: String) throws -> [[[Int32]]] {
            let stored = try tensor(draw(name, of: iteration))
            guard let cells = stored.integers()?.map({ Int32(clamping: $0) }), stored.shape.count == 3 else {
                throw GoldenError("the masks \(name) are not integers by block, image and cell")
            }
            let (images, length) = (stored.shape[1], stored.shape[2])
            try CaseBounds.require(
                cells.allSatisfy { (0..<Int32(grid.count)).contains($0) }, "\(name) has cells outside a grid of \(grid)"
            )
            return (0..<stored.shape[0]).map { block in
                (0..<images).map { image in
                    let start = (block * images + image) * length
                    return Array(cells[start..<start + length])
                }
            }
        }
        return BlockMask(grid: grid, contexts: try blocks("masks_context"), targets: try blocks("masks_target"))
    }
}

/// A method of a case, with the case's weights; what the method keeps beside its parameters among them.
private func method<Options: JointEmbeddingOptions>(
    _ golden: GoldenCase, _ options: Options, grid: PatchGrid
) throws -> Options.Method {
    let encoder = try golden.encoder(for: Options.self)
    try golden.refuse(options, encoder, grid)
    var context = MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 0))
    context.parameterLimit = golden.parameterLimit
    var method = try options.makeMethod(context)
    try load("w/", of: golden, into: &method.parameters)
    method.state = try golden.stored(method.state)
    return method
}

/// Forward values, loss, gradients and optimiser steps with the moving average.
func jointEmbedding<Options: JointEmbeddingOptions>(
    _ golden: GoldenCase, _ engine: Engine, as _: Options.Type
) throws -> GoldenOutcome where Options.Method: JointEmbedding {
    let images = try golden.pictures()
    let options = try golden.section("recipe.method", as: Options.self, without: ["name"])
    let side = try golden.encoder(for: Options.self)
    let grid = try golden.grid(of: side, images.shape)
    var method = try method(golden, options, grid: grid)
    let batch = Batch(images: images, samples: Array(0..<images.shape[0]))
    let names: TraceNames = [
        "encoder/": "act/encoder_", "encoder/output": "act/encoder_out", "predictor/input": "act/predictor_in",
        "predictor/": "act/predictor_", "predictor/output": "act/predictions",
    ]
    var outcome = try trainingTrace(golden, &method, engine, names: names) { method, iteration, request, tape in
        try method.loss(batch, golden.blockMask(iteration, grid: grid), nil, request, on: &tape)
    }
    // Every context is embedded; cases have the images once.
    if let embedded = outcome.values["act/encoder_patch_embed"] {
        outcome.values["act/encoder_patch_embed"] = embedded.first(images.shape[0])
    }
    // These cases keep numbers as lists of one.
    if let loss = outcome.values["loss"] { outcome.values["loss"] = GoldenValue(loss.numbers, [1]) }
    let steps = outcome.values["trace/loss"]?.shape ?? []
    outcome.values["trace/momentum"] = GoldenValue(
        (0..<(steps.first ?? 0)).map { progress(golden, $0, 1).momentum(from: options.ema[0], to: options.ema[1]) },
        steps)
    return outcome
}

/// Learning rate, weight decay and momentum of every iteration.
private func stepSchedules(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, entry) in (try golden.value("recipe.schedules").array ?? []).enumerated() {
        func number(_ key: String) throws -> Double {
            guard let value = entry[key]?.double else { throw GoldenError("a schedule without \"\(key)\"") }
            return value
        }
        guard let ema = entry["ema"]?.array?.compactMap(\.double), ema.count == 2 else {
            throw GoldenError("a schedule without two numbers \"ema\"")
        }
        let (batches, epochs, scale) = (
            try number("iterations_per_epoch"), try number("epochs"), try number("ipe_scale")
        )
        let steps = Int(scale * batches * epochs)
        let rate = WarmupCosine(
            peak: try number("learning_rate"), end: try number("min_learning_rate"),
            start: try number("warmup_learning_rate"), warmupSteps: Int(try number("warmup_epochs") * batches),
            steps: steps)
        let decay = CosineDecay(
            start: try number("weight_decay"), end: try number("final_weight_decay"), steps: steps)
        try CaseBounds.require(
            batches >= 1 && epochs >= 0 && batches * epochs <= Double(CaseBounds.entries),
            "\(epochs) epochs of \(batches) iterations")
        let iterations = 0..<Int(batches * epochs)
        let shape = [iterations.count]
        outcome.values["act/\(j)/lr"] = GoldenValue(iterations.map { rate.value(at: $0) }, shape)
        outcome.values["act/\(j)/wd"] = GoldenValue(iterations.map { decay.value(at: $0) }, shape)
        outcome.values["act/\(j)/momentum"] = GoldenValue(
            iterations.map { step in
                TrainingProgress(
                    step: step, stepsPerEpoch: Int(batches), epochs: Int(epochs), scheduleScale: scale
                ).momentum(from: ema[0], to: ema[1])
            }, shape)
    }
    return outcome
}

/// Tables of rows × columns × width.
private func columnFirstPositions(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for entry in try golden.value("recipe.grids").array ?? [] {
        guard let sizes = entry.array?.compactMap(\.int), sizes.count == 3 else {
            throw GoldenError("a table that is not rows, columns and width")
        }
        let grid = try CaseBounds.grid(sizes[0], sizes[1])
        try CaseBounds.table(grid, width: sizes[2])
        let table = PositionTable.sincos(grid: grid, width: sizes[2], order: .columnFirst, prefix: 0)
        outcome.values["act/\(sizes[0])x\(sizes[1])x\(sizes[2])"] = GoldenValue(table, [grid.count, sizes[2]])
    }
    return outcome
}

private func smoothL1(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let predictions = try golden.engineTensor("in/predictions")
    var store = ParameterStore()
    let id = store.add("predictions", predictions.shape, predictions.array)
    var tape = Tape(engine: engine)
    let loss = tape.smoothL1(tape.parameter(id, of: store), target: Tensor(zeros: predictions.shape))
    let value = loss.value.item
    let gradient = tape.gradients(of: loss, for: store)[id]
    var single = Tape(engine: engine, recording: false)
    let elements = predictions.array.map { number in
        single.smoothL1(single.constant(Tensor([number], [1])), target: Tensor(zeros: [1])).value.item
    }
    return GoldenOutcome([
        "act/elements": GoldenValue(elements, Array(predictions.shape)), "loss": GoldenValue([value], [1]),
        "grad/predictions": GoldenValue(gradient),
    ])
}

/// Features of the target encoder: mean of the last layer's tokens, and of the last four side by side.
private func frozenFeatures(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let options = try golden.encoder(for: IJEPAOptions.self)
    if let fault = options.headsFault { throw GoldenError(fault) }
    let grid = try golden.grid(of: options, images.shape)
    var store = ParameterStore(limit: golden.parameterLimit)
    let encoder = Encoder(
        options, grid: grid, traits: EncoderTraits(owner: "target_encoder.", initialization: .mae), adding: &store,
        random: RandomStream(seed: 0))
    try load("w/", of: golden, into: &store)
    func features(_ pooling: Pooling) throws -> GoldenValue {
        let extractor = try FeatureExtractor(encoder, store, pooling: pooling, engine: engine)
        return GoldenValue(extractor.features(of: images))
    }
    return GoldenOutcome(["act/last": try features(.mean), "act/last4": try features(.lastFour)])
}

/// The initial values of both settings of `depth_rescale`.
private func ijepaInitialValues(_ golden: GoldenCase) throws -> GoldenOutcome {
    let encoder = try golden.encoder(for: IJEPAOptions.self)
    var options = try golden.section("recipe.method", as: IJEPAOptions.self, without: ["name"])
    var outcome = GoldenOutcome()
    for rescales in [false, true] {
        options.depthRescale = rescales
        try golden.refuse(options, encoder, PatchGrid(rows: 8, columns: 8))
        var context = MethodContext(
            encoder: encoder, grid: PatchGrid(rows: 8, columns: 8), random: RandomStream(seed: 12))
        context.parameterLimit = 1 << 24
        let method = options.makeMethod(context)
        try CaseBounds.require(!method.parameters.isOverLimit, "the recipe's model is too large for a case")
        let laws = (golden.json["statistics"]?.array ?? []).filter {
            ($0["depth_rescale"]?.bool ?? rescales) == rescales
        }
        try checkLaws(laws, of: method, kurtosis: true, &outcome)
    }
    outcome.values["act/std_by_block_rescaled"] = GoldenValue(
        (0..<encoder.depth).map { 0.02 / (2 * Double($0 + 1)).squareRoot() }, [encoder.depth])
    return outcome
}

/// Tests the laws that a case lists on a method's parameters, and that moving averages equal what they average.
func checkLaws(
    _ laws: [JSONValue], of method: some PretrainingMethod, kurtosis: Bool, _ outcome: inout GoldenOutcome
) throws {
    for law in laws {
        guard let name = law["tensor"]?.string else { throw GoldenError("a law without a tensor") }
        guard let values = method.parameters[name]?.array.map({ Double($0) }), !values.isEmpty else {
            outcome.check("\(name) exists", false)
            continue
        }
        if let constant = law["constant"]?.double {
            outcome.check("\(name) is \(constant)", values.allSatisfy { $0 == constant })
            continue
        }
        guard let mean = law["mean"]?.double, let std = law["std"]?.double else {
            throw GoldenError("the law of \(name) has no mean or std")
        }
        let n = Double(values.count)
        let found = values.reduce(0, +) / n
        let variance = values.reduce(0) { $0 + ($1 - found) * ($1 - found) } / n
        outcome.check("mean of \(name)", error: abs(found - mean), within: 5 * std / n.squareRoot())
        outcome.check(
            "deviation of \(name)", error: abs(variance.squareRoot() - std), within: 5 * std / (2 * n).squareRoot())
        guard kurtosis else { continue }
        let fourth = values.reduce(0) { $0 + ($1 - found) * ($1 - found) * ($1 - found) * ($1 - found) } / n
        outcome.check(
            "excess kurtosis of \(name)", error: abs(fourth / (variance * variance) - 3),
            within: 5 * (24 / n).squareRoot())
    }
    for (name, tensor) in method.state {
        let source = String(name.dropFirst("target_".count))
        outcome.check("\(name) equals \(source)", method.parameters[source]?.array == tensor.array)
    }
}
