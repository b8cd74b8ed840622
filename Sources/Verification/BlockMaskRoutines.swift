import Checkpoints
import ImageMasking
import RandomStreams
import RecipeSchema

/// Block-wise masks of CAE.
let blockMaskRoutines: [GoldenRoutine] = [
    GoldenRoutine(["cae"], "aux-block-mask", blockMasks),
    GoldenRoutine(["cae"], "aux-block-mask-statistics", blockMaskStatistics),
]

/// The strategy of an entry of `recipe.mask.sets`, and its grid.
private func strategies(_ golden: GoldenCase) throws -> [(entry: JSONValue, grid: PatchGrid, strategy: BlockMasking)] {
    let names = Set(BlockMasking.fields.map(\.name))
    return try (try golden.value("recipe.mask.sets").array ?? []).map { entry in
        var section = entry
        section.kind = .object((entry.members ?? []).filter { names.contains($0.name) })
        var problems: [Problem] = []
        guard let strategy = BlockMasking.decode(section, at: "$.recipe.mask", &problems) else {
            throw GoldenError("\(Problems(problems))")
        }
        return (entry, try PatchGrid(golden: entry["grid"]), strategy)
    }
}

/// The masks of draws `[masks, rows, 4]`; rows that a mask leaves over are padding.
func drawnBlocks(
    _ golden: GoldenCase, _ name: String, _ strategy: BlockMasking, _ grid: PatchGrid
) throws -> [BlockMasking.DrawnMask] {
    let stored = try golden.tensor(name, axes: 3)
    try CaseBounds.require(stored.shape[2] == 4, "\(name) of shape \(stored.shape) is not made of rows of four")
    let (masks, rows) = (stored.shape[0], stored.shape[1])
    let numbers = try golden.uniforms(name)
    return try (0..<masks).map { mask in
        var draws = GivenDraws(
            (0..<rows).map { row -> BlockMasking.DrawnBlock in
                let place = 4 * (mask * rows + row)
                return BlockMasking.DrawnBlock(
                    area: numbers[place], aspect: numbers[place + 1], top: numbers[place + 2],
                    left: numbers[place + 3])
            })
        guard let drawn = try strategy.draw(on: grid, next: { try draws.next() }) else {
            throw GoldenError("\(name): the blocks do not add up to the count")
        }
        return drawn
    }
}

private func blockMasks(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, set) in try strategies(golden).enumerated() {
        let drawn = try drawnBlocks(golden, "draw/\(j)/block", set.strategy, set.grid)
        let masks = drawn.count
        outcome.values["out/\(j)/mask"] = GoldenValue(
            drawn.flatMap { $0.hidden.map { $0 ? 1 : 0 } }, [masks, set.grid.rows, set.grid.columns])
        outcome.values["out/\(j)/attempts_and_blocks"] = GoldenValue(
            drawn.flatMap { [$0.attempts, $0.blocks] }, [masks, 2])
    }
    return outcome
}

private func blockMaskStatistics(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, set) in try strategies(golden).enumerated() {
        guard let samples = set.entry["samples"]?.int, (1...100_000).contains(samples) else {
            throw GoldenError("a set without \"samples\"")
        }
        // As many masks as the table's would miss its tolerance by chance now and then.
        let count = 4 * samples
        let grid = set.grid
        var times = [Int](repeating: 0, count: grid.count)
        var (attempts, blocks, across, down) = (0, 0, 0, 0)
        var stream = RandomStream(seed: 5).child(j)
        for _ in 0..<count {
            let drawn = set.strategy.draw(on: grid) {
                BlockMasking.DrawnBlock(
                    area: Double(stream.uniform()), aspect: Double(stream.uniform()), top: Double(stream.uniform()),
                    left: Double(stream.uniform()))
            }
            guard let drawn else { throw GoldenError("set \(j): the blocks do not add up to the count") }
            attempts += drawn.attempts
            blocks += drawn.blocks
            for cell in 0..<grid.count {
                times[cell] += drawn.hidden[cell] ? 1 : 0
                let (row, column) = (cell / grid.columns, cell % grid.columns)
                if column > 0 && drawn.hidden[cell] == drawn.hidden[cell - 1] { across += 1 }
                if row > 0 && drawn.hidden[cell] == drawn.hidden[cell - grid.columns] { down += 1 }
            }
        }
        let n = Double(count)
        let pairs = [grid.rows * (grid.columns - 1), (grid.rows - 1) * grid.columns].map { n * Double($0) }
        let prefix = "stat/\(j)/"
        outcome.values[prefix + "position_rate"] = GoldenValue(
            times.map { Double($0) / n }, [grid.rows, grid.columns])
        outcome.values[prefix + "masked_fraction"] = GoldenValue(
            [Double(times.reduce(0, +)) / n / Double(grid.count)], [])
        outcome.values[prefix + "equal_neighbours"] = GoldenValue(
            [Double(across) / pairs[0], Double(down) / pairs[1]], [2])
        outcome.values[prefix + "mean_attempts"] = GoldenValue([Double(attempts) / n], [])
        outcome.values[prefix + "mean_blocks"] = GoldenValue([Double(blocks) / n], [])
    }
    return outcome
}
