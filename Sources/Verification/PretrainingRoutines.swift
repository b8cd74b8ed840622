import Autodiff
import Checkpoints
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Whole training cases of the methods: forward values, loss, gradients and a few optimiser steps.
let pretrainingRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae", "colormae"], "model", maskedAutoencoder)
]

private func maskedAutoencoder(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.engineTensor("in/images")
    let encoder = try golden.section("recipe.model", as: EncoderOptions.self)
    let options = try golden.section("recipe.method", as: MAEOptions.self, without: ["name"])
    let grid = encoder.grid(height: images.shape[2], width: images.shape[3])
    var method = options.makeMethod(MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 0)))
    try load("w/", of: golden, into: &method.parameters)

    let visible = grid.visibleCount(ratio: try golden.number("recipe.mask.ratio"))
    let isColor = try golden.value("recipe.mask.strategy").string == "color"
    func plan(_ microBatch: Int) throws -> PatchMask {
        let noise = try golden.tensors["draw/\(microBatch)/noise"] ?? golden.tensor("draw/noise")
        return PatchMask(grid: grid, scores: noise.floats(), keepingHighest: isColor, visibleCount: visible)
    }
    let batch = Batch(images: images, samples: Array(0..<images.shape[0]))
    var outcome = try trainingTrace(golden, &method, engine) { method, microBatch, trace, tape in
        let request = StepRequest(random: RandomStream(seed: 0), trace: trace)
        return try method.loss(batch, .patches(plan(microBatch)), request, on: &tape).loss
    }
    outcome.values.merge(values(of: try plan(0), prefix: "act/")) { traced, _ in traced }
    if isColor { outcome.values["act/field"] = try colorField(golden, grid) }
    if let decayed = golden.json["decayed"]?.array?.compactMap(\.string) {
        let rule = decayRule(golden)
        let ours = method.parameters.entries.filter { rule.decays($0.name, axes: $0.shape.rank) }.map(\.name)
        outcome.check("decayed parameters", Set(ours) == Set(decayed))
    }
    return outcome
}

/// The field computed from the white tiles that the case gives.
private func colorField(_ golden: GoldenCase, _ grid: PatchGrid) throws -> GoldenValue {
    let white = try golden.tensor("draw/white")
    let side = white.shape[1]
    let strategy = try golden.section("recipe.mask", as: ColorNoiseMasking.self, without: ["strategy"])
    let filter = PeriodicFilter(strategy.filter(at: 0), side: side)
    let tiles = white.floats()
    func tile(_ index: Int) -> [Float] { Array(tiles[index * side * side..<(index + 1) * side * side]) }
    let images = try golden.tensor("in/images").shape[0]
    let fields: [Float]
    switch strategy.form {
    case .streamed: fields = (0..<images).flatMap { filter.window(of: tile($0), grid: grid) }
    case .bank:
        let draws = try golden.integers("draw/crop_and_flips")
        fields = (0..<images).flatMap { image -> [Float] in
            let window = noiseWindow(draws, run: image / white.shape[0])
            let field = filter.window(
                of: tile(image % white.shape[0]), row: window.row, column: window.column, grid: grid)
            return window.flipped(field, grid: grid)
        }
    }
    return GoldenValue(fields, [images, grid.rows, grid.columns])
}

private func decayRule(_ golden: GoldenCase) -> DecayRule {
    let decaysTokens = golden.json["recipe"]?["train"]?["decay_tokens"]?.bool ?? true
    return decaysTokens ? .matrices : .matricesButTokens
}

/// Runs the optimiser steps of a training case, with accumulation, clipping and schedule as its recipe says.
///
/// The first micro-batch gives the traced points, the loss and the gradients.
func trainingTrace<Method: PretrainingMethod>(
    _ golden: GoldenCase, _ method: inout Method, _ engine: Engine,
    loss: (inout Method, Int, ForwardTrace?, inout Tape) throws -> Variable
) throws -> GoldenOutcome {
    let train = "recipe.train."
    let accumulate = Int(golden.number(train + "accumulate", default: 1))
    let steps = Int(golden.number(train + "trace_steps", default: 5))
    let betas = (try? golden.value(train + "betas"))?.array?.compactMap(\.double) ?? [0.9, 0.95]
    let clip = try? golden.number(train + "clip_norm")
    let rate = try rates(golden, accumulate)
    let decay = decays(golden)
    let initial = method
    var optimizer = AdamW(
        for: method.parameters, beta1: betas[0], beta2: betas[1],
        epsilon: golden.number(train + "eps", default: 1e-8),
        weightDecay: golden.number(train + "weight_decay", default: 0),
        treatment: { parameter in
            let treatment = initial.treatment(of: parameter)
            return treatment == .decayed ? decayRule(golden).treatment(of: parameter) : treatment
        })
    var outcome = GoldenOutcome()
    var losses: [Float] = []
    var norms: [Double] = []
    var learningRates: [Double] = []
    var weightDecays: [Double] = []
    for step in 0..<steps {
        var gradients = Gradients(for: method.parameters)
        for part in 0..<accumulate {
            let trace = step == 0 && part == 0 ? ForwardTrace() : nil
            var tape = Tape(engine: engine)
            let value = try loss(&method, step * accumulate + part, trace, &tape)
            losses.append(value.value.item)
            if let trace {
                // The gradient of the first micro-batch's own loss, neither divided nor clipped.
                let own = tape.gradients(of: value, for: method.parameters)
                record(trace, losses[0], own, method.parameters, golden, &outcome)
                gradients.add(own, on: engine)
            } else {
                tape.gradients(of: value, adding: &gradients)
            }
        }
        gradients.scale(by: 1 / Float(accumulate), on: engine)
        let norm = gradients.norm(on: engine)
        norms.append(norm)
        learningRates.append(rate(step))
        weightDecays.append(decay.value(at: step))
        optimizer.weightDecay = weightDecays[step]
        optimizer.update(
            &method.parameters, gradients, learningRate: learningRates[step],
            gradientScale: clip.map { clippingFactor(norm: norm, limit: $0) } ?? 1, on: engine)
        method.finishStep(progress(golden, step, accumulate), engine: engine)
    }
    outcome.values["trace/loss"] = GoldenValue(losses, [losses.count])
    outcome.values["trace/grad_norm"] = GoldenValue(norms, [steps])
    for name in ["trace/learning_rate", "trace/lr"] { outcome.values[name] = GoldenValue(learningRates, [steps]) }
    outcome.values["trace/wd"] = GoldenValue(weightDecays, [steps])
    for (name, tensor) in method.state { outcome.values["after/\(name)"] = GoldenValue(tensor) }
    for entry in method.parameters.entries {
        outcome.values["after/\(entry.name)"] = method.parameters[entry.name].map { GoldenValue($0) }
    }
    return outcome
}

/// Where a case's training stands after a step.
func progress(_ golden: GoldenCase, _ step: Int, _ accumulate: Int) -> TrainingProgress {
    let train = "recipe.train."
    return TrainingProgress(
        step: step, stepsPerEpoch: Int(golden.number(train + "iterations_per_epoch", default: 1)),
        epochs: Int(golden.number(train + "epochs", default: 1)), accumulate: accumulate,
        scheduleScale: golden.number(train + "ipe_scale", default: 1))
}

/// The steps over which schedules of I-JEPA go.
private func stretchedSteps(_ golden: GoldenCase) throws -> Int {
    let train = "recipe.train."
    let steps = try golden.number(train + "iterations_per_epoch") * golden.number(train + "epochs")
    return Int(golden.number(train + "ipe_scale", default: 1) * steps)
}

/// The weight decay of an optimiser step: constant, or from one value to another.
private func decays(_ golden: GoldenCase) -> any StepSchedule {
    let start = golden.number("recipe.train.weight_decay", default: 0)
    guard golden.isScheduledInSteps, let end = try? golden.number("recipe.train.final_weight_decay"),
        let steps = try? stretchedSteps(golden)
    else { return ConstantSchedule(start) }
    return CosineDecay(start: start, end: end, steps: steps)
}

extension GoldenCase {
    /// Whether the case has I-JEPA's schedules.
    fileprivate var isScheduledInSteps: Bool { (try? value("recipe.train.schedule"))?.string == "warmup_cosine" }
}

/// The learning rate of an optimiser step: constant, or the schedule at its first micro-batch.
private func rates(_ golden: GoldenCase, _ accumulate: Int) throws -> (Int) -> Double {
    let train = "recipe.train."
    if golden.isScheduledInSteps {
        let batches = try golden.number(train + "iterations_per_epoch")
        let schedule = WarmupCosine(
            peak: try golden.number(train + "learning_rate"), end: try golden.number(train + "min_learning_rate"),
            start: try golden.number(train + "warmup_learning_rate"),
            warmupSteps: Int(golden.number(train + "warmup_epochs", default: 0) * batches),
            steps: try stretchedSteps(golden))
        return { schedule.value(at: $0) }
    }
    if let constant = try? golden.number(train + "learning_rate") { return { _ in constant } }
    let schedule = LearningRateSchedule(
        peak: try golden.number(train + "peak_learning_rate"),
        minimum: golden.number(train + "min_learning_rate", default: 0), epochs: try golden.number(train + "epochs"),
        warmupEpochs: golden.number(train + "warmup_epochs", default: 0),
        warmupStart: golden.number(train + "warmup_learning_rate", default: 0))
    let batches = try golden.number(train + "micro_batches_per_epoch")
    return { schedule.rate(at: Double($0 * accumulate) / batches) }
}

private func record(
    _ trace: ForwardTrace, _ loss: Float, _ gradients: Gradients, _ parameters: ParameterStore, _ golden: GoldenCase,
    _ outcome: inout GoldenOutcome
) {
    for (name, tensor) in trace.points { outcome.values[name] = GoldenValue(tensor) }
    outcome.values["loss"] = GoldenValue([loss], [])
    for entry in parameters.entries {
        guard let gradient = gradients[entry.name] else { continue }
        outcome.values["grad/\(entry.name)"] = GoldenValue(gradient)
        checkZeros(entry.name, gradient, gradients, golden, &outcome)
    }
}

/// Gradients that are zero in exact arithmetic are tiny against the largest gradient of the same layer.
private func checkZeros(
    _ name: String, _ gradient: Tensor, _ gradients: Gradients, _ golden: GoldenCase, _ outcome: inout GoldenOutcome
) {
    let listed = golden.json["zero_gradients"]?.array?.compactMap(\.string) ?? []
    let isListed = listed.contains(name) || listed.contains("grad/\(name)")
    let isKeyBias = golden.json["zero_gradient_slices"] != nil && name.hasSuffix("attn.qkv.bias")
    guard isListed || isKeyBias, let weight = gradients[name.replacing(".bias", with: ".weight")] else { return }
    let values = gradient.array
    let zeros = isKeyBias ? Array(values[values.count / 3..<2 * values.count / 3]) : values
    let largest = weight.array.reduce(0) { max($0, abs($1)) }
    let worst = zeros.reduce(0) { max($0, abs($1)) }
    outcome.check("zeros of grad/\(name)", error: Double(worst), within: 1e-5 * Double(largest))
}
