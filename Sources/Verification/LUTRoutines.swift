import Autodiff
import Checkpoints
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// LUT: whole training cases, the operations of its views, its schedules.
let lutRoutines: [GoldenRoutine] = [
    GoldenRoutine(["lut"], "model", unmaskedTokens),
    GoldenRoutine(["lut"], "aux-view-operations", viewOperations),
    GoldenRoutine(["lut"], "aux-schedules", lutSchedules),
]

/// What the page calls traced values; each micro-batch of a step has its losses.
private func lutNames(losses place: String) -> TraceNames {
    [
        "student1/": "act/student1/", "student1/output": "act/student1/encoder", "student2/": "act/student2/",
        "student2/output": "act/student2/encoder", "teacher1/tokens": "act/teacher1/encoder",
        "teacher1/projected": "act/t1", "teacher2/tokens": "act/teacher2/encoder", "teacher2/projected": "act/t2",
        "decoder/predicted": "act/decoder_pred", "mask": "act/mask1", "loss/": "\(place)/",
    ]
}

/// Forward values, losses, gradients, running statistics, and optimiser steps with the teacher behind them.
///
/// Unlike MAE's cases, loss and gradients are means over the micro-batches of a step.
private func unmaskedTokens(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let accumulate = try golden.accumulate
    let prefixes = (0..<accumulate).map { accumulate == 1 ? "" : "\($0)/" }
    let views = try prefixes.map { prefix in
        try (golden.pictures("in/\(prefix)view1"), golden.pictures("in/\(prefix)view2"))
    }
    let shape = views[0].0.shape
    try CaseBounds.require(
        views.allSatisfy { $0.0.shape == shape && $0.1.shape == shape }, "the views are not all of one shape")
    let encoder = try golden.section("recipe.model", as: EncoderOptions.self)
    let options = try golden.section("recipe.method", as: LUTOptions.self, without: ["name"])
    let context = try golden.context(options, encoder, shape)
    let grid = context.grid
    var method = options.makeMethod(context)
    try load("w/", of: golden, into: &method.parameters)
    var state = method.state
    for (name, tensor) in state {
        let place = name.hasPrefix("teacher/") ? name : "w/\(name)"
        if !name.hasPrefix("teacher/") && golden.tensors[place] == nil { continue }
        let stored = try golden.engineTensor(place)
        try CaseBounds.require(stored.shape == tensor.shape, "\(place) has the shape \(stored.shape)")
        state[name] = stored
    }
    method.state = state

    let visible = try golden.visibleCount(on: grid)
    let plans = try prefixes.map { prefix in
        PatchMask(
            grid: grid, scores: try golden.scores("draw/\(prefix)noise", on: grid, pictures: shape[0]),
            keepingHighest: false,
            visibleCount: visible)
    }
    let rules = try golden.stepRules()
    let treat = method.treatment(of:)
    var taker = StepTaker(
        try golden.makeOptimizer(for: method.parameters, treatment: treat), for: method.parameters, rules)
    var outcome = GoldenOutcome()
    var losses: [Double] = []
    var momenta: [Double] = []
    for step in 0..<(try golden.traceSteps) {
        let isFirst = step == 0
        let report = try taker.take(&method, on: engine) { gradients, method in
            guard isFirst else { return }
            outcome.record(gradients)
            for (name, tensor) in method.state where !name.hasPrefix("teacher/") {
                outcome.values["buffer/\(name)"] = GoldenValue(tensor)
            }
        } forward: { method, part, tape in
            let trace = isFirst ? ForwardTrace() : nil
            let batch = Batch(
                images: views[part].0, otherViews: [views[part].1], samples: Array(0..<views[part].0.shape[0]))
            let result = try method.loss(
                batch, plans[part], LUT.Draws(), StepRequest(trace: trace), on: &tape)
            if let trace {
                let place = rules.accumulate == 1 ? "loss" : "loss/\(part)"
                outcome.record(trace, lutNames(losses: place))
                outcome.values[place] = GoldenValue([result.loss.value.item], [])
            }
            return result.loss
        }
        if isFirst { outcome.values["loss"] = GoldenValue([report.loss], []) }
        losses.append(report.loss)
        momenta.append(
            method.momentum(
                TrainingProgress(
                    step: step, stepsPerEpoch: rules.stepsPerEpoch, epochs: rules.epochs, accumulate: rules.accumulate))
        )
    }
    outcome.values["trace/loss"] = GoldenValue(losses, [losses.count])
    outcome.values["trace/ema_decay"] = GoldenValue(momenta, [momenta.count])
    outcome.recordAfter(method)
    return outcome
}

/// The operations on one picture `[3, H, W]` of bytes.
private func viewOperations(_ golden: GoldenCase) throws -> GoldenOutcome {
    let stored = try golden.tensor("in/image", axes: 3)
    try CaseBounds.require(
        stored.shape[0] == 3 && stored.dtype == .uint8, "\"in/image\" is no picture of bytes [3, H, W]")
    let (height, width) = (stored.shape[1], stored.shape[2])
    let planar = stored.bytes
    func interleaved<Number>(_ planar: [Number]) -> [Number] {
        (0..<height * width).flatMap { pixel in (0..<3).map { planar[$0 * height * width + pixel] } }
    }
    func separated<Number>(_ pixels: [Number]) -> [Number] {
        (0..<3).flatMap { channel in (0..<height * width).map { pixels[3 * $0 + channel] } }
    }
    let bytes = interleaved(planar)
    let values = bytes.map { Float($0) / 255 }
    var outcome = GoldenOutcome()
    func add(_ name: String, _ change: (inout [Float]) -> Void) {
        var changed = values
        change(&changed)
        outcome.values["out/\(name)"] = GoldenValue(separated(changed), stored.shape)
    }
    func addBytes(_ name: String, _ change: (inout [UInt8]) -> Void) {
        var changed = bytes
        change(&changed)
        outcome.values["out/\(name)"] = GoldenValue(separated(changed), stored.shape)
    }
    let picture = DecodedImage(height: height, width: width, channels: 3, samples: .uint8(bytes))
    let pad = try golden.integer("recipe.pad", in: 0...max(0, min(height, width) - 1))
    for (index, crop) in (try golden.value("recipe.crops").array ?? []).enumerated() {
        guard let place = crop.array?.compactMap(\.int), place.count == 3,
            place.prefix(2).allSatisfy({ (0...2 * pad).contains($0) })
        else {
            throw GoldenError("recipe.crops is not a list of three integers each, the places at most twice recipe.pad")
        }
        let view = TwoViewTransform.reflected(
            picture, pad: pad, top: place[0], left: place[1], height: height, width: width, mirrored: place[2] == 1)
        outcome.values["out/crop/\(index)"] = GoldenValue(separated(view.bytes()), stored.shape)
    }
    let threshold = try golden.integer("recipe.solarize_threshold", in: 0...256)
    addBytes("solarize") { ColourOperations.solarize(&$0, threshold: threshold) }
    addBytes("grayscale") { ColourOperations.grayscale(&$0) }
    func factor(_ name: String) throws -> Float { Float(try golden.number("recipe.\(name)")) }
    let (brightness, contrast, saturation) = (
        try factor("brightness"), try factor("contrast"), try factor("saturation")
    )
    add("brightness") { ColourOperations.brightness(&$0, factor: brightness) }
    add("contrast") { ColourOperations.contrast(&$0, factor: contrast, channels: 3) }
    add("saturation") { ColourOperations.saturation(&$0, factor: saturation) }
    let shifts = try golden.value("recipe.hue").array?.compactMap(\.double) ?? []
    for (name, shift) in zip(["hue_plus", "hue_minus"], shifts) {
        add(name) { ColourOperations.hue(&$0, shift: Float(shift)) }
    }
    for (index, sigma) in (try golden.value("recipe.blur_sigma").array?.compactMap(\.double) ?? []).enumerated() {
        try CaseBounds.require((0.01...10).contains(sigma), "a blur of width \(sigma)")
        add("blur/\(index)") { ColourOperations.blur(&$0, sigma: sigma, height: height, width: width, channels: 3) }
    }
    return outcome
}

/// The teacher's momentum and the learning rate by micro-batch, and the two rules for scaling a base rate.
private func lutSchedules(_ golden: GoldenCase) throws -> GoldenOutcome {
    let epochs = try golden.integer("recipe.epochs", in: 1...1000)
    let steps = try golden.integer("recipe.steps_per_epoch", in: 1...1000)
    let start = try golden.number("recipe.ema_momentum")
    let momenta = (0..<epochs * steps).map { LUT.momentum(from: start, at: $0, of: epochs * steps) }
    let schedule = LearningRateSchedule(
        peak: try golden.number("recipe.learning_rate"), minimum: try golden.number("recipe.min_learning_rate"),
        epochs: Double(epochs), warmupEpochs: try golden.number("recipe.warmup_epochs"))
    let rates = (0..<epochs * steps).map { schedule.rate(at: Double($0) / Double(steps)) }
    let batches = [256.0, 1024, 4096]
    let scaled = batches.map { 1.5e-4 * $0.squareRoot() / 4 } + batches.map { 1.5e-4 * $0 / 256 }
    return GoldenOutcome([
        "out/ema_decay": GoldenValue(momenta, [momenta.count]), "out/learning_rate": GoldenValue(rates, [rates.count]),
        "out/scaled_rate": GoldenValue(scaled, [scaled.count]),
    ])
}
