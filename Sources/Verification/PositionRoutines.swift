import Checkpoints
import ImageMasking
import VisionTransformers

/// Position tables.
let positionRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mae"], "position_tables", positionTables),
    GoldenRoutine(["mae"], "position_resize", positionResize),
]

/// Names say the table: `table/3x5_d24_row_first_cls`.
private func positionTables(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (tensor, _, _) in golden.expectations {
        let parts = tensor.split(separator: "/").last?.split(separator: "_") ?? []
        guard parts.count >= 4, let grid = grid(parts[0]), let width = Int(parts[1].dropFirst()),
            let order = PositionOrder(rawValue: "\(parts[2])_\(parts[3])")
        else { throw GoldenError("the name \"\(tensor)\" does not say a table") }
        try CaseBounds.table(grid, width: width)
        let prefix = parts.last == "cls" ? 1 : 0
        let table = PositionTable.sincos(grid: grid, width: width, order: order, prefix: prefix)
        outcome.values[tensor] = GoldenValue(table, [prefix + grid.count, width])
    }
    return outcome
}

/// Names say the grids: `out/3x5_to_6x4`.
private func positionResize(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (tensor, _, _) in golden.expectations {
        let name = tensor.split(separator: "/").last ?? ""
        let parts = name.split(separator: "_")
        guard parts.count == 3, let old = grid(parts[0]), let new = grid(parts[2]) else {
            throw GoldenError("the name \"\(tensor)\" does not say two grids")
        }
        let input = try golden.tensor("in/\(name)", axes: 2)
        let prefix = input.shape[0] - old.count
        let width = input.shape[1]
        try CaseBounds.require(
            prefix >= 0 && width <= CaseBounds.entries / (prefix + new.count),
            "\"in/\(name)\" of shape \(input.shape) is no table of \(old)")
        let table = PositionTable.resized(input.floats(), width: width, from: old, to: new, prefix: prefix)
        outcome.values[tensor] = GoldenValue(table, [prefix + new.count, width])
    }
    return outcome
}

private func grid(_ text: Substring) -> PatchGrid? {
    let sides = text.split(separator: "x").compactMap { Int($0) }
    return sides.count == 2 ? try? CaseBounds.grid(sides[0], sides[1]) : nil
}
