import Autodiff
import Checkpoints
import Evaluation
import ImageMasking
import Optimizers
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// The attentive probe's head: a pass in training, one in evaluation with the initial statistics, three steps of SGD.
func attentiveHead(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let tokens = try golden.engineTensor("in/tokens", axes: 3)
    let probe = "recipe.probe."
    let classes = try golden.integer(probe + "classes", in: 1...1000)
    let heads = try golden.integer(probe + "heads", in: 1...tokens.shape[2])
    try CaseBounds.require(tokens.shape[2] % heads == 0, "\(heads) heads for tokens of \(tokens.shape)")
    let labels = try golden.labels("in/labels", classes: classes, count: tokens.shape[0])
    let hasBias = try golden.value(probe + "qkv_bias").bool ?? true
    var head = AttentiveHead(
        width: tokens.shape[2], heads: heads, classes: classes, qkvBias: hasBias ? .noKey : .none,
        random: RandomStream(seed: 0))
    try load("w/", of: golden, into: &head.parameters)
    head.statistics.mean = try golden.engineTensor("w/fc_norm.running_mean")
    head.statistics.variance = try golden.engineTensor("w/fc_norm.running_var")
    try CaseBounds.require(
        [head.statistics.mean, head.statistics.variance].allSatisfy { $0.shape == [tokens.shape[2]] },
        "running statistics of \(head.statistics.mean.shape) for tokens of \(tokens.shape)")
    var outcome = GoldenOutcome(["act/logits_eval": GoldenValue(head.logits(tokens, engine: engine))])
    let groups = ParameterGroup.each(of: head.parameters, treatment: { _ in .undecayed })
    var taker = StepTaker(
        SGD(for: head.parameters, groups, nesterov: true), for: head.parameters,
        StepTaker.Rules(rates: ConstantSchedule(0.1)))
    var losses: [Float] = []
    for step in 0..<(try CaseBounds.checked(golden.tensor("trace/loss").count, in: 0...CaseBounds.steps, "steps")) {
        let isFirst = step == 0
        let report = taker.take(&head, on: engine) { gradients, _ in
            if isFirst { outcome.record(gradients) }
        } forward: { head, _, tape in
            let output = head.training(tokens, on: &tape)
            if isFirst {
                outcome.values["act/pooled"] = GoldenValue(output.pooled.value)
                outcome.values["act/normed"] = GoldenValue(output.normed.value)
                outcome.values["act/logits"] = GoldenValue(output.logits.value)
                outcome.values["buffer/fc_norm.running_mean"] = GoldenValue(head.statistics.mean)
                outcome.values["buffer/fc_norm.running_var"] = GoldenValue(head.statistics.variance)
            }
            return tape.crossEntropy(output.logits, labels: labels)
        }
        losses += report.losses
        if isFirst { outcome.values["loss"] = GoldenValue(report.losses, []) }
    }
    outcome.values["trace/loss"] = GoldenValue(losses, [losses.count])
    outcome.recordAfter(head.parameters)
    return outcome
}

/// Positions with the row first, the learning rate of every step, the rates of stochastic depth.
func caeTables(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, entry) in (try golden.value("recipe.tables").array ?? []).enumerated() {
        guard let sizes = entry.array?.compactMap(\.int), sizes.count == 3 else {
            throw GoldenError("a table that is not width, rows and columns")
        }
        let grid = try CaseBounds.grid(sizes[1], sizes[2])
        try CaseBounds.table(grid, width: sizes[0])
        let table = PositionTable.sincos(grid: grid, width: sizes[0], order: .rowFirst, prefix: 1)
        outcome.values["out/\(j)/row_first"] = GoldenValue(table, [1 + grid.count, sizes[0]])
    }
    let train = "recipe.train."
    let stepsPerEpoch = try golden.integer(train + "steps_per_epoch", in: 1...1000)
    let steps = try golden.integer(train + "epochs", in: 1...1000) * stepsPerEpoch
    let schedule = ClosedWarmupCosine(
        peak: try golden.number(train + "learning_rate"), minimum: try golden.number(train + "min_learning_rate"),
        warmupStart: 0, warmupSteps: Int(try golden.number(train + "warmup_epochs") * Double(stepsPerEpoch)),
        steps: steps)
    outcome.values["out/schedule"] = GoldenValue((0..<steps).map { schedule.value(at: $0) }, [steps])
    let (depth, rate) = (
        try golden.integer("recipe.model.depth", in: 1...128), try golden.number("recipe.model.drop_path")
    )
    outcome.values["out/drop_rates"] = GoldenValue(
        (0..<depth).map { DropPath.rate(rate, of: $0, depth: depth) }, [depth])
    return outcome
}
