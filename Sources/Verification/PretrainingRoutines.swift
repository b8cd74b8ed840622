import Autodiff
import Checkpoints
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Whole training cases of the methods: forward values, loss, gradients and a few optimiser steps.
let pretrainingRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae", "colormae"], "model", maskedAutoencoder)
]

private func maskedAutoencoder(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let given = try CaseMethod<MAEOptions>(golden)
    let (grid, batch) = (given.grid, given.batch)
    var method = given.method
    let visible = try golden.visibleCount(on: grid)
    let isColor = try golden.value("recipe.mask.strategy").string == "color"
    func plan(_ microBatch: Int) throws -> PatchMask {
        let scores = try golden.scores(
            golden.draw("noise", of: microBatch), on: grid, pictures: batch.samples.count)
        return PatchMask(grid: grid, scores: scores, keepingHighest: isColor, visibleCount: visible)
    }
    var outcome = try trainingTrace(golden, &method, engine) { method, microBatch, request, tape in
        try method.loss(batch, plan(microBatch), nil, request, on: &tape)
    }
    outcome.values.merge(values(of: try plan(0), prefix: "act/")) { traced, _ in traced }
    if isColor { outcome.values["act/field"] = try colorField(golden, grid) }
    return outcome
}

/// The field computed from the white tiles that the case gives.
private func colorField(_ golden: GoldenCase, _ grid: PatchGrid) throws -> GoldenValue {
    let white = try golden.tensor("draw/white", axes: 3)
    let side = try CaseBounds.checked(white.shape[1], in: 1...256, "the side of a tile")
    try CaseBounds.require(
        white.shape[2] == side && grid.rows <= side && grid.columns <= side,
        "tiles of \(white.shape) for a grid of \(grid)")
    let strategy = try golden.section("recipe.mask", as: ColorNoiseMasking.self, without: ["strategy"])
    let filter = try PeriodicFilter(strategy.filter(at: 0), side: side)
    let tiles = white.floats()
    func tile(_ index: Int) -> [Float] { Array(tiles[index * side * side..<(index + 1) * side * side]) }
    let images = try golden.tensor("in/images").shape[0]
    let fields: [Float]
    switch strategy.form {
    case .streamed:
        try CaseBounds.require(images <= white.shape[0], "\(white.shape[0]) tiles for \(images) pictures")
        fields = (0..<images).flatMap { filter.window(of: tile($0), grid: grid) }
    case .bank:
        let draws = try golden.integers("draw/crop_and_flips")
        try CaseBounds.require(draws.count >= 4 * ((images - 1) / white.shape[0] + 1), "too few draws of windows")
        try checkWindows(draws, side: side, grid)
        fields = (0..<images).flatMap { image -> [Float] in
            let window = noiseWindow(draws, run: image / white.shape[0])
            let field = filter.window(
                of: tile(image % white.shape[0]), row: window.row, column: window.column, grid: grid)
            return window.flipped(field, grid: grid)
        }
    }
    return GoldenValue(fields, [images, grid.rows, grid.columns])
}
