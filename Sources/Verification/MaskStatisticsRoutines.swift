import Checkpoints
import ImageMasking
import RandomStreams
import RecipeSchema

/// The laws that random masks follow: share of every cell, a pair of cells, the first visible cell.
func randomMaskStatistics(_ golden: GoldenCase) throws -> GoldenOutcome {
    let patches = try golden.integer("statistics.patches", in: 2...256)
    let visible = try golden.integer("statistics.visible_per_mask")
    let grid = PatchGrid(rows: 1, columns: patches)
    var strategy = RandomMasking()
    strategy.ratio = try golden.number("statistics.ratio", in: 0...1)
    let hidden = patches - grid.visibleCount(ratio: strategy.ratio)
    try CaseBounds.require((1..<patches).contains(hidden), "\(hidden) hidden patches of \(patches)")
    let n = 20_000
    var shares = [Double](repeating: 0, count: patches)
    var firsts = shares
    var pair = 0.0
    let request = MaskRequest(grid: grid, samples: Array(0..<n))
    let plan = try strategy.plan(request, random: RandomStream(seed: 2024))
    guard case .patches(let mask) = plan else { throw GoldenError("random masking made no patch mask") }
    for image in 0..<n {
        let seen = mask.visible(image)
        for patch in seen { shares[Int(patch)] += 1 / Double(n) }
        if let first = seen.first { firsts[Int(first)] += 1 }
        if !mask.isHidden(0, in: image) && !mask.isHidden(1, in: image) { pair += 1 / Double(n) }
    }
    var outcome = GoldenOutcome()
    outcome.check("visible patches a mask", mask.visibleCount == visible)
    let count = Double(n)
    let p = try golden.number("statistics.visible_share_per_cell.mean")
    let worst = shares.map { abs($0 - p) }.max() ?? 0
    outcome.check("share of a cell", error: worst, within: 5 * (p * (1 - p) / count).squareRoot())
    let q = try golden.number("statistics.two_cells_visible_together.probability")
    outcome.check("two cells together", error: abs(pair - q), within: 5 * (q * (1 - q) / count).squareRoot())
    let each = count / Double(patches)
    let first = firsts.map { abs($0 - each) }.max() ?? 0
    outcome.check("first visible cell", error: first, within: 5 * each.squareRoot())
    return outcome
}

/// The laws that masks of every colour follow.
func colorMaskStatistics(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for member in try golden.value("statistics").members ?? [] {
        try checkColor(member.name, member.value, golden, &outcome)
    }
    return outcome
}

private func checkColor(
    _ name: String, _ entry: JSONValue, _ golden: GoldenCase, _ outcome: inout GoldenOutcome
) throws {
    guard let size = entry["grid"]?.array?.compactMap(\.int), size.count == 2, let ratio = entry["ratio"]?.double,
        let tile = entry["tile"]?.int, let colour = entry["colour"]?.string, let color = NoiseColor(rawValue: colour)
    else { throw GoldenError("statistics \"\(name)\" lack grid, ratio, tile or colour") }
    let grid = try CaseBounds.grid(size[0], size[1])
    _ = try CaseBounds.checked(tile, in: 1...256, "tile")
    try CaseBounds.require((0...1).contains(ratio), "statistics \"\(name)\" have the ratio \(ratio)")
    var strategy = ColorNoiseMasking()
    strategy.color = color
    strategy.ratio = ratio
    strategy.tile = tile
    let parameters = entry["parameters"]
    strategy.sigma = parameters?["sigma"]?.double
    strategy.sigmaLow = parameters?["sigma_low"]?.double
    strategy.sigmaHigh = parameters?["sigma_high"]?.double
    strategy.passes = parameters?["passes"]?.int
    let n = 2_000
    let plan = try strategy.plan(
        MaskRequest(grid: grid, samples: Array(0..<n)), random: RandomStream(seed: 77).child(name))
    guard case .patches(let mask) = plan else { throw GoldenError("colour masking made no patch mask") }
    var statistics = MaskStatistics(grid: grid)
    statistics.add(mask)
    outcome.check("\(name): visible patches", mask.visibleCount == entry["visible"]?.int)
    let sums: [(String, Int)] = [
        ("adjacent_visible_pairs", statistics.adjacentPairs), ("diagonal_visible_pairs", statistics.diagonalPairs),
        ("visible_components_4", statistics.components), ("largest_visible_component", statistics.largestComponent),
    ]
    let count = Double(n)
    for (key, sum) in sums {
        guard let law = entry[key], let mean = law["mean"]?.double, let deviation = law["std_per_mask"]?.double,
            let error = law["standard_error_of_mean"]?.double
        else { throw GoldenError("statistics \"\(name)\" lack \(key)") }
        outcome.check(
            "\(name): \(key)", error: abs(Double(sum) / count - mean),
            within: 5 * deviation / count.squareRoot() + 4 * error)
    }
    guard let tensor = entry["visible_share"]?["tensor"]?.string,
        let error = entry["visible_share"]?["standard_error_of_the_table"]?.double
    else { throw GoldenError("statistics \"\(name)\" lack visible_share") }
    let table = try golden.tensor(tensor).doubles()
    let worst = zip(statistics.visibleTimes, table).map { times, p in
        abs(Double(times) / count - p) / (5 * (p * (1 - p) / count).squareRoot() + 4 * error)
    }.max()
    outcome.check("\(name): share of a cell", error: worst ?? .infinity, within: 1)
    try checkCorrelations(name, entry, strategy.filter(at: 0), tile, &outcome)
}

/// Field correlations at a lag are exact: the inverse transform of |H|², here summed directly.
private func checkCorrelations(
    _ name: String, _ entry: JSONValue, _ filter: NoiseFilter, _ tile: Int, _ outcome: inout GoldenOutcome
) throws {
    let power = try PeriodicFilter(filter, side: tile).response.map { $0 * $0 }
    let total = power.reduce(0, +)
    for member in entry["field_correlation"]?.members ?? [] {
        let lag = member.name.split(separator: "_").compactMap { Int($0) }
        guard lag.count == 2, let expected = member.value.double else { continue }
        var sum = 0.0
        for (index, value) in power.enumerated() {
            let turns = Double(index / tile * lag[0] + index % tile * lag[1]) / Double(tile)
            sum += value * cosine(turns: turns)
        }
        outcome.check("\(name): correlation \(member.name)", error: abs(sum / total - expected), within: 1e-6)
    }
}
