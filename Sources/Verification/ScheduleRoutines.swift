import Optimizers
import RecipeSchema

/// Learning rates.
let scheduleRoutines: [GoldenRoutine] = [GoldenRoutine(["mae"], "schedules", schedules)]

/// Rates at micro-batches 0, a, 2a … of every epoch; the last group of an epoch may be incomplete.
private func schedules(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for member in try golden.value("schedules").members ?? [] {
        func number(_ key: String) throws -> Double {
            guard let value = member.value[key]?.double else { throw GoldenError("schedule without \"\(key)\"") }
            return value
        }
        let peak = try number("peak")
        let epochs = Int(try number("epochs"))
        let schedule = LearningRateSchedule(
            peak: peak, minimum: try number("min"), epochs: Double(epochs),
            warmupEpochs: try number("warmup_epochs"), warmupStart: peak * (try number("start_factor")))
        let batches = Int(try number("micro_batches_per_epoch"))
        try CaseBounds.require(
            epochs >= 0 && batches >= 0 && epochs * batches <= CaseBounds.entries,
            "\(epochs) epochs of \(batches) micro-batches")
        let rates = (0..<epochs).flatMap { epoch in
            stride(from: 0, to: batches, by: max(1, member.value["accumulate"]?.int ?? 1)).map {
                schedule.rate(at: Double(epoch) + Double($0) / Double(batches))
            }
        }
        outcome.values["rate/\(member.name)"] = GoldenValue(rates, [rates.count])
    }
    return outcome
}
