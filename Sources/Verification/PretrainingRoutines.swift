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
    let images = try golden.engineTensor("in/images")
    let encoder = try golden.section("recipe.model", as: EncoderOptions.self)
    let options = try golden.section("recipe.method", as: MAEOptions.self, without: ["name"])
    let grid = encoder.grid(height: images.shape[2], width: images.shape[3])
    var method = options.makeMethod(MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 0)))
    try load("w/", of: golden, into: &method.parameters)

    let visible = grid.visibleCount(ratio: try golden.number("recipe.mask.ratio"))
    let isColor = try golden.value("recipe.mask.strategy").string == "color"
    func plan(_ microBatch: Int) throws -> PatchMask {
        let noise = try golden.tensors["draw/\(microBatch)/noise"] ?? golden.tensor("draw/noise")
        return PatchMask(grid: grid, scores: noise.floats(), keepingHighest: isColor, visibleCount: visible)
    }
    let batch = Batch(images: images, samples: Array(0..<images.shape[0]))
    var outcome = try trainingTrace(golden, &method, engine) { method, microBatch, request, tape in
        try method.loss(batch, plan(microBatch), nil, request, on: &tape)
    }
    outcome.values.merge(values(of: try plan(0), prefix: "act/")) { traced, _ in traced }
    if isColor { outcome.values["act/field"] = try colorField(golden, grid) }
    if let decayed = golden.json["decayed"]?.array?.compactMap(\.string) {
        let rule = golden.decayRule
        let ours = method.parameters.entries.filter { rule.decays($0.name, axes: $0.shape.rank) }.map(\.name)
        outcome.check("decayed parameters", Set(ours) == Set(decayed))
    }
    return outcome
}

/// The field computed from the white tiles that the case gives.
private func colorField(_ golden: GoldenCase, _ grid: PatchGrid) throws -> GoldenValue {
    let white = try golden.tensor("draw/white")
    let side = white.shape[1]
    let strategy = try golden.section("recipe.mask", as: ColorNoiseMasking.self, without: ["strategy"])
    let filter = PeriodicFilter(strategy.filter(at: 0), side: side)
    let tiles = white.floats()
    func tile(_ index: Int) -> [Float] { Array(tiles[index * side * side..<(index + 1) * side * side]) }
    let images = try golden.tensor("in/images").shape[0]
    let fields: [Float]
    switch strategy.form {
    case .streamed: fields = (0..<images).flatMap { filter.window(of: tile($0), grid: grid) }
    case .bank:
        let draws = try golden.integers("draw/crop_and_flips")
        fields = (0..<images).flatMap { image -> [Float] in
            let window = noiseWindow(draws, run: image / white.shape[0])
            let field = filter.window(
                of: tile(image % white.shape[0]), row: window.row, column: window.column, grid: grid)
            return window.flipped(field, grid: grid)
        }
    }
    return GoldenValue(fields, [images, grid.rows, grid.columns])
}
