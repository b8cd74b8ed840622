import Autodiff
import Checkpoints
import Evaluation
import Optimizers
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// Heads of probes on one batch, several times: values and gradients of the first step, losses of all, what is left after the last.
let headRoutines: [GoldenRoutine] = [
    GoldenRoutine(["evaluation"], "probe-cae", caeHead),
    GoldenRoutine(["evaluation"], "probe-capi", capiHead),
    GoldenRoutine(["evaluation"], "probe-dinov2", dinov2Head),
    GoldenRoutine(["evaluation"], "probe-ijepa", ijepaHead),
]

/// A rate for each step.
private struct GivenRates: StepSchedule {
    let rates: [Double]
    func value(at step: Int) -> Double { rates[min(step, rates.count - 1)] }
}

/// Classes of a head by its weight `[classes, features]`, and the labels.
private func classes(
    _ golden: GoldenCase, _ weight: String, features: Int, pictures: Int
) throws -> (count: Int, labels: [Int]) {
    let shape = try golden.tensor(weight, axes: 2).shape
    try CaseBounds.require(
        shape[1] == features && (1...1000).contains(shape[0]),
        "\"\(weight)\" has the shape \(shape) for \(features) features")
    return (shape[0], try golden.labels("in/labels", classes: shape[0], count: pictures))
}

/// Steps with the rates of the case; `forward` gives the scores and, at the first step, notes what the case asks for.
private func train<Head: ParameterOwner>(
    _ head: inout Head, _ golden: GoldenCase, _ optimizer: any Optimizer, labels: [Int], on engine: Engine,
    _ forward: (inout Head, inout Tape, ((String, Tensor) -> Void)?) -> Variable
) throws -> GoldenOutcome {
    let rates = try golden.tensor("in/lr").doubles()
    try CaseBounds.require(
        (1...CaseBounds.steps).contains(rates.count) && rates.allSatisfy { (0...1e4).contains($0) },
        "\"in/lr\" does not hold a rate for each of 1 to \(CaseBounds.steps) steps")
    var taker = StepTaker(
        optimizer, for: head.parameters,
        StepTaker.Rules(
            rates: GivenRates(rates: rates),
            decays: ConstantSchedule(golden.number("options.weight_decay", default: 0))))
    var outcome = GoldenOutcome()
    var losses: [Float] = []
    for step in rates.indices {
        let isFirst = step == 0
        let report = taker.take(&head, on: engine) { gradients, _ in
            if isFirst { outcome.record(gradients) }
        } forward: { head, _, tape in
            let note: ((String, Tensor) -> Void)? =
                isFirst ? { outcome.values["act/\($0)"] = GoldenValue($1) } : nil
            let logits = forward(&head, &tape, note)
            note?("logits", logits.value)
            return tape.crossEntropy(logits, labels: labels)
        }
        losses += report.losses
        if isFirst { outcome.values["loss"] = GoldenValue(report.losses, [1]) }
    }
    outcome.values["trace/loss"] = GoldenValue(losses, [losses.count])
    outcome.recordAfter(head.parameters)
    return outcome
}

private func caeHead(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let tokens = try golden.engineTensor("in/tokens", axes: 3)
    let width = tokens.shape[2]
    let (count, labels) = try classes(golden, "w/head.weight", features: width, pictures: tokens.shape[0])
    let heads = try golden.integer("options.heads", in: 1...width)
    try CaseBounds.require(width % heads == 0, "\(heads) heads for tokens of \(tokens.shape)")
    var head = AttentiveHead(
        width: width, heads: heads, classes: count, qkvBias: .noKey, random: RandomStream(seed: 0))
    try load("w/", of: golden, into: &head.parameters)
    let attention = head.attention(tokens, engine: engine)
    let groups = ParameterGroup.each(of: head.parameters, treatment: { _ in .undecayed })
    let sgd = SGD(for: head.parameters, groups, momentum: try golden.number("options.momentum", in: 0...1))
    var outcome = try train(&head, golden, sgd, labels: labels, on: engine) { head, tape, note in
        let output = head.training(tokens, on: &tape)
        note?("pooled", output.pooled.value)
        note?("normalised", output.normed.value)
        return output.logits
    }
    outcome.values["act/attention"] = GoldenValue(attention)
    record(head.statistics, in: &outcome)
    if golden.tensors["in/eval_tokens"] != nil {
        let test = try golden.engineTensor("in/eval_tokens", axes: 3)
        try CaseBounds.require(test.shape[2] == width, "\"in/eval_tokens\" has the shape \(test.shape)")
        outcome.values["out/eval_logits"] = GoldenValue(head.logits(test, engine: engine))
    }
    return outcome
}

private func record(_ statistics: RunningStatistics?, in outcome: inout GoldenOutcome) {
    outcome.values["after/running_mean"] = statistics.map { GoldenValue($0.mean) }
    outcome.values["after/running_var"] = statistics.map { GoldenValue($0.variance) }
}

private func capiHead(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let tokens = try golden.engineTensor("in/tokens", axes: 3)
    let width = tokens.shape[2]
    let (count, labels) = try classes(golden, "w/linear.weight", features: width, pictures: tokens.shape[0])
    let headWidth = try golden.integer("options.head_width", in: 1...width)
    try CaseBounds.require(width % headWidth == 0, "heads of width \(headWidth) for tokens of \(tokens.shape)")
    var head = AttentionPoolingHead(
        width: width, heads: width / headWidth, classes: count, random: RandomStream(seed: 0))
    try load("w/", of: golden, into: &head.parameters)
    let attention = head.attention(tokens, engine: engine)
    let betas = try golden.value("options.betas").array?.compactMap(\.double) ?? []
    try CaseBounds.require(
        betas.count == 2 && betas.allSatisfy { (0..<1).contains($0) }, "\"options.betas\" are not two numbers below 1")
    let undecayed = Set((golden.json["options"]?["no_decay"]?.array ?? []).compactMap(\.string))
    let groups = ParameterGroup.each(of: head.parameters) { undecayed.contains($0.name) ? .undecayed : .decayed }
    let adam = AdamW(
        for: head.parameters, groups, beta1: betas[0], beta2: betas[1],
        epsilon: try golden.number("options.epsilon", in: 1e-30...1))
    var outcome = try train(&head, golden, adam, labels: labels, on: engine) { head, tape, note in
        let output = head(tokens, on: &tape)
        note?("pooled", output.pooled.value)
        return output.logits
    }
    outcome.values["act/attention"] = GoldenValue(attention)
    return outcome
}

/// The tensors `[…]` of `[layers, …]`.
private func layers(of tensor: Tensor) -> [Tensor] {
    let shape = Array(tensor.shape).dropFirst()
    let count = shape.reduce(1, *)
    let values = tensor.array
    return (0..<tensor.shape[0]).map { Tensor(Array(values[$0 * count..<($0 + 1) * count]), Shape(Array(shape))) }
}

private func dinov2Head(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let tokens = try golden.engineTensor("in/class_tokens", axes: 3)
    let patches = try golden.engineTensor("in/patch_tokens", axes: 4)
    let (pictures, width) = (tokens.shape[1], tokens.shape[2])
    let blocks = try golden.integer("options.blocks", in: 1...tokens.shape[0])
    try CaseBounds.require(
        patches.shape[0] == tokens.shape[0] && patches.shape[1] == pictures && patches.shape[3] == width,
        "tokens of \(tokens.shape) and \(patches.shape) do not fit together")
    var tape = Tape(engine: engine, recording: false)
    let joined = zip(layers(of: tokens), layers(of: patches)).map { own, others in
        tape.concatRows([tape.constant(own.reshaped([pictures, 1, width])), tape.constant(others)]).value
    }
    let hasMean = try golden.value("options.average_pool").bool ?? false
    let features = FrozenTokens(joined, prefix: 1)(.classTokens(blocks: blocks, appendsMean: hasMean), engine: engine)
    return try linearHead(golden, features, batchNorm: false, engine) {
        SGD(for: $0, $1, momentum: try golden.number("options.momentum", in: 0...1))
    }
}

private func ijepaHead(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let outputs = try golden.engineTensor("in/block_outputs", axes: 4)
    let (weight, bias) = (try golden.engineTensor("in/norm.weight"), try golden.engineTensor("in/norm.bias"))
    try CaseBounds.require(
        weight.shape == [outputs.shape[3]] && bias.shape == weight.shape,
        "a norm of \(weight.shape) and \(bias.shape) for blocks of \(outputs.shape)")
    var tape = Tape(engine: engine, recording: false)
    let normed = tape.layerNorm(
        tape.constant(outputs), weight: tape.constant(weight), bias: tape.constant(bias),
        epsilon: Float(golden.number("options.norm_epsilon", default: 1e-6)))
    let features = FrozenTokens(layers(of: normed.value), prefix: 0)(
        .means(blocks: outputs.shape[0]), engine: engine)
    let hasNorm = try golden.value("options.batch_norm").bool ?? true
    return try linearHead(golden, features, batchNorm: hasNorm, engine) { LARS(for: $0, $1) }
}

/// A linear head on features; its linear layer is decayed with its bias, its batch norm is not.
private func linearHead(
    _ golden: GoldenCase, _ features: Tensor, batchNorm: Bool, _ engine: Engine,
    _ optimizer: (ParameterStore, [ParameterGroup]) throws -> any Optimizer
) throws -> GoldenOutcome {
    let (pictures, width) = (features.shape[0], features.shape[1])
    let (count, labels) = try classes(golden, "w/linear.weight", features: width, pictures: pictures)
    var head = LinearHead(features: width, classes: count, batchNorm: batchNorm, random: RandomStream(seed: 0))
    try load("w/", of: golden, into: &head.parameters)
    let groups = ParameterGroup.each(of: head.parameters, treatment: LinearHead.treatment(of:))
    var outcome = try train(&head, golden, try optimizer(head.parameters, groups), labels: labels, on: engine) {
        head, tape, _ in head.training(features, on: &tape)
    }
    outcome.values["act/features"] = GoldenValue(features)
    record(head.statistics, in: &outcome)
    return outcome
}
