import Autodiff
import Checkpoints
import Evaluation
import ImageMasking
import Optimizers
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// Fine-tuning: mixing, groups and whole steps.
let fineTuningRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae"], "finetune_mixing", mixing),
    GoldenRoutine(["mae"], "finetune_layer_decay", layerDecay),
    GoldenRoutine(["evaluation"], "finetune-layer-decay", layerDecayTable),
    GoldenRoutine(["mae"], "finetune_step", fineTuneStep),
]

extension GoldenCase {
    /// The first number of a tensor, from 0 to 1.
    fileprivate func share(_ name: String) throws -> Double {
        guard let share = try tensor(name).doubles().first, (0...1).contains(share) else {
            throw GoldenError("\"\(name)\" is no number from 0 to 1")
        }
        return share
    }

    /// The centre of a box in pictures.
    fileprivate func boxCentre(height: Int, width: Int) throws -> [Int] {
        let centre = try integers("draw/box_centre")
        guard centre.count == 2, (0...height).contains(centre[0]), (0...width).contains(centre[1]) else {
            throw GoldenError("\"draw/box_centre\" is no place in a picture of \(height) by \(width)")
        }
        return centre
    }
}

private func loss(_ logits: Tensor, _ targets: Tensor, _ engine: Engine) -> Float {
    var tape = Tape(engine: engine, recording: false)
    return tape.crossEntropy(tape.constant(logits), targets: targets).value.item
}

private func mixing(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let logits = try golden.engineTensor("in/logits", axes: 2)
    let classes = try golden.integer("recipe.evaluator.classes", in: 1...1000)
    let labels = try golden.labels("in/labels", classes: classes, count: images.shape[0])
    try CaseBounds.require(
        logits.shape == [images.shape[0], classes], "\"in/logits\" has the shape \(logits.shape)")
    let smoothing = try golden.number("recipe.evaluator.label_smoothing", in: 0...1)
    let (height, width) = (images.shape[2], images.shape[3])
    let mixupLambda = try golden.share("draw/lambda_mixup")
    let centre = try golden.boxCentre(height: height, width: width)
    let box = Mixing.box(
        lambda: try golden.share("draw/lambda_cutmix"), centre: (centre[0], centre[1]), height: height,
        width: width)
    let cutmixLambda = Mixing.correctedLambda(box, height: height, width: width)
    func targets(_ smoothing: Double, _ lambda: Double = 1) -> Tensor {
        Mixing.softTargets(labels: labels, classes: classes, smoothing: smoothing, lambda: lambda)
    }
    let mixed = targets(smoothing, mixupLambda)
    let cut = targets(smoothing, cutmixLambda)
    func scalar(_ value: Float) -> GoldenValue { GoldenValue([value], []) }
    return GoldenOutcome([
        "mixup/images": GoldenValue(Mixing.mixup(images, lambda: Float(mixupLambda))),
        "mixup/targets": GoldenValue(mixed), "mixup/loss": scalar(loss(logits, mixed, engine)),
        "cutmix/images": GoldenValue(Mixing.cutmix(images, box: box)),
        "cutmix/targets": GoldenValue(cut), "cutmix/loss": scalar(loss(logits, cut, engine)),
        "cutmix/box": GoldenValue([box.top, box.bottom, box.left, box.right], [4]),
        "cutmix/corrected_lambda": GoldenValue([cutmixLambda], [1]),
        "smoothing/loss": scalar(loss(logits, targets(smoothing), engine)),
        "plain/loss": scalar(loss(logits, targets(0), engine)),
    ])
}

private func layerDecay(_ golden: GoldenCase) throws -> GoldenOutcome {
    let depth = try golden.integer("recipe.model.depth", in: 1...128)
    return try groupChecks(golden, depth: depth)
}

/// Every parameter named in `groups` has its layer, scale and decay.
private func groupChecks(_ golden: GoldenCase, depth: Int) throws -> GoldenOutcome {
    let decay = try golden.number("recipe.evaluator.layer_decay")
    let weightDecay = try golden.number("recipe.evaluator.weight_decay")
    var outcome = GoldenOutcome()
    for member in try golden.value("groups").members ?? [] {
        let layers = LayerDecay(depth: depth, decay: decay)
        let axes = axisCount(member.name)
        outcome.check("layer of \(member.name)", layers.layer(of: member.name) == member.value["layer"]?.int)
        outcome.check(
            "scale of \(member.name)",
            error: abs(layers.scale(of: member.name) - (member.value["lr_scale"]?.double ?? 0)),
            within: 1e-12)
        let isDecayed = DecayRule.fineTuning.decays(member.name, axes: axes)
        outcome.check(
            "decay of \(member.name)", (isDecayed ? weightDecay : 0) == member.value["weight_decay"]?.double)
    }
    return outcome
}

/// Axes of a parameter, as its name tells them.
private func axisCount(_ name: String) -> Int {
    if name == "cls_token" || name == "pos_embed" { return 3 }
    if name == "patch_embed.proj.weight" { return 4 }
    return name.hasSuffix(".weight") && !name.contains("norm") ? 2 : 1
}

private func layerDecayTable(_ golden: GoldenCase) throws -> GoldenOutcome {
    let names = try golden.value("names").array?.compactMap(\.string) ?? []
    let layers = LayerDecay(
        depth: try golden.integer("options.depth", in: 1...128), decay: try golden.number("options.layer_decay"))
    let weightDecay = try golden.number("options.weight_decay")
    let iterations = try golden.integer("options.iterations_per_epoch", in: 1...1000)
    let epochs = try golden.number("options.epochs", in: 0...1000)
    let schedule = LearningRateSchedule(
        peak: try golden.number("options.base_learning_rate") * (try golden.number("options.batch")) / 256,
        minimum: try golden.number("options.min_learning_rate"), epochs: epochs,
        warmupEpochs: try golden.number("options.warmup_epochs"))
    let rates = (0..<Int(epochs) * iterations).map { schedule.rate(at: Double($0) / Double(iterations)) }
    return GoldenOutcome([
        "out/layer": GoldenValue(names.map { layers.layer(of: $0) }, [names.count]),
        "out/scale": GoldenValue(names.map { layers.scale(of: $0) }, [names.count]),
        "out/weight_decay": GoldenValue(
            names.map { DecayRule.fineTuning.decays($0, axes: axisCount($0)) ? weightDecay : 0 }, [names.count]),
        "out/learning_rate": GoldenValue(rates, [rates.count]),
    ])
}

private func fineTuneStep(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let options = try golden.section("recipe.model", as: EncoderOptions.self)
    if let fault = options.headsFault { throw GoldenError(fault) }
    let grid = try golden.grid(of: options, images.shape)
    let classes = try golden.integer("recipe.evaluator.classes", in: 1...1000)
    let labels = try golden.labels("in/labels", classes: classes, count: images.shape[0])
    var model = FineTuneModel(options, grid: grid, classes: classes, random: RandomStream(seed: 0))
    try load("w/", of: golden, into: &model.parameters)

    let (mixed, lambda) = try mixedImages(golden, images)
    let targets = Mixing.softTargets(
        labels: labels, classes: classes, smoothing: try golden.number("recipe.evaluator.label_smoothing"),
        lambda: lambda)
    let steps = try golden.integer("recipe.evaluator.steps", in: 0...CaseBounds.steps)
    let uniforms = try golden.tensor("draw/drop_path")
    try CaseBounds.require(
        uniforms.shape == [max(steps, uniforms.shape.first ?? 0), options.depth, 2, images.shape[0]],
        "\"draw/drop_path\" has the shape \(uniforms.shape)")
    let draws = uniforms.floats()
    let rate = golden.number("recipe.evaluator.drop_path", default: 0)
    func drop(_ step: Int) -> [BranchFactors] {
        let count = uniforms.shape[3]
        return DropPath.factors(rate: rate, depth: options.depth, images: count) { block, branch, image in
            draws[((step * options.depth + block) * 2 + branch) * count + image]
        }
    }
    let layers = LayerDecay(
        depth: options.depth, decay: golden.number("recipe.evaluator.layer_decay", default: 1))
    let betas = try golden.value("recipe.evaluator.betas").array?.compactMap(\.double) ?? [0.9, 0.999]
    try CaseBounds.require(betas.count == 2, "\"recipe.evaluator.betas\" are not two numbers")
    let groups = ParameterGroup.each(
        of: model.parameters, treatment: DecayRule.fineTuning.treatment(of:), scale: { layers.scale(of: $0) })
    var taker = StepTaker(
        AdamW(for: model.parameters, groups, beta1: betas[0], beta2: betas[1]), for: model.parameters,
        StepTaker.Rules(
            rates: ConstantSchedule(try golden.number("recipe.evaluator.learning_rate")),
            decays: ConstantSchedule(try golden.number("recipe.evaluator.weight_decay"))))

    var outcome = try groupChecks(golden, depth: options.depth)
    var losses: [Float] = []
    for step in 0..<steps {
        let trace = step == 0 ? ForwardTrace() : nil
        let report = taker.take(&model, on: engine) { gradients, _ in
            if trace != nil { outcome.record(gradients) }
        } forward: { model, _, tape in
            let logits = model.logits(mixed, drop: drop(step), on: &tape, trace: trace)
            return tape.crossEntropy(logits, targets: targets)
        }
        losses += report.losses
        if let trace {
            outcome.record(trace)
            outcome.values["loss"] = GoldenValue(report.losses, [])
        }
    }
    outcome.values["act/mixed_images"] = GoldenValue(mixed)
    outcome.values["act/targets"] = GoldenValue(targets)
    outcome.values["trace/loss"] = GoldenValue(losses, [losses.count])
    outcome.recordAfter(model.parameters)
    return outcome
}

/// The batch mixed once as the case says, with the label weight.
private func mixedImages(_ golden: GoldenCase, _ images: Tensor) throws -> (Tensor, lambda: Double) {
    let (height, width) = (images.shape[2], images.shape[3])
    if golden.json["recipe"]?["evaluator"]?["mixup"]?.bool == true {
        let lambda = try golden.share("draw/lambda")
        return (Mixing.mixup(images, lambda: Float(lambda)), lambda)
    }
    if golden.json["recipe"]?["evaluator"]?["cutmix"]?.bool == true {
        let centre = try golden.boxCentre(height: height, width: width)
        let box = Mixing.box(
            lambda: try golden.share("draw/lambda"), centre: (centre[0], centre[1]), height: height,
            width: width)
        return (Mixing.cutmix(images, box: box), Mixing.correctedLambda(box, height: height, width: width))
    }
    return (images, 1)
}

/// Loads every weight of a case; a parameter without one is a fault.
func load(_ prefix: String, of golden: GoldenCase, into parameters: inout ParameterStore) throws {
    try CaseBounds.require(!parameters.isOverLimit, "the recipe's model has more weights than the case")
    for entry in parameters.entries {
        let tensor = try golden.tensor(prefix + entry.name)
        guard tensor.shape.reduce(1, *) == entry.shape.elementCount else {
            throw GoldenError("\(prefix)\(entry.name) has shape \(tensor.shape), expected \(entry.shape)")
        }
        if let id = parameters.id(named: entry.name) {
            parameters.setValue(Tensor(tensor).reshaped(entry.shape), for: id)
        }
    }
}
