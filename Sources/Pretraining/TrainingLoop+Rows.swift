import ImageData
import PretrainingMethods
import RecipeSchema
import TrainingStep

/// What a step and an epoch show: rows of `metrics.jsonl`, and the line of progress.
extension TrainingLoop {
    var progress: TrainingJob.Progress {
        let speed = clock.imagesPerSecond
        let left = Double((lastStep - state.step) * job.recipe.train.effectiveBatch)
        return .init(
            step: state.step, steps: lastStep, epoch: (state.step - 1) / stepsPerEpoch + 1,
            epochs: job.recipe.train.epochs, loss: clock.lastLoss, imagesPerSecond: speed,
            secondsLeft: speed > 0 ? left / speed : 0)
    }

    func stepRow(_ report: Trainer<Method>.Report) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("kind", JSONValue("step")), ("step", JSONValue(state.step)),
            ("epoch", JSONValue(Double(state.step) / Double(stepsPerEpoch))), ("loss", JSONValue(report.step.loss)),
            ("learning_rate", JSONValue(report.step.learningRate)),
            ("weight_decay", JSONValue(report.step.weightDecay)), ("grad_norm", JSONValue(report.step.gradientNorm)),
            ("images_per_s", JSONValue(clock.imagesPerSecond)),
            ("wait_share", JSONValue(clock.waitShare(waited: loader.waitedSeconds))),
        ]
        if let constant = report.constantLoss { members.append(("constant_loss", JSONValue(constant))) }
        for (name, value) in report.indicators where value.isFinite { members.append((name, JSONValue(value))) }
        if report.maskFallbacks > 0 { members.append(("mask_fallbacks", JSONValue(report.maskFallbacks))) }
        return .object(members)
    }

    func epochRow() -> JSONValue {
        .object([
            ("kind", JSONValue("epoch")), ("step", JSONValue(state.step)),
            ("epoch", JSONValue(state.step / stepsPerEpoch)),
            ("loss", JSONValue(state.epochLoss / Double(state.epochSteps))),
            ("images_per_s", JSONValue(clock.imagesPerSecond)),
            ("wait_share", JSONValue(clock.waitShare(waited: loader.waitedSeconds))),
            ("seconds", JSONValue(clock.seconds)), ("unreadable", JSONValue(state.unreadable.count)),
            ("damaged", JSONValue(state.epochDamaged)),
        ])
    }
}
