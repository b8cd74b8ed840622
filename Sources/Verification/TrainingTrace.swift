import Autodiff
import Checkpoints
import Optimizers
import PretrainingMethods
import RecipeSchema
import TrainingStep
import VisionTransformers

extension GoldenCase {
    /// What a case says of the treatment of parameters, as a recipe does.
    var treatmentRules: TreatmentRules {
        var rules = TreatmentRules()
        rules.decaysAll = json["recipe"]?["train"]?["decay_all"]?.bool ?? false
        rules.decaysTokens = json["recipe"]?["train"]?["decay_tokens"]?.bool ?? true
        rules.patchEmbedding = number("recipe.train.patch_embed_multiplier", default: 1)
        rules.normDecay = try? number("recipe.train.norm_decay_multiplier")
        return rules
    }

    /// How the steps of a case are taken, by the trainer's own schedules.
    ///
    /// Cases count a run by `total_updates`, or by epochs and `iterations_per_epoch`, `steps_per_epoch` or
    /// `micro_batches_per_epoch`; a rate without a schedule is constant, and a constant one has no warm-up in cases.
    func stepRules() throws -> StepTaker.Rules {
        let train = "recipe.train."
        let accumulate = try self.accumulate
        let rate = try? number(train + "learning_rate")
        guard let peak = (try? number(train + "peak_learning_rate")) ?? rate else {
            throw GoldenError("the case has neither \"\(train)learning_rate\" nor \"\(train)peak_learning_rate\"")
        }
        let run = runLength(accumulate)
        let lengths = 1...Double(CaseBounds.entries)
        try CaseBounds.require(
            lengths.contains(run.stepsPerEpoch) && lengths.contains(run.epochs),
            "a run of \(run.epochs) epochs of \(run.stepsPerEpoch) steps")
        let name = (try? value(train + "schedule"))?.string ?? (rate == nil ? CosineOptions.name : ConstantOptions.name)
        let schedule = try schedule(name)
        var rules = StepTaker.Rules(
            rates: schedule.rates(peak: peak, over: run),
            decays: schedule.decays(from: number(train + "weight_decay", default: 0), over: run))
        rules.accumulate = accumulate
        rules.clipNorm = try? number(train + "clip_norm")
        rules.stepsPerEpoch = Int(run.stepsPerEpoch)
        rules.epochs = Int(run.epochs)
        rules.scheduleScale = number(train + "ipe_scale", default: 1)
        return rules
    }

    /// Micro-batches of a step.
    var accumulate: Int {
        get throws {
            try CaseBounds.checked(
                Int(number("recipe.train.accumulate", default: 1)), in: 1...CaseBounds.steps,
                "\"recipe.train.accumulate\"")
        }
    }

    /// Optimiser steps that are taken.
    var traceSteps: Int {
        get throws {
            try CaseBounds.checked(
                Int(number("recipe.train.trace_steps", default: 5)), in: 0...CaseBounds.steps,
                "\"recipe.train.trace_steps\"")
        }
    }

    /// How long the run of a case is.
    func runLength(_ accumulate: Int) -> RunLength {
        let train = "recipe.train."
        if let updates = (try? number(train + "total_updates")) ?? (try? number(train + "ema_total_steps")) {
            return RunLength(stepsPerEpoch: updates, epochs: 1, accumulate: accumulate)
        }
        let steps = (try? number(train + "iterations_per_epoch")) ?? (try? number(train + "steps_per_epoch"))
        let batches = number(train + "micro_batches_per_epoch", default: Double(accumulate))
        return RunLength(
            stepsPerEpoch: steps ?? batches / Double(accumulate), epochs: number(train + "epochs", default: 1),
            accumulate: accumulate, microBatchesPerEpoch: steps == nil ? batches : nil)
    }

    /// The schedule of a name, with the values of the case.
    func schedule(_ name: String) throws -> any ScheduleOptions {
        var members = json["recipe"]?["train"]?.members ?? []
        if let updates = try? number("recipe.train.warmup_updates"), updates > 0 {
            // A run counted in updates is one epoch of all of them.
            let total = try number("recipe.train.total_updates")
            members.append(.init(name: "warmup_epochs", value: JSONValue(updates / total)))
        }
        return try schedule(name, of: members)
    }

    /// The schedule of a name, with the values among `members` that it knows.
    func schedule(_ name: String, of members: [JSONValue.Member]) throws -> any ScheduleOptions {
        guard let type = schedules.named(name) else {
            throw GoldenError("there is no schedule \"\(name)\"")
        }
        guard name != ConstantOptions.name else { return ConstantOptions() }
        func decoded<Options: ScheduleOptions>(_ type: Options.Type) throws -> any ScheduleOptions {
            let known = Set(type.fields.map(\.name))
            var problems: [Problem] = []
            let section = JSONValue(.object(members.filter { known.contains($0.name) && !$0.value.isNull }))
            guard let options = Options.decode(section, at: "$.recipe.train", &problems) else {
                throw GoldenError("\(Problems(problems))")
            }
            return options
        }
        return try decoded(type)
    }

    /// The optimiser of a case at step 0.
    func makeOptimizer(
        for parameters: ParameterStore, treatment: (ParameterEntry) -> ParameterTreatment
    ) throws -> AdamW {
        let betas = (try? value("recipe.train.betas"))?.array?.compactMap(\.double) ?? [0.9, 0.95]
        try CaseBounds.require(betas.count == 2, "\"recipe.train.betas\" are not two numbers")
        let rules = treatmentRules
        let groups = ParameterGroup.each(of: parameters) { rules.applied(to: treatment($0), of: $0) }
        return AdamW(
            for: parameters, groups, beta1: betas[0], beta2: betas[1],
            epsilon: number("recipe.train.eps", default: 1e-8))
    }
}

/// Runs the optimiser steps of a training case, with accumulation, clipping and schedule as its recipe says.
///
/// The first micro-batch gives the traced points, the loss and the gradients of its own loss, neither divided nor clipped.
func trainingTrace<Method: PretrainingMethod>(
    _ golden: GoldenCase, _ method: inout Method, _ engine: Engine, names: TraceNames = .mae,
    loss: (inout Method, Int, StepRequest, inout Tape) throws -> StepResult
) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    var looking = method
    let trace = ForwardTrace()
    var tape = Tape(engine: engine)
    let first = try loss(&looking, 0, StepRequest(trace: trace), &tape).loss
    let value = first.value.item
    outcome.record(trace, names)
    record(value, tape.gradients(of: first, for: method.parameters), method.parameters, golden, &outcome)

    let rules = try golden.stepRules()
    let steps = try golden.traceSteps
    let treat = method.treatment(of:)
    var taker = StepTaker(
        try golden.makeOptimizer(for: method.parameters, treatment: treat), for: method.parameters, rules)
    let reports = try (0..<steps).map { step in
        try taker.take(&method, on: engine) { method, part, tape in
            try loss(&method, step * rules.accumulate + part, StepRequest(), &tape).loss
        }
    }
    let losses = reports.flatMap(\.losses)
    outcome.values["trace/loss"] = GoldenValue(losses, [losses.count])
    outcome.values["trace/grad_norm"] = GoldenValue(reports.map(\.gradientNorm), [steps])
    for name in ["trace/learning_rate", "trace/lr"] {
        outcome.values[name] = GoldenValue(reports.map(\.learningRate), [steps])
    }
    outcome.values["trace/wd"] = GoldenValue(reports.map(\.weightDecay), [steps])
    if let decayed = golden.json["decayed"]?.array?.compactMap(\.string) {
        let rules = golden.treatmentRules
        let ours = method.parameters.entries.filter { rules.applied(to: treat($0), of: $0) == .decayed }.map(\.name)
        outcome.check("decayed parameters", Set(ours) == Set(decayed))
    }
    outcome.recordAfter(method)
    return outcome
}

extension GoldenOutcome {
    /// The first and the last of traced blocks, by these names too.
    mutating func nameEnds(depth: Int) {
        for (name, block) in [("first", 0), ("last", depth - 1)] {
            values["act/block_\(name)"] = values["act/block_\(block)"]
        }
    }

    /// Parameters and state after the last step.
    mutating func recordAfter<Method: PretrainingMethod>(_ method: Method) {
        for (name, tensor) in method.state { values["after/\(name)"] = GoldenValue(tensor) }
        recordAfter(method.parameters)
    }

    /// Parameters after the last step.
    mutating func recordAfter(_ parameters: ParameterStore) {
        for entry in parameters.entries {
            values["after/\(entry.name)"] = parameters[entry.name].map { GoldenValue($0) }
        }
    }

    /// Gradients, by their parameters.
    mutating func record(_ gradients: Gradients) {
        for entry in gradients.entries {
            values["grad/\(entry.name)"] = gradients[entry.name].map { GoldenValue($0) }
        }
    }
}

/// Where a case's training stands after a step.
func progress(_ golden: GoldenCase, _ step: Int, _ accumulate: Int) -> TrainingProgress {
    let train = "recipe.train."
    return TrainingProgress(
        step: step, stepsPerEpoch: Int(golden.number(train + "iterations_per_epoch", default: 1)),
        epochs: Int(golden.number(train + "epochs", default: 1)), accumulate: accumulate,
        scheduleScale: golden.number(train + "ipe_scale", default: 1))
}

private func record(
    _ loss: Float, _ gradients: Gradients, _ parameters: ParameterStore, _ golden: GoldenCase,
    _ outcome: inout GoldenOutcome
) {
    outcome.values["loss"] = GoldenValue([loss], [])
    for entry in parameters.entries {
        guard let gradient = gradients[entry.name] else { continue }
        outcome.values["grad/\(entry.name)"] = GoldenValue(gradient)
        checkZeros(entry.name, gradient, gradients, golden, &outcome)
    }
}

/// Gradients that are zero in exact arithmetic are tiny against the largest gradient of the same layer.
func checkZeros(
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
