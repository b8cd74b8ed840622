import Autodiff
import Checkpoints
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// CAPI: whole training cases of both its optimisers, and the features that are kept.
let capiRoutines: [GoldenRoutine] =
    [
        GoldenRoutine(["capi"], "model", model),
        GoldenRoutine(["capi"], "aux_features", features),
    ] + capiPartRoutines

private func model(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let accumulate = try golden.accumulate
    func images(_ part: Int) throws -> Tensor {
        try golden.pictures(accumulate > 1 ? "in/\(part)/images" : "in/images")
    }
    let shape = try images(0).shape
    let encoder = try golden.encoder(for: CAPIOptions.self)
    let options = try golden.section("recipe.method", as: CAPIOptions.self, without: ["name"])
    let context = try golden.context(options, encoder, shape)
    var method = options.makeMethod(context)
    try load("w/", of: golden, into: &method.parameters)
    method.adoptParameters()
    // What the case does not store of the slow copy begins as the student's.
    var state = method.state
    for (name, old) in method.state {
        guard let stored = golden.tensors["w/\(name)"] else { continue }
        try CaseBounds.require(
            stored.shape.reduce(1, *) == old.count, "w/\(name) has the shape \(stored.shape), expected \(old.shape)")
        state[name] = Tensor(stored).reshaped(old.shape)
    }
    method.state = state
    let rules = try golden.stepRules()
    let clustering = try golden.clusteringSchedules(options, accumulate)
    method.schedule(rates: clustering.rates, momenta: clustering.momenta)

    /// The loss of a micro-batch: its draws are those of its part, or of its step.
    func loss(
        _ method: inout CAPI, _ step: Int, _ part: Int, _ trace: ForwardTrace, _ tape: inout Tape
    ) throws -> Variable {
        let pictures = try images(part)
        try CaseBounds.require(pictures.shape == shape, "micro-batches of different shapes")
        let batch = Batch(images: pictures, samples: Array(0..<shape[0]))
        let draws = CaseDraws(golden, accumulate > 1 ? part : step)
        return try method.loss(
            batch, draws.mask(on: context.grid, pictures: shape[0]),
            CAPI.Draws(
                encoder: draws.chosen("keep_encoder", blocks: encoder.depth, options, pictures: shape[0]),
                predictor: draws.chosen("keep_predictor", blocks: options.predictorDepth, options, pictures: shape[0])),
            StepRequest(trace: trace), on: &tape
        ).loss
    }

    var outcome = GoldenOutcome()
    try recordFirst(golden, method, accumulate, engine, &outcome, loss)
    var taker = StepTaker(
        try golden.makeOptimizer(for: method.parameters, treatment: method.treatment(of:)), for: method.parameters,
        rules)
    var losses = (student: [Float](), clustering: [Float]())
    let steps = try golden.traceSteps
    let rates = try (0..<steps).map { step in
        var sums = (student: Float(0), clustering: Float(0))
        let report = try taker.take(&method, on: engine) { method, part, tape in
            let trace = ForwardTrace()
            let total = try loss(&method, step, part, trace, &tape)
            sums.student += trace.points["loss/student"]?.item ?? .nan
            sums.clustering += trace.points["loss/clustering"]?.item ?? .nan
            return total
        }
        losses.student.append(sums.student / Float(accumulate))
        losses.clustering.append(sums.clustering / Float(accumulate))
        return report.learningRate
    }
    outcome.values["trace/loss"] = GoldenValue(losses.student, [steps])
    outcome.values["trace/clustering_loss"] = GoldenValue(losses.clustering, [steps])
    outcome.values["trace/lr"] = GoldenValue(rates, [steps])
    outcome.values["trace/clustering_lr"] = GoldenValue(
        (0..<steps).map { clustering.rates.value(at: $0) }, [steps])
    outcome.values["trace/momentum"] = GoldenValue((0..<steps).map { clustering.momenta.value(at: $0) }, [steps])
    outcome.recordAfter(method)
    return outcome
}

/// Losses, gradients and, of a case without accumulation, the values on the way of the first step.
private func recordFirst(
    _ golden: GoldenCase, _ method: CAPI, _ accumulate: Int, _ engine: Engine, _ outcome: inout GoldenOutcome,
    _ loss: (inout CAPI, Int, Int, ForwardTrace, inout Tape) throws -> Variable
) throws {
    var method = method
    var gradients = Gradients(for: method.parameters)
    var sums: [String: Float] = ["loss": 0, "loss/clustering": 0]
    let share = Tensor([1 / Float(accumulate)], [])
    for part in 0..<accumulate {
        var tape = Tape(engine: engine)
        let trace = ForwardTrace()
        let total = try loss(&method, 0, part, trace, &tape)
        if part == 0 {
            tape.gradients(of: total, cotangent: share, replacing: &gradients)
        } else {
            tape.gradients(of: total, cotangent: share, adding: &gradients)
        }
        if accumulate == 1 {
            outcome.record(
                trace,
                [
                    "encoder/": "act/encoder_", "encoder/output": "act/encoder_out", "predictor/": "act/predictor_",
                ])
        }
        for (name, point, place) in [
            ("loss", "loss/student", "loss/\(part)"), ("loss/clustering", "loss/clustering", "loss/\(part)/clustering"),
        ] {
            let value = trace.points[point]?.item ?? .nan
            sums[name, default: 0] += value / Float(accumulate)
            outcome.values[place] = GoldenValue([value], [])
        }
    }
    for (name, value) in sums { outcome.values[name] = GoldenValue([value], []) }
    outcome.record(gradients)
}

extension GoldenCase {
    /// The clustering's rate and the teacher's momentum. Under a constant rate the momentum still has the schedule of the case.
    fileprivate func clusteringSchedules(
        _ options: CAPIOptions, _ accumulate: Int
    ) throws -> (rates: any StepSchedule, momenta: any StepSchedule) {
        let run = runLength(accumulate)
        guard let cosine = try schedule(TruncatedCosineOptions.name) as? TruncatedCosineOptions else {
            throw GoldenError("the case has no schedule")
        }
        let isConstant = (try? value("recipe.train.schedule"))?.string == ConstantOptions.name
        return (
            isConstant
                ? ConstantSchedule(options.clusteringLearningRate)
                : cosine.rates(
                    start: 0, peak: options.clusteringLearningRate, end: options.clusteringMinLearningRate, over: run),
            cosine.rates(start: options.emaStart, peak: options.ema[0], end: options.ema[1], over: run)
        )
    }
}

/// The draws of a case for one micro-batch or step: `draw/<n>/…`, or `draw/…` where all have the same.
private struct CaseDraws {
    private let golden: GoldenCase
    private let number: Int

    init(_ golden: GoldenCase, _ number: Int) {
        self.golden = golden
        self.number = number
    }

    private func tensor(_ name: String, axes: Int) throws -> StoredTensor {
        try golden.tensor(golden.draw(name, of: number), axes: axes)
    }

    /// The cells of each image under a name.
    private func cells(_ name: String, on grid: PatchGrid, pictures: Int) throws -> [[Int32]] {
        let stored = try tensor(name, axes: 2)
        guard stored.shape[0] == pictures, let numbers = stored.integers(),
            numbers.allSatisfy({ (0..<grid.count).contains($0) })
        else { throw GoldenError("\"\(name)\" does not hold cells of a grid of \(grid) for \(pictures) pictures") }
        let count = stored.shape[1]
        return (0..<pictures).map { image in numbers[image * count..<(image + 1) * count].map { Int32($0) } }
    }

    func mask(on grid: PatchGrid, pictures: Int) throws -> PatchMask {
        let visible = try cells("visible", on: grid, pictures: pictures)
        let predicted = try cells("predict", on: grid, pictures: pictures)
        let orders = try zip(visible, predicted).map { visible, predicted in
            try CaseBounds.require(
                Set(visible + predicted).count == visible.count + predicted.count, "a cell that is drawn twice")
            return InverseBlockMasking.order(visible: visible, predicted: predicted, on: grid)
        }
        return PatchMask(grid: grid, orders: orders, visibleCount: visible.first?.count ?? 0)
            .predicting(predicted.first?.count ?? 0)
    }

    func chosen(
        _ name: String, blocks: Int, _ options: CAPIOptions, pictures: Int
    ) throws -> [ChosenBranches]? {
        guard options.dropPath > 0 else { return nil }
        let stored = try tensor(name, axes: 3)
        guard stored.shape[0] == blocks, stored.shape[1] == 2, let numbers = stored.integers(),
            numbers.allSatisfy({ (0..<pictures).contains($0) })
        else { throw GoldenError("\"\(name)\" does not hold pictures for both branches of \(blocks) blocks") }
        let count = stored.shape[2]
        func images(_ block: Int, _ branch: Int) throws -> ChosenImages {
            let start = (2 * block + branch) * count
            let images = numbers[start..<start + count].map { Int($0) }
            try CaseBounds.require(Set(images).count == count, "\"\(name)\" names a picture twice")
            return ChosenImages(images)
        }
        return try (0..<blocks).map {
            ChosenBranches(attention: try images($0, 0), perceptron: try images($0, 1))
        }
    }
}

/// What the teacher makes of whole images; the case holds one encoder and predictor.
private func features(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let encoder = try golden.encoder(for: CAPIOptions.self)
    let options = try golden.section("recipe.method", as: CAPIOptions.self, without: ["name"])
    let grid = try golden.grid(of: encoder, images.shape)
    try golden.refuse(options, encoder, grid)
    var context = MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 0))
    context.parameterLimit = golden.parameterLimit + 2 * options.clusters * (encoder.width + 64) + 1 << 12
    var method = options.makeMethod(context)
    try CaseBounds.require(!method.parameters.isOverLimit, "the recipe's model has more weights than the case")
    for entry in method.parameters.entries where entry.name.hasPrefix("student.backbone.") {
        let name = "w/" + entry.name.dropFirst("student.".count)
        let stored = try golden.tensor(name)
        guard stored.shape.reduce(1, *) == entry.shape.elementCount, let id = method.parameters.id(named: entry.name)
        else { throw GoldenError("\(name) has the shape \(stored.shape), expected \(entry.shape)") }
        method.parameters.setValue(Tensor(stored).reshaped(entry.shape), for: id)
    }
    method.adoptParameters()
    let map = method.map(of: images, engine: engine)
    let global = method.globalFeatures(of: images, engine: engine)
    var tape = Tape(engine: engine, recording: false)
    var outcome = GoldenOutcome([
        "act/map": GoldenValue(map), "act/global": GoldenValue(global.mean),
        "act/mean": GoldenValue(tape.meanRows(tape.constant(map)).value),
    ])
    if let registers = global.registers { outcome.values["act/registers"] = GoldenValue(registers) }
    return outcome
}
