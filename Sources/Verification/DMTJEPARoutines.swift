import Autodiff
import Checkpoints
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// DMT-JEPA: whole training cases, neighbours, and the head's initial values.
let dmtjepaRoutines: [GoldenRoutine] = [
    GoldenRoutine(["dmtjepa"], "model") { golden, engine in
        try jointEmbedding(golden, engine, as: DMTJEPAOptions.self)
    },
    GoldenRoutine(["dmtjepa"], "aux_neighbours", candidates),
    GoldenRoutine(["dmtjepa"], "aux_select", selection),
    GoldenRoutine(["dmtjepa"], "aux_init", headInitialValues),
]

/// The window of an entry: grid, side and border.
private func window(_ entry: JSONValue) throws -> NeighbourWindow {
    guard let side = entry["window"]?.int, let name = entry["border"]?.string,
        let border = NeighbourBorder(rawValue: name)
    else { throw GoldenError("an entry without window or known border") }
    let grid = try PatchGrid(golden: entry["grid"])
    _ = try CaseBounds.checked(side, in: 1...31, "window")
    try CaseBounds.require(grid.count <= 4096, "a window on a grid of \(grid)")
    return NeighbourWindow(grid: grid, window: side, border: border)
}

private func candidates(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, entry) in (try golden.value("recipe.tables").array ?? []).enumerated() {
        let lists = try window(entry).candidates
        let longest = lists.map(\.count).max() ?? 0
        let padded = lists.flatMap { $0 + [Int32](repeating: -1, count: longest - $0.count) }
        outcome.values["act/\(j)/neighbours"] = GoldenValue(padded, [lists.count, longest])
    }
    return outcome
}

private func selection(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, entry) in (try golden.value("recipe.selections").array ?? []).enumerated() {
        guard let count = entry["neighbours"]?.int else { throw GoldenError("an entry without \"neighbours\"") }
        let features = try golden.engineTensor("in/\(j)/features", axes: 3)
        let window = try window(entry)
        _ = try CaseBounds.checked(count, in: 1...features.shape[1], "neighbours")
        try CaseBounds.require(
            window.candidates.count == features.shape[1],
            "features of shape \(features.shape) for a grid of \(window.candidates.count) cells")
        let chosen = window.mostSimilar(count, in: features, engine: engine)
        outcome.values["act/\(j)/ids"] = GoldenValue(chosen.ids)
        outcome.values["act/\(j)/cosine"] = GoldenValue(chosen.cosines)
    }
    return outcome
}

private func headInitialValues(_ golden: GoldenCase) throws -> GoldenOutcome {
    var encoder = try golden.encoder(for: DMTJEPAOptions.self)
    encoder.depth = 1
    if let fault = encoder.headsFault { throw GoldenError(fault) }
    try CaseBounds.require(encoder.width <= 512 && encoder.patchSize <= 32, "an encoder too large for a case")
    var options = DMTJEPAOptions()
    options.predictorWidth = 4 * encoder.heads
    options.predictorDepth = 1
    // The heads are never rescaled, whatever the encoder is.
    options.depthRescale = true
    let method = options.makeMethod(
        MethodContext(encoder: encoder, grid: PatchGrid(rows: 8, columns: 8), random: RandomStream(seed: 12)))
    var outcome = GoldenOutcome(["act/std": GoldenValue([0.02], [1])])
    try checkLaws(golden.json["statistics"]?.array ?? [], of: method, kurtosis: false, &outcome)
    return outcome
}
