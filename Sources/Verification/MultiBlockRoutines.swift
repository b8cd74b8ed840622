import Checkpoints
import ImageMasking
import RandomStreams
import RecipeSchema

/// Masks of I-JEPA and DMT-JEPA: samplers from their draws, sizes that can occur, refusals, frequencies.
let multiBlockRoutines: [GoldenRoutine] = [
    GoldenRoutine(["ijepa"], "aux_mask_reference", referenceMasks),
    GoldenRoutine(["ijepa"], "aux_mask_unbiased", unbiasedMasks),
    GoldenRoutine(["ijepa"], "aux_mask_seeded", seededMasks),
    GoldenRoutine(["ijepa"], "aux_mask_sizes", possibleSizes),
    GoldenRoutine(["ijepa"], "aux_mask_visibility", visibility),
]

/// The entry of a list of a case: its grid, and the options of the strategy beside what only the case has.
struct MultiBlockItem {
    let json: JSONValue
    let grid: PatchGrid
    let options: MultiBlockMasking

    init(_ json: JSONValue) throws {
        self.json = json
        grid = try PatchGrid(golden: json["grid"])
        options = try Self.options(json)
    }

    /// The options as a recipe's, without what says how the case was made.
    static func options(_ json: JSONValue) throws -> MultiBlockMasking {
        let names = Set(MultiBlockMasking.fields.map(\.name))
        var section = json
        section.kind = .object((json.members ?? []).filter { names.contains($0.name) })
        var problems: [Problem] = []
        guard let options = MultiBlockMasking.decode(section, at: "$.mask", &problems) else {
            throw GoldenError("\(Problems(problems))")
        }
        return options
    }

    /// Pictures of a batch.
    func batch() throws -> Int { try CaseBounds.checked(try integer("batch"), in: 1...CaseBounds.steps, "batch") }

    /// Refuses blocks that would be drawn anew for ever, as the strategy itself does.
    func check(_ target: BlockSize, _ context: BlockSize) throws {
        try CaseBounds.require(
            target.count > options.minKeep && context.count > options.minKeep,
            "blocks of \(target) and \(context) never have more than \(options.minKeep) cells")
    }

    func integer(_ key: String) throws -> Int {
        guard let value = json[key]?.int else { throw GoldenError("an entry without \"\(key)\"") }
        return value
    }
}

extension PatchGrid {
    /// A grid that a case writes as two integers.
    init(golden json: JSONValue?) throws {
        guard let sides = json?.array?.compactMap(\.int), sides.count == 2 else {
            throw GoldenError("a grid that is not two positive integers")
        }
        self = try CaseBounds.grid(sides[0], sides[1])
    }
}

extension GoldenCase {
    fileprivate func items(_ path: String) throws -> [MultiBlockItem] {
        try (try value(path).array ?? []).map(MultiBlockItem.init)
    }
}

/// Draws that a case gives, from the front; there must be enough of them, and none may be left over.
struct GivenDraws<Draw> {
    private let draws: [Draw]
    private var used = 0

    init(_ draws: [Draw]) { self.draws = draws }

    mutating func next() throws -> Draw {
        guard used < draws.count else { throw GoldenError("the draws of the case, \(draws.count), are not enough") }
        used += 1
        return draws[used - 1]
    }

    var areUsedUp: Bool { used == draws.count }
}

/// The tensors that describe a block mask in golden cases.
func values(of mask: BlockMask, prefix: String) -> [String: GoldenValue] {
    func tensor(_ blocks: [[[Int32]]], _ length: Int) -> GoldenValue {
        GoldenValue(blocks.joined().joined(), [blocks.count, mask.imageCount, length])
    }
    return [
        prefix + "masks_context": tensor(mask.contexts, mask.contextLength),
        prefix + "masks_target": tensor(mask.targets, mask.targetLength),
    ]
}

private func sizes(_ blocks: [BlockSize], _ shape: [Int]) -> GoldenValue {
    GoldenValue(blocks.flatMap { [$0.rows, $0.columns] }, shape)
}

private func referenceMasks(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, item) in try golden.items("recipe.masks").enumerated() {
        let uniforms = try golden.uniforms("draw/\(j)/size_uniforms")
        try CaseBounds.require(uniforms.count >= 2, "draw/\(j)/size_uniforms are fewer than two")
        let spots = try golden.integers("draw/\(j)/positions")
        var draws = GivenDraws((0..<spots.count / 2).map { (top: spots[2 * $0], left: spots[2 * $0 + 1]) })
        let sampler = ReferenceBlocks(item.options, on: item.grid)
        let (target, context) = (sampler.targetBlock(uniforms[0]), sampler.contextBlock(uniforms[1]))
        try item.check(target, context)
        let drawn = try sampler.draw(images: try item.batch(), target: target, context: context) { _, rows, columns in
            let spot = try draws.next()
            guard spot.top >= 0 && spot.left >= 0 && spot.top < rows && spot.left < columns else {
                throw GoldenError("draw/\(j)/positions has \(spot) where places below \(rows), \(columns) are drawn")
            }
            return spot
        }
        outcome.check("draw/\(j)/positions are used up", draws.areUsedUp)
        outcome.values["act/\(j)/sizes"] = sizes([drawn.targetBlock, drawn.contextBlock], [2, 2])
        outcome.values["act/\(j)/context_counts"] = GoldenValue(
            drawn.contexts.flatMap { $0.map(\.count) }, [drawn.contexts.count, item.options.contexts])
        outcome.values.merge(values(of: sampler.cut(drawn), prefix: "act/\(j)/")) { $1 }
    }
    return outcome
}

private func unbiasedMasks(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, item) in try golden.items("recipe.masks").enumerated() {
        var draws = GivenDraws(try golden.uniforms("draw/\(j)/uniforms"))
        let sampler = UnbiasedBlocks(item.options, on: item.grid)
        let (target, context) = try sampler.sizes { try draws.next() }
        try item.check(target, context)
        let drawn = try sampler.draw(images: try item.batch(), target: target, context: context) {
            try draws.next()
        }
        let mask = try sampler.cut(drawn) { try draws.next() }
        outcome.check("draw/\(j)/uniforms are used up", draws.areUsedUp)
        outcome.values["act/\(j)/sizes"] = sizes([target, context], [2, 2])
        outcome.values["act/\(j)/context_counts"] = GoldenValue(
            drawn.contexts.flatMap { $0.map(\.count) }, [drawn.contexts.count, item.options.contexts])
        outcome.values.merge(values(of: mask, prefix: "act/\(j)/")) { $1 }
    }
    return outcome
}

private func seededMasks(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    let first = [UInt32(0), 1, 5489].flatMap { seed -> [Int32] in
        var generator = MersenneTwister(seed: seed)
        return (0..<6).map { _ in Int32(bitPattern: generator.next()) }
    }
    outcome.values["act/mt19937_first"] = GoldenValue(first, [3, 6])
    for (j, item) in try golden.items("recipe.items").enumerated() {
        let sampler = ReferenceBlocks(item.options, on: item.grid)
        func blocks(_ seed: Int) -> (target: BlockSize, context: BlockSize) {
            var generator = MersenneTwister(seed: UInt32(seed))
            let target = sampler.targetBlock(generator.uniform())
            return (target, sampler.contextBlock(generator.uniform()))
        }
        guard let full = item.json["full"]?.int else {
            let count = try item.integer("iterations")
            let all = (0..<count).flatMap { [blocks($0).target, blocks($0).context] }
            outcome.values["act/\(j)/sizes"] = sizes(all, [count, 4])
            continue
        }
        let (target, context) = blocks(try item.integer("iteration"))
        var places = MersenneTwister(seed: UInt32(try item.integer("position_seed")))
        let drawn = sampler.draw(images: try item.integer("batch"), target: target, context: context) {
            (_, rows, columns) -> (top: Int, left: Int) in
            let top = places.integer(below: rows)
            return (top, places.integer(below: columns))
        }
        outcome.values.merge(values(of: sampler.cut(drawn), prefix: "act/full/\(full)/")) { $1 }
    }
    return outcome
}

private func possibleSizes(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, item) in try golden.items("recipe.settings").enumerated() {
        let kinds = [
            ("target", item.options.targetShapes(on: item.grid)),
            ("context", item.options.contextShapes(on: item.grid)),
        ]
        for (name, shapes) in kinds {
            let prefix = "act/\(j)/"
            let (unbiased, reference) = (shapes.unbiasedSizes(), shapes.referenceTable())
            outcome.values[prefix + "unbiased_\(name)_sizes"] = sizes(unbiased, [unbiased.count, 2])
            outcome.values[prefix + "reference_\(name)_sizes"] = sizes(reference.map(\.size), [reference.count, 2])
            outcome.values[prefix + "reference_\(name)_from"] = GoldenValue(reference.map(\.from), [reference.count])
        }
    }
    for list in ["refusals", "reference_refusals"] {
        for (j, entry) in (golden.json[list]?.array ?? []).enumerated() {
            guard let mask = entry["mask"], let accepted = entry["accepted"]?.bool else {
                throw GoldenError("\(list)[\(j)] has no mask or no verdict")
            }
            let grid = try PatchGrid(golden: entry["grid"])
            let reason: String?
            do { reason = try MultiBlockItem.options(mask).faults(on: grid).first } catch { reason = "\(error)" }
            outcome.check("\(list)[\(j)]: \(reason ?? "accepted")", accepted == (reason == nil))
            if let wanted = entry["reason"]?.string, let reason {
                outcome.check("\(list)[\(j)] names its cause: \(reason)", causes(reason) == causes(wanted))
            }
        }
    }
    return outcome
}

/// Which of the causes of a refusal a sentence names; wording is free.
private func causes(_ reason: String) -> String {
    for option in ["target_scale", "target_aspect", "context_scale"] {
        if reason.contains(option) && reason.contains("min") && reason.contains("max") { return option }
    }
    if reason.contains("images find no context") { return "pilot" }
    if reason.contains("targets leave at most") || reason.contains("target blocks on") { return "overlap" }
    if reason.contains("ever") { return reason.contains("target block") ? "endless target" : "endless context" }
    if reason.contains("context block") { return "small context" }
    return "counts"
}

/// Frequencies of cells over many batches of the strategy as training runs it.
private func visibility(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    let batches = 600
    for (j, item) in try golden.items("recipe.statistics").enumerated() {
        let images = try item.integer("batch")
        let tableBatches = try item.integer("batches")
        var statistics = MaskStatistics(grid: item.grid)
        for step in 0..<batches {
            let samples = Array(step * images..<(step + 1) * images)
            statistics.add(
                try item.options.plan(
                    MaskRequest(grid: item.grid, samples: samples, step: step), random: RandomStream(seed: 31)))
        }
        let scale = 5 * (1 / Double(batches) + 1 / Double(tableBatches)).squareRoot()
        func check(_ name: String, _ times: [Int], of count: Int) throws {
            let table = try golden.tensor("act/\(j)/\(name)").doubles()
            let spread = try golden.tensor("act/\(j)/\(name)_sd").doubles()
            let worst = times.indices.map { cell -> Double in
                if table[cell] == 0 { return times[cell] == 0 ? 0 : .infinity }
                return abs(Double(times[cell]) / Double(count) - table[cell]) / (scale * spread[cell] + 1e-6)
            }.max()
            outcome.check("act/\(j)/\(name)", error: worst ?? .infinity, within: 1)
        }
        try check("context", statistics.visibleTimes, of: statistics.maskCount)
        try check("target_block", statistics.targetBlockTimes, of: statistics.targetCount)
        try check("target_union", statistics.targetTimes, of: statistics.imageCount)
        let kept = try golden.tensor("act/\(j)/kept").doubles()
        outcome.check(
            "act/\(j)/kept", error: abs(statistics.meanVisible - kept[0]), within: scale * kept[1] + 1e-6)
    }
    return outcome
}
