import Autodiff
import Checkpoints
import Evaluation
import Optimizers
import RecipeSchema

/// MAE's probe on one batch, several times.
func batchNormProbe(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let features = try golden.tensor("in/features")
    let labels = try golden.integers("in/labels")
    var constants = BatchNormHead.Constants()
    constants.epsilon = golden.number("options.bn_epsilon", default: constants.epsilon)
    constants.statisticsMomentum = golden.number("options.bn_momentum", default: constants.statisticsMomentum)
    constants.momentum = golden.number("options.lars.momentum", default: constants.momentum)
    constants.trust = golden.number("options.lars.trust_coefficient", default: constants.trust)
    constants.weightDecay = golden.number("options.lars.weight_decay", default: 0)
    let rates = try golden.tensor("in/lr").doubles()
    var probe = try ProbeRun(golden, constants, engine)
    for rate in rates { try probe.step(features.floats(), labels, rate) }
    var outcome = try probe.outcome(golden)
    if let evaluation = golden.tensors["in/eval_features"] {
        outcome.values["out/eval_logits"] = try probe.logits(evaluation)
    }
    return outcome
}

/// MAE's probe on a batch of its own at each step, with its schedule.
func linearProbeSteps(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let features = try golden.tensor("in/features")
    let labels = try golden.integers("in/labels")
    let steps = try golden.integer("recipe.evaluator.steps")
    var constants = BatchNormHead.Constants()
    let path = "recipe.evaluator."
    constants.epsilon = golden.number(path + "batch_norm_eps", default: constants.epsilon)
    constants.statisticsMomentum = golden.number(path + "batch_norm_momentum", default: constants.statisticsMomentum)
    constants.momentum = golden.number(path + "momentum", default: constants.momentum)
    constants.trust = golden.number(path + "trust_coefficient", default: constants.trust)
    constants.weightDecay = golden.number(path + "weight_decay", default: 0)
    guard steps > 0, labels.count % steps == 0, features.count % steps == 0 else {
        throw GoldenError("\"in/features\" and \"in/labels\" do not hold a batch for each of \(steps) steps")
    }
    let rates = try learningRates(golden, steps: steps)
    let values = features.floats()
    let (size, batch) = (values.count / steps, labels.count / steps)
    var probe = try ProbeRun(golden, constants, engine)
    for (step, rate) in rates.enumerated() {
        try probe.step(
            [Float](values[(step * size)..<((step + 1) * size)]),
            [Int](labels[(step * batch)..<((step + 1) * batch)]), rate)
    }
    var outcome = try probe.outcome(golden)
    outcome.values["trace/learning_rate"] = GoldenValue(rates, [steps])
    if let test = golden.tensors["in/test_features"] { outcome.values["act/test_logits"] = try probe.logits(test) }
    return outcome
}

/// The rate of each step: constant, or the schedule that the case's notes tell ("… schedule with 3 steps an epoch, 2
/// epochs, 1 warm-up epoch …").
private func learningRates(_ golden: GoldenCase, steps: Int) throws -> [Double] {
    let peak = try golden.number("recipe.evaluator.learning_rate")
    let pattern = /(\d+) steps an epoch, (\d+) epochs?, (\d+) warm-up epochs?/
    guard let match = (golden.json["notes"]?.string ?? "").firstMatch(of: pattern) else {
        return [Double](repeating: peak, count: steps)
    }
    guard let stepsPerEpoch = Double(match.1), let epochs = Double(match.2), let warmup = Double(match.3),
        stepsPerEpoch > 0
    else { throw GoldenError("the schedule in \"notes\" cannot be read") }
    let schedule = LearningRateSchedule(peak: peak, epochs: epochs, warmupEpochs: warmup)
    return (0..<steps).map { schedule.rate(at: Double($0) / stepsPerEpoch) }
}

/// A head in training, with what a case asks about it.
private struct ProbeRun {
    private var head: BatchNormHead
    private var first: BatchNormHead.Step?
    private var losses: [Double] = []
    private var batch = 0

    init(_ golden: GoldenCase, _ constants: BatchNormHead.Constants, _ engine: Engine) throws {
        let (weight, bias) = (try golden.tensor("w/head.weight"), try golden.tensor("w/head.bias"))
        guard weight.shape.count == 2, bias.shape == [weight.shape[0]], weight.count > 0 else {
            throw GoldenError("\"w/head.weight\" and \"w/head.bias\" do not fit together")
        }
        head = BatchNormHead(weight: weight.doubles(), bias: bias.doubles(), constants: constants, on: engine)
    }

    mutating func step(_ batch: [Float], _ labels: [Int], _ rate: Double) throws {
        guard !labels.isEmpty, batch.count == labels.count * head.features,
            labels.allSatisfy({ (0..<head.classes).contains($0) })
        else {
            throw GoldenError("features, labels and head do not fit together")
        }
        let step = head.tracedStep(batch, labels: labels, learningRate: rate)
        losses.append(step.loss)
        if first == nil {
            first = step
            self.batch = labels.count
        }
    }

    func logits(_ features: StoredTensor) throws -> GoldenValue {
        guard features.count % head.features == 0 else {
            throw GoldenError("test features and head do not fit together")
        }
        let logits = head.logits(features.floats())
        return GoldenValue(logits, [logits.count / head.classes, head.classes])
    }

    func outcome(_ golden: GoldenCase) throws -> GoldenOutcome {
        guard let first else { throw GoldenError("the case has no steps") }
        let (k, d) = (head.classes, head.features)
        return GoldenOutcome([
            // A scalar in some cases, a list of one in others.
            "loss": GoldenValue([first.loss], golden.tensors["loss"]?.shape.isEmpty == false ? [1] : []),
            "act/normalised": GoldenValue(first.normalised, [batch, d]),
            "act/logits": GoldenValue(first.logits, [batch, k]),
            "grad/head.weight": GoldenValue(first.weightGradient, [k, d]),
            "grad/head.bias": GoldenValue(first.biasGradient, [k]),
            "trace/loss": GoldenValue(losses, [losses.count]), "after/head.weight": GoldenValue(head.weight, [k, d]),
            "after/head.bias": GoldenValue(head.bias, [k]),
            "after/momentum.weight": GoldenValue(head.weightMomentum, [k, d]),
            "after/momentum.bias": GoldenValue(head.biasMomentum, [k]),
            "after/running_mean": GoldenValue(head.runningMean, [d]),
            "after/running_var": GoldenValue(head.runningVariance, [d]),
        ])
    }
}
