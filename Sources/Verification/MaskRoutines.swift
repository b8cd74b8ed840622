import Checkpoints
import ImageMasking
import RandomStreams
import RecipeSchema

/// Masks and noise of MAE and ColorMAE.
let maskRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae"], "random_mask") { golden in
        try maskOutcome(golden, scores: "draw/noise", keepingHighest: false)
    },
    GoldenRoutine(["colormae"], "field_mask") { golden in
        try maskOutcome(golden, scores: "in/field", keepingHighest: true)
    },
    GoldenRoutine(["mae"], "keep_counts", keepCounts),
    GoldenRoutine(["colormae"], "filters", filters),
    GoldenRoutine(["colormae"], "bank_windows", bankWindows),
    GoldenRoutine(["colormae"], "colour_schedule", colourSchedule),
    GoldenRoutine(["mae"], "mask_statistics", randomMaskStatistics),
    GoldenRoutine(["colormae"], "mask_statistics", colorMaskStatistics),
]

/// Order, restore, mask and kept patches of given scores `[B, …]`.
private func maskOutcome(_ golden: GoldenCase, scores name: String, keepingHighest: Bool) throws -> GoldenOutcome {
    let scores = try golden.tensor(name)
    let patches = scores.shape.dropFirst().reduce(1, *)
    let grid =
        scores.shape.count == 3
        ? try CaseBounds.grid(scores.shape[1], scores.shape[2]) : try CaseBounds.grid(1, patches)
    let mask = PatchMask(
        grid: grid, scores: try golden.scores(name, on: grid), keepingHighest: keepingHighest,
        visibleCount: try golden.visibleCount(on: grid))
    return GoldenOutcome(values(of: mask))
}

/// The tensors that describe a mask in golden cases.
func values(of mask: PatchMask, prefix: String = "") -> [String: GoldenValue] {
    let shape = [mask.imageCount, mask.grid.count]
    let kept = (0..<mask.imageCount).flatMap { mask.visible($0) }
    return [
        prefix + "ids_shuffle": GoldenValue(mask.order, shape),
        prefix + "ids_restore": GoldenValue(mask.restore, shape),
        prefix + "mask": GoldenValue(mask.restore.map { $0 >= Int32(mask.visibleCount) ? 1 : 0 }, shape),
        prefix + "ids_keep": GoldenValue(kept, [mask.imageCount, mask.visibleCount]),
    ]
}

private func keepCounts(_ golden: GoldenCase) throws -> GoldenOutcome {
    let counts = try zip(try golden.integers("in/patches"), try golden.integers("in/ratio_x100")).map {
        let patches = try CaseBounds.checked($0, in: 1...CaseBounds.entries, "a number of patches")
        let percent = try CaseBounds.checked($1, in: 0...100, "a ratio in percent")
        return PatchGrid(rows: 1, columns: patches).visibleCount(ratio: Double(percent) / 100)
    }
    return GoldenOutcome(["visible": GoldenValue(counts, [counts.count])])
}

/// A filter as the case writes it: `colour` or `color`, `sigma` or both widths, `passes`.
func noiseFilter(_ json: JSONValue) throws -> NoiseFilter {
    guard let name = (json["colour"] ?? json["color"])?.string, let color = NoiseColor(rawValue: name) else {
        throw GoldenError("a filter without a known colour: \(json.text())")
    }
    let passes = try CaseBounds.checked(json["passes"]?.int ?? 1, in: 0...64, "passes")
    return NoiseFilter(
        color: color, sigmaLow: (json["sigma"] ?? json["sigma_low"])?.double ?? 1,
        sigmaHigh: json["sigma_high"]?.double ?? 1, passes: passes)
}

private func filters(_ golden: GoldenCase) throws -> GoldenOutcome {
    let white = try golden.tensor("draw/white", axes: 3)
    let side = try CaseBounds.checked(white.shape[2], in: 1...256, "the side of a tile")
    try CaseBounds.require(white.shape[1] == side, "tiles of \(white.shape) are not square")
    let grid = PatchGrid(rows: side, columns: side)
    let tiles = white.floats()
    var outcome = GoldenOutcome()
    for member in try golden.value("filters").members ?? [] {
        let filter = try PeriodicFilter(noiseFilter(member.value), side: side)
        let fields = (0..<white.shape[0]).flatMap { tile in
            filter.window(of: Array(tiles[tile * side * side..<(tile + 1) * side * side]), grid: grid)
        }
        outcome.values["field/\(member.name)"] = GoldenValue(fields, white.shape)
        outcome.values["response/\(member.name)"] = GoldenValue(filter.response, [side, side])
    }
    for member in golden.json["kernels"]?.members ?? [] {
        guard let sigma = Double(member.name), (0...1000).contains(sigma),
            let expected = member.value.array?.compactMap(\.double)
        else { continue }
        let kernel = gaussianKernel(sigma)
        let error = zip(kernel, expected).map { abs($0 - $1) }.max() ?? .infinity
        outcome.check(
            "kernel of width \(sigma)", error: kernel.count == expected.count ? error : .infinity, within: 1e-12)
    }
    return outcome
}

private func bankWindows(_ golden: GoldenCase) throws -> GoldenOutcome {
    let bank = try golden.tensor("in/bank", axes: 3)
    let (tiles, side) = (bank.shape[0], bank.shape[1])
    let fields = bank.floats()
    let draws = try golden.integers("draw/crop_and_flips")
    let expected = try golden.tensor("ids_shuffle", axes: 2)
    guard let size = try golden.value("recipe.mask.grid").array?.compactMap(\.int), size.count == 2 else {
        throw GoldenError("recipe.mask.grid is not two integers")
    }
    let grid = try CaseBounds.grid(size[0], size[1])
    let images = try CaseBounds.checked(expected.shape[0], in: 1...4096, "the number of masks")
    try CaseBounds.require(
        bank.shape[2] == side && grid.rows <= side && grid.columns <= side
            && draws.count >= 4 * ((images - 1) / tiles + 1),
        "tiles of \(bank.shape), a grid of \(grid) and \(draws.count) draws do not fit together")
    try checkWindows(draws, side: side, grid)
    let windows = (0..<images).flatMap { image -> [Float] in
        let window = noiseWindow(draws, run: image / tiles)
        let tile = image % tiles * side * side
        return window.cut(from: Array(fields[tile..<tile + side * side]), side: side, grid: grid)
    }
    let mask = PatchMask(
        grid: grid, scores: windows, keepingHighest: true,
        visibleCount: try golden.visibleCount(on: grid))
    var outcome = GoldenOutcome(values(of: mask))
    outcome.values["windows"] = GoldenValue(windows, [images, grid.rows, grid.columns])
    return outcome
}

/// Refuses draws of windows that leave a tile.
func checkWindows(_ draws: [Int], side: Int, _ grid: PatchGrid) throws {
    for start in stride(from: 0, to: draws.count - 3, by: 4) {
        try CaseBounds.require(
            (0...side - grid.rows).contains(draws[start]) && (0...side - grid.columns).contains(draws[start + 1]),
            "a window of \(grid) at \(draws[start]), \(draws[start + 1]) of a tile of side \(side)")
    }
}

/// Row r of `draw/crop_and_flips`: row, column, flip left and right, flip top and bottom.
func noiseWindow(_ draws: [Int], run: Int) -> NoiseWindow {
    let row = Array(draws[4 * run..<4 * run + 4])
    return NoiseWindow(row: row[0], column: row[1], flipsColumns: row[2] != 0, flipsRows: row[3] != 0)
}

private func colourSchedule(_ golden: GoldenCase) throws -> GoldenOutcome {
    var problems: [Problem] = []
    guard let schedule = ColorSchedule.decode(try golden.value("recipe.mask.schedule"), at: "$", &problems) else {
        throw GoldenError("\(Problems(problems))")
    }
    var outcome = GoldenOutcome()
    for member in try golden.value("active").members ?? [] {
        let epoch = Int(member.name).flatMap { (0...CaseBounds.entries).contains($0) ? $0 : nil }
        let color = epoch.map { schedule.color(at: $0).rawValue }
        outcome.check("epoch \(member.name) is \(member.value.text())", color == member.value.string)
    }
    return outcome
}
