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

/// LeJEPA: whole training cases, the statistic, the objective, schedules, the blur of its views, initial values.
let lejepaRoutines: [GoldenRoutine] = [
    GoldenRoutine(["lejepa"], "model", latentEuclidean),
    GoldenRoutine(["lejepa"], "aux_sigreg", sketchedStatistics),
    GoldenRoutine(["lejepa"], "aux_objective", lejepaObjective),
    GoldenRoutine(["lejepa"], "aux_schedules", lejepaSchedules),
    GoldenRoutine(["lejepa"], "aux_blur", tappedBlur),
]

/// What the page calls traced values; each micro-batch of a step has its losses.
private func lejepaNames(losses place: String) -> TraceNames {
    [
        "global/patch_embed": "act/global_patch_embed", "local/patch_embed": "act/local_patch_embed",
        "loss/": "\(place)/",
    ]
}

/// Forward values, losses, gradients, running statistics, and optimiser steps.
///
/// Loss and gradients are means over the micro-batches of a step.
private func latentEuclidean(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let encoder = try golden.section("recipe.model", as: EncoderOptions.self)
    let options = try golden.section("recipe.method", as: LeJEPAOptions.self, without: ["name"])
    let accumulate = try golden.accumulate
    let batches = try (0..<accumulate).map { try golden.views(options, accumulate == 1 ? "" : "\($0)/") }
    let shape = batches[0].images.shape
    try CaseBounds.require(batches.allSatisfy { $0.images.shape == shape }, "the pictures are not all of one shape")
    try CaseBounds.require(options.needs.pairedBatches == nil || shape[0] > 1, "one picture is too few")
    let local = options.localSize ?? ImageSize(height: shape[2], width: shape[3])
    for view in batches.flatMap({ $0.otherViews.dropFirst(options.globalViews - 1) }) {
        try CaseBounds.require(
            view.shape == [shape[0], shape[1], local.height, local.width], "local views of the shape \(view.shape)")
    }
    let context = try golden.context(options, encoder, shape)
    var method = options.makeMethod(context)
    try load("w/", of: golden, into: &method.parameters)
    method.state = try golden.stored(method.state)

    let rules = try golden.stepRules()
    let treat = method.treatment(of:)
    var taker = StepTaker(
        try golden.makeOptimizer(for: method.parameters, treatment: treat), for: method.parameters, rules)
    var outcome = GoldenOutcome()
    var reports: [StepTaker.Report] = []
    var parts: [String: Double] = [:]
    for step in 0..<(try golden.traceSteps) {
        let isFirst = step == 0
        let report = try taker.take(&method, on: engine) { gradients, method in
            guard isFirst else { return }
            outcome.record(gradients)
            for entry in gradients.entries {
                guard let gradient = gradients[entry.name] else { continue }
                checkZeros(entry.name, gradient, gradients, golden, &outcome)
            }
            for (name, tensor) in method.state { outcome.values["buffer/\(name)"] = GoldenValue(tensor) }
        } forward: { method, part, tape in
            let trace = isFirst ? ForwardTrace() : nil
            let slices = try golden.slices(
                options.projectorWidth, options.slices, step: step, part: part, of: accumulate)
            let result = try method.loss(
                batches[part], WholePictures(), LeJEPA.Draws(slices: slices), StepRequest(trace: trace), on: &tape)
            if let trace {
                let place = accumulate == 1 ? "loss" : "loss/\(part)"
                outcome.record(trace, lejepaNames(losses: place))
                outcome.values[place] = GoldenValue([result.loss.value.item], [])
                for name in ["invariance", "sigreg"] {
                    let value = Double(trace.points["loss/\(name)"]?.item ?? .nan)
                    parts[name, default: 0] += value / Double(accumulate)
                }
            }
            return result.loss
        }
        reports.append(report)
    }
    outcome.values["loss"] = reports.first.map { GoldenValue([$0.loss], []) }
    for (name, value) in parts { outcome.values["loss/\(name)"] = GoldenValue([value], []) }
    outcome.values["trace/loss"] = GoldenValue(reports.map(\.loss), [reports.count])
    outcome.values["trace/lr"] = GoldenValue(reports.map(\.learningRate), [reports.count])
    outcome.recordAfter(method)
    return outcome
}

extension GoldenCase {
    /// The views of a micro-batch whose tensors stand below `in/` and a prefix.
    fileprivate func views(_ options: LeJEPAOptions, _ prefix: String) throws -> Batch {
        let globals = try batches("in/\(prefix)views", options.globalViews)
        let locals = options.localViews > 0 ? try batches("in/\(prefix)local", options.localViews) : []
        return Batch(
            images: globals[0], otherViews: Array(globals.dropFirst()) + locals,
            samples: Array(0..<globals[0].shape[0]))
    }

    /// Pictures `[V, B, C, H, W]`, view by view.
    private func batches(_ name: String, _ count: Int) throws -> [Tensor] {
        let stored = try engineTensor(name, axes: 5)
        try CaseBounds.require(stored.shape[0] == count, "\"\(name)\" has \(stored.shape[0]) views of \(count)")
        try CaseBounds.require(
            stored.array.allSatisfy { abs($0) <= 1e4 }, "\"\(name)\" holds what is no number of a picture")
        let shape = Shape(Array(stored.shape.dropFirst()))
        let size = shape.elementCount
        return (0..<count).map { stored.view($0 * size..<($0 + 1) * size, as: shape) }
    }

    /// The draws of a micro-batch: its own through the trace, those of its number in every step, or the same everywhere.
    fileprivate func slices(_ width: Int, _ count: Int, step: Int, part: Int, of accumulate: Int) throws -> Tensor {
        let names = ["draw/\(step * accumulate + part)/slices", "draw/\(part)/slices", "draw/slices"]
        return try slices(names.first { tensors[$0] != nil } ?? "draw/slices", width, count)
    }

    /// Draws `[width, slices]`, each direction of which has a length.
    fileprivate func slices(_ name: String, _ width: Int, _ count: Int) throws -> Tensor {
        let draws = try engineTensor(name, axes: 2)
        try CaseBounds.require(
            draws.shape == [width, count] && draws.array.allSatisfy { abs($0) <= 1e4 },
            "\"\(name)\" has the shape \(draws.shape) of [\(width), \(count)], or holds what is no draw")
        return draws
    }

    /// The parts of `recipe.items`, with the text of each.
    fileprivate func items() throws -> [JSONValue] {
        let items = try value("recipe.items").array ?? []
        try CaseBounds.require((1...CaseBounds.steps).contains(items.count), "recipe.items are \(items.count)")
        return items
    }

    /// Features of an item, finite numbers, with so many axes at least.
    fileprivate func features(_ name: String, axes: ClosedRange<Int>) throws -> Tensor {
        let stored = try tensor(name)
        try CaseBounds.require(axes.contains(stored.shape.count), "\"\(name)\" has the shape \(stored.shape)")
        let features = try engineTensor(name, axes: stored.shape.count)
        try CaseBounds.require(features.array.allSatisfy { abs($0) <= 1e6 }, "\"\(name)\" holds what is no feature")
        return features
    }
}

extension JSONValue {
    /// The options of LeJEPA that an item says, its other members left aside.
    fileprivate func lejepa(without extra: Set<String>) throws -> LeJEPAOptions {
        let members = (members ?? []).filter { !extra.contains($0.name) }
        var problems: [Problem] = []
        let section = JSONValue(.object(members))
        guard let options = LeJEPAOptions.decode(section, at: "$.recipe.items", &problems) else {
            throw GoldenError("\(Problems(problems))")
        }
        return options
    }

    /// The number of a member, within a range.
    fileprivate func number(_ name: String, in range: ClosedRange<Double>) throws -> Double {
        guard let number = self[name]?.double, range.contains(number) else {
            throw GoldenError("an item's \"\(name)\" is no number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The integer of a member, within a range.
    fileprivate func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = self[name]?.int, range.contains(number) else {
            throw GoldenError("an item's \"\(name)\" is no integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

/// A value with its gradient by the one input, as a case has them.
private func differentiated(
    _ input: Tensor, _ engine: Engine, _ value: (Variable, inout Tape) throws -> Variable
) throws -> (value: GoldenValue, gradient: GoldenValue) {
    var store = ParameterStore()
    let id = store.add("z", input.shape, input.array)
    var tape = Tape(engine: engine)
    let result = try value(tape.parameter(id, of: store), &tape)
    let number = GoldenValue([result.value.item], [])
    return (number, GoldenValue(tape.gradients(of: result, for: store)[id].reshaped(input.shape)))
}

/// Knots, weights and statistics of given features, and the gradient of their mean.
private func sketchedStatistics(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (index, item) in try golden.items().enumerated() {
        let options = try item.lejepa(without: ["shape"])
        let sigreg = SIGReg(slices: options.slices, knots: options.knots, knotMax: options.knotMax)
        let features = try golden.features("in/\(index)/z", axes: 2...Shape.maximalRank)
        let draws = try golden.slices("draw/\(index)/slices", features.shape.columns, options.slices)
        outcome.values["act/\(index)/knots"] = GoldenValue(sigreg.knots, [sigreg.knots.count])
        outcome.values["act/\(index)/weights"] = GoldenValue(sigreg.weights, [sigreg.knots.count])
        let (value, gradient) = try differentiated(features, engine) { features, tape in
            let (value, statistics) = sigreg(features, along: SIGReg.directions(draws), on: &tape)
            outcome.values["act/\(index)/statistics"] = GoldenValue(statistics)
            return value
        }
        outcome.values["loss/\(index)"] = value
        outcome.values["grad/\(index)/z"] = gradient
    }
    return outcome
}

/// The loss of given projections, its terms and its gradient.
private func lejepaObjective(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (index, item) in try golden.items().enumerated() {
        var members = item.members ?? []
        members.removeAll { $0.name == "global_views" }
        let projections = try golden.features("in/\(index)/z", axes: 3...3)
        let globals = try item.integer("global_views", in: 1...projections.shape[0])
        let options = try JSONValue(.object(members)).lejepa(without: ["shape"])
        let objective = LeJEPAObjective(options)
        let draws = try golden.slices("draw/\(index)/slices", projections.shape[2], options.slices)
        let (value, gradient) = try differentiated(projections, engine) { projections, tape in
            let (loss, invariance, sigreg) = objective(projections, globals: globals, draws, on: &tape)
            outcome.values["loss/\(index)/invariance"] = GoldenValue(invariance.value)
            outcome.values["loss/\(index)/sigreg"] = GoldenValue(sigreg.value)
            return loss
        }
        outcome.values["loss/\(index)"] = value
        outcome.values["grad/\(index)/z"] = gradient
    }
    return outcome
}

/// The rate of every update: `train.schedule` "cosine" of a run that is one epoch of all updates.
private func lejepaSchedules(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (index, item) in try golden.items().enumerated() {
        let total = try item.integer("total_updates", in: 1...CaseBounds.entries)
        let warmup = try item.integer("warmup_updates", in: 0...total)
        var schedule = CosineOptions()
        schedule.warmupEpochs = Double(warmup) / Double(total)
        schedule.warmupLearningRate = try item.number("warmup_learning_rate", in: 0...1e6)
        schedule.minLearningRate = try item.number("min_learning_rate", in: 0...1e6)
        let rates = schedule.rates(
            peak: try item.number("learning_rate", in: 0...1e6),
            over: RunLength(stepsPerEpoch: Double(total), epochs: 1))
        outcome.values["act/\(index)/lr"] = GoldenValue((0..<total).map { rates.value(at: $0) }, [total])
    }
    return outcome
}

/// The blur of pictures `[C, H, W]` with a fixed number of taps.
private func tappedBlur(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (index, item) in try golden.items().enumerated() {
        let stored = try golden.tensor("in/\(index)/image", axes: 3)
        let (channels, height, width) = (stored.shape[0], stored.shape[1], stored.shape[2])
        let sigma = try item.number("sigma", in: 0.01...1000)
        let taps = try item.integer("taps", in: 1...1025)
        try CaseBounds.require(
            taps % 2 == 1 && min(height, width) > taps / 2, "\(taps) taps on a picture of \(height) by \(width)")
        let planar = stored.floats()
        let pixels = height * width
        var values = (0..<pixels).flatMap { pixel in (0..<channels).map { planar[$0 * pixels + pixel] } }
        ColourOperations.blur(&values, sigma: sigma, taps: taps, height: height, width: width, channels: channels)
        let blurred = (0..<channels).flatMap { channel in (0..<pixels).map { values[$0 * channels + channel] } }
        outcome.values["act/\(index)/image"] = GoldenValue(blurred, stored.shape)
    }
    return outcome
}
