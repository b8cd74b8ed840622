import Autodiff
import Checkpoints
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// CrossMAE: whole training cases, its division of patches and its rates by themselves.
let crossMAERoutines: [GoldenRoutine] = [
    GoldenRoutine(["crossmae"], "model", model),
    GoldenRoutine(["crossmae"], "aux_split", splits),
    GoldenRoutine(["crossmae"], "aux_counts", counts),
    GoldenRoutine(["crossmae"], "aux_peak_rates", peakRates),
]

private func model(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let given = try CaseMethod<CrossMAEOptions>(golden)
    let batch = given.batch
    var method = given.method
    let squares = try golden.squares(on: given.grid, patch: given.encoder.patchSize)
    let (hidden, predicted) = try golden.shares("recipe.mask")
    func mask(_ number: Int) throws -> PatchMask {
        let scores = try golden.scores(
            golden.draw("noise", of: number), on: squares.units, pictures: batch.samples.count)
        return try divided(scores, on: squares.units, hidden, predicted).enlarged(squares.side)
    }
    let names: TraceNames = [
        "encoder/": "act/", "encoder/input": "act/encoder_input", "encoder/output": "act/encoder_output",
        "decoder/": "act/", "decoder/pos_embed": "act/decoder_pos_embed", "decoder/input": "act/decoder_input",
        "decoder/predicted": "act/pred", "decoder/blocks/": "act/decoder_block_",
    ]
    var outcome = try trainingTrace(golden, &method, engine, names: names) { method, number, request, tape in
        method.loss(batch, try mask(number), nil, request, on: &tape)
    }
    let first = try mask(0)
    outcome.values.merge(values(of: first, prefix: "act/")) { traced, _ in traced }
    outcome.values["act/predicted"] = predictedFlags(first)
    outcome.values["act/predicted_index"] = index(first)
    return outcome
}

extension GoldenCase {
    /// The shares hidden and predicted of a mask at a path.
    fileprivate func shares(_ path: String) throws -> (hidden: Double, predicted: Double) {
        let hidden = try number("\(path).ratio", in: 0...1)
        let predicted = try number("\(path).predicted_ratio", in: 0...1)
        try CaseBounds.require(predicted <= hidden, "\(predicted) predicted of \(hidden) hidden")
        return (hidden, predicted)
    }
}

/// The mask of given scores, a part of whose hidden patches is predicted.
private func divided(_ scores: [Float], on grid: PatchGrid, _ hidden: Double, _ predicted: Double) throws -> PatchMask {
    let share = PredictedShare(of: grid.count, hidden: hidden, predicted: predicted)
    try CaseBounds.require(
        share.visible >= 1 && share.predicted >= 1, "\(share.visible) visible and \(share.predicted) predicted patches")
    return PatchMask(grid: grid, scores: scores, keepingHighest: false, visibleCount: share.visible)
        .predicting(share.predicted)
}

private func predictedFlags(_ mask: PatchMask) -> GoldenValue {
    let first = Int32(mask.grid.count - mask.predictedCount)
    return GoldenValue(mask.restore.map { $0 >= first ? 1 : 0 }, [mask.imageCount, mask.grid.count])
}

private func index(_ mask: PatchMask) -> GoldenValue {
    GoldenValue((0..<mask.imageCount).flatMap { mask.predicted($0).sorted() }, [mask.imageCount, mask.predictedCount])
}

private func splits(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (number, item) in try golden.list("recipe.masks").enumerated() {
        let stored = try golden.tensor("draw/noise_\(number)", axes: 2)
        let grid = try CaseBounds.grid(1, stored.shape[1])
        guard let hidden = item["ratio"]?.double, let predicted = item["predicted_ratio"]?.double else {
            throw GoldenError("a mask without shares")
        }
        try CaseBounds.require(
            0 <= predicted && predicted <= hidden && hidden <= 1, "\(predicted) predicted of \(hidden) hidden")
        let scores = try golden.scores(stored, "draw/noise_\(number)", on: grid)
        let mask = try divided(scores, on: grid, hidden, predicted)
        let shape = [mask.imageCount, grid.count]
        outcome.values["out/ids_shuffle_\(number)"] = GoldenValue(mask.order, shape)
        outcome.values["out/ids_restore_\(number)"] = GoldenValue(mask.restore, shape)
        outcome.values["out/mask_\(number)"] = values(of: mask)["mask"]
        outcome.values["out/predicted_\(number)"] = predictedFlags(mask)
        outcome.values["out/predicted_index_\(number)"] = index(mask)
        let skipped = grid.count - mask.visibleCount - mask.predictedCount
        outcome.values["out/counts_\(number)"] = GoldenValue([mask.visibleCount, skipped, mask.predictedCount], [3])
    }
    return outcome
}

/// Rows of `in/rows`: patches, and the shares hidden and predicted in percent.
private func counts(_ golden: GoldenCase) throws -> GoldenOutcome {
    let rows = try golden.integers("in/rows")
    try CaseBounds.require(rows.count % 3 == 0, "\"in/rows\" are not triples")
    let counts = try stride(from: 0, to: rows.count, by: 3).flatMap { start in
        let count = try CaseBounds.checked(rows[start], in: 1...CaseBounds.entries, "a number of patches")
        let hidden = try CaseBounds.checked(rows[start + 1], in: 0...100, "a share in percent")
        let predicted = try CaseBounds.checked(rows[start + 2], in: 0...hidden, "a share in percent")
        let share = PredictedShare(of: count, hidden: Double(hidden) / 100, predicted: Double(predicted) / 100)
        return [share.visible, share.skipped, share.predicted]
    }
    return GoldenOutcome(["out/counts": GoldenValue(counts, [counts.count / 3, 3])])
}

private func peakRates(_ golden: GoldenCase) throws -> GoldenOutcome {
    let runs = try golden.list("recipe.runs")
    let peaks = try runs.map { run in
        func number(_ name: String) throws -> Double {
            guard let value = run[name]?.double else { throw GoldenError("a run without \"\(name)\"") }
            return value
        }
        guard let name = run["prediction_scale"]?.string, let scale = PredictionScale(rawValue: name) else {
            throw GoldenError("a run without a known \"prediction_scale\"")
        }
        let factor = scale.factor(hidden: try number("ratio"), predicted: try number("predicted_ratio"))
        return try number("base_learning_rate") * number("effective_batch") / 256 * factor
    }
    return GoldenOutcome(["out/peak": GoldenValue(peaks, [peaks.count])])
}
