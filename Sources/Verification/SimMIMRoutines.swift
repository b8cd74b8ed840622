import Autodiff
import Checkpoints
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// SimMIM: whole training cases, its masks, targets and rates by themselves.
let simMIMRoutines: [GoldenRoutine] = [
    GoldenRoutine(["simmim"], "model", model),
    GoldenRoutine(["simmim"], "aux_masks", masks),
    GoldenRoutine(["simmim"], "aux_norm_target", normTargets),
    GoldenRoutine(["simmim"], "aux_schedule", rates),
]

private func model(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let given = try CaseMethod<SimMIMOptions>(golden)
    let (encoder, batch, count) = (given.encoder, given.batch, given.batch.samples.count)
    var method = given.method
    let squares = try golden.squares(on: given.grid, patch: encoder.patchSize)
    let visible = try golden.visibleCount(on: squares.units, CountRule.hiddenUp)

    func units(_ number: Int) throws -> PatchMask {
        let scores = try golden.scores(golden.draw("noise", of: number), on: squares.units, pictures: count)
        return PatchMask(grid: squares.units, scores: scores, keepingHighest: false, visibleCount: visible)
    }
    func drop(_ number: Int) throws -> PathDraws {
        guard encoder.dropPath > 0 else { return nil }
        let stored = try golden.tensor(golden.draw("drop_path/encoder", of: number), axes: 3)
        try CaseBounds.require(
            stored.shape == [encoder.depth, 2, count], "draws of shape \(stored.shape) for the blocks")
        let uniforms = stored.floats()
        return DropPath.factors(rate: encoder.dropPath, depth: encoder.depth, images: count) {
            uniforms[($0 * 2 + $1) * count + $2]
        }
    }
    let names: TraceNames = ["encoder/": "act/", "encoder/input": "act/encoder_input", "encoder/output": "act/encoder"]
    var outcome = try trainingTrace(golden, &method, engine, names: names) { method, number, request, tape in
        method.loss(batch, try units(number).enlarged(squares.side), try drop(number), request, on: &tape)
    }
    outcome.nameEnds(depth: encoder.depth)
    let first = try units(0)
    outcome.values["act/mask_units"] = flags(first)
    outcome.values["act/mask"] = flags(first.enlarged(squares.side))
    return outcome
}

private func flags(_ mask: PatchMask) -> GoldenValue {
    GoldenValue(mask.restore.map { $0 >= Int32(mask.visibleCount) ? 1 : 0 }, [mask.imageCount, mask.grid.count])
}

extension GoldenCase {
    /// The grid of the squares that are hidden whole, and their side in patches: `recipe.mask.unit`, or a patch.
    func squares(on grid: PatchGrid, patch: Int) throws -> (units: PatchGrid, side: Int) {
        let unit = json["recipe"]?["mask"]?["unit"]?.int ?? patch
        return try squares(of: unit, on: grid, patch: patch)
    }

    /// The same of a unit in pixels.
    func squares(of unit: Int, on grid: PatchGrid, patch: Int) throws -> (units: PatchGrid, side: Int) {
        guard unit > 0, unit % patch == 0, let units = grid.units(of: unit / patch) else {
            throw GoldenError("squares of \(unit) pixels do not tile a grid of \(grid) patches of \(patch)")
        }
        return (units, unit / patch)
    }
}

// MARK: - Parts

private func masks(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (index, item) in try golden.list("recipe.masks").enumerated() {
        func size(_ name: String) throws -> Int {
            guard let value = item[name]?.int else { throw GoldenError("a mask without \"\(name)\"") }
            return try CaseBounds.checked(value, in: 1...CaseBounds.cells, "\"\(name)\"")
        }
        let pixels = item["image_size"]?.array?.compactMap(\.int) ?? []
        let patch = try size("patch_size")
        try CaseBounds.require(
            pixels.count == 2 && pixels.allSatisfy { $0 >= patch && $0 % patch == 0 }, "a mask of pixels \(pixels)")
        let grid = try CaseBounds.grid(pixels[0] / patch, pixels[1] / patch)
        let squares = try golden.squares(of: size("unit"), on: grid, patch: patch)
        guard let ratio = item["ratio"]?.double, 0 < ratio, ratio < 1 else { throw GoldenError("a mask without ratio") }
        let mask = PatchMask(
            grid: squares.units, scores: try golden.scores("draw/noise_\(index)", on: squares.units),
            keepingHighest: false, visibleCount: squares.units.visibleCount(ratio: ratio, .hiddenUp))
        let enlarged = mask.enlarged(squares.side)
        let shape = [enlarged.imageCount, grid.count]
        outcome.values["out/units_\(index)"] = flags(mask)
        outcome.values["out/mask_\(index)"] = flags(enlarged)
        outcome.values["out/ids_shuffle_\(index)"] = GoldenValue(enlarged.order, shape)
        outcome.values["out/ids_restore_\(index)"] = GoldenValue(enlarged.restore, shape)
    }
    if golden.tensors["in/counts"] != nil {
        let rows = try golden.integers("in/counts")
        try CaseBounds.require(rows.count % 2 == 0, "\"in/counts\" are not pairs")
        let hidden = try stride(from: 0, to: rows.count, by: 2).map { start in
            let count = try CaseBounds.checked(rows[start], in: 1...CaseBounds.entries, "a number of squares")
            let percent = try CaseBounds.checked(rows[start + 1], in: 0...100, "a ratio in percent")
            let grid = PatchGrid(rows: 1, columns: count)
            return count - grid.visibleCount(ratio: Double(percent) / 100, .hiddenUp)
        }
        outcome.values["out/hidden"] = GoldenValue(hidden, [hidden.count])
    }
    return outcome
}

private func normTargets(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (index, item) in try golden.list("recipe.windows").enumerated() {
        guard let side = item.int, side >= 3, side % 2 == 1, side < CaseBounds.cells else {
            throw GoldenError("a window of \(item.text())")
        }
        let images = try golden.pictures("in/images_\(index)")
        outcome.values["out/target_\(index)"] = GoldenValue(WindowNorm(side: side)(images).values)
    }
    return outcome
}

private func rates(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for member in try golden.value("recipe.schedules").members ?? [] {
        func number(_ name: String) throws -> Double {
            guard let value = member.value[name]?.double else {
                throw GoldenError("schedule \"\(member.name)\" without \"\(name)\"")
            }
            return value
        }
        let batches = try CaseBounds.checked(
            Int(clamping: number("micro_batches_per_epoch")), in: 1...CaseBounds.entries, "micro-batches")
        let accumulate = try CaseBounds.checked(
            member.value["accumulate"]?.int ?? 1, in: 1...batches, "\"accumulate\"")
        let epochs = try CaseBounds.checked(
            Int(clamping: number("epochs")), in: 1...CaseBounds.entries / batches, "epochs")
        let run = RunLength(
            stepsPerEpoch: Double(batches / accumulate), epochs: Double(epochs), accumulate: accumulate,
            microBatchesPerEpoch: Double(batches))
        let schedule = try golden.schedule(member.value["schedule"]?.string ?? "", of: member.value.members ?? [])
        let rates = schedule.rates(peak: try number("peak_learning_rate"), over: run)
        let values = (0..<epochs * (batches / accumulate)).map { rates.value(at: $0) }
        outcome.values["rate/\(member.name)"] = GoldenValue(values, [values.count])
    }
    return outcome
}

extension Int {
    /// A number cut towards zero, or an end of the range.
    fileprivate init(clamping number: Double) { self = Int(Swift.max(-1e15, Swift.min(1e15, number))) }
}
