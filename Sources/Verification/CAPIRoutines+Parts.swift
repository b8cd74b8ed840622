import Autodiff
import Checkpoints
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// CAPI's masks, positions, balancing, heads and schedules by themselves.
let capiPartRoutines: [GoldenRoutine] = [
    GoldenRoutine(["capi"], "aux_masks", masks),
    GoldenRoutine(["capi"], "aux_positions", positions),
    GoldenRoutine(["capi"], "aux_sinkhorn", balancing),
    GoldenRoutine(["capi"], "aux_clustering", clusterings),
    GoldenRoutine(["capi"], "aux_schedules", rates),
]

/// An entry of a list of a case, whose numbers must lie in ranges.
private struct Item {
    let json: JSONValue

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard let value = json[name]?.int else { throw GoldenError("an item without \"\(name)\"") }
        return try CaseBounds.checked(value, in: range, "\"\(name)\"")
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws -> Double {
        guard let value = json[name]?.double else { throw GoldenError("an item without \"\(name)\"") }
        try CaseBounds.require(
            range.contains(value), "\"\(name)\" is \(value); allowed is \(range.lowerBound) to \(range.upperBound)")
        return value
    }

    func integers(_ name: String) -> [Int] { json[name]?.array?.compactMap(\.int) ?? [] }

    func grid() throws -> PatchGrid {
        let sides = integers("grid")
        guard sides.count == 2 else { throw GoldenError("an item without a grid of two sides") }
        return try CaseBounds.grid(sides[0], sides[1])
    }

    func pairing() throws -> RotaryPairing {
        switch json["rope_pairing"]?.string {
        case "mixed": .mixed
        case "axial": .axial
        default: throw GoldenError("an item without a known \"rope_pairing\"")
        }
    }
}

extension GoldenCase {
    fileprivate func items() throws -> [Item] { try list("recipe.items").map(Item.init) }
}

private func masks(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, item) in try golden.items().enumerated() {
        let grid = try item.grid()
        var strategy = InverseBlockMasking()
        strategy.ratio = try item.number("ratio", in: 0...1)
        strategy.predictShare = try item.number("predict_share", in: 0...1)
        strategy.minAspect = try item.number("min_aspect", in: 0.001...1)
        strategy.roll = item.json["roll"]?.bool ?? true
        if let fault = strategy.faults(on: grid).first { throw GoldenError(fault) }
        let images = try item.integer("batch", in: 1...CaseBounds.cells)
        var draws = GivenDraws(try golden.uniforms("draw/\(j)/uniforms"))
        let visible = try (0..<images).map { _ in try strategy.visible(on: grid) { try draws.next() } }
        let predicted = try visible.map { cells in
            try strategy.predicted(visible: cells, on: grid) { try draws.next() }
        }
        outcome.check("the draws of item \(j) are used up", draws.areUsedUp)
        for (name, cells) in [("visible", visible), ("predict", predicted)] {
            outcome.values["act/\(j)/\(name)"] = GoldenValue(cells.joined(), [images, cells.first?.count ?? 0])
        }
    }
    return outcome
}

private func positions(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    func value(_ places: [Coordinate]) -> GoldenValue {
        GoldenValue(places.flatMap { [$0.row, $0.column] }, [places.count, 2])
    }
    for (j, item) in try golden.items().enumerated() {
        let grid = try item.grid()
        let head = try item.integer("head_width", in: 4...4096)
        let registers = try item.integer("registers", in: 0...4096)
        try CaseBounds.require(head % 4 == 0 && registers % 4 == 0, "widths and registers that are no multiples of 4")
        let places = (0..<grid.count).map { RotaryPositions.coordinate(of: $0, on: grid) }
        let visible = item.integers("visible")
        try CaseBounds.require(visible.allSatisfy { (0..<grid.count).contains($0) }, "cells outside the grid")
        let frequencies = RotaryPositions.frequencies(head: head)
        outcome.values["act/\(j)/coordinates"] = value(places)
        outcome.values["act/\(j)/frequencies"] = GoldenValue(frequencies, [frequencies.count])
        outcome.values["act/\(j)/registers"] = value(RotaryPositions.registers(registers))
        outcome.values["act/\(j)/registers_scaled"] = value(
            RotaryPositions.registers(registers, around: visible.map { places[$0] }))
        let stored = try golden.engineTensor("in/\(j)/x", axes: 4)
        try CaseBounds.require(
            stored.shape[2] == grid.count && stored.shape[3] == head, "in/\(j)/x has the shape \(stored.shape)")
        // Heads side by side, as a block has them.
        let (images, heads) = (stored.shape[0], stored.shape[1])
        /// `[images, outer, inner, d]` as `[images, inner, outer, d]`.
        func turned(_ x: Tensor, _ outer: Int, _ inner: Int) -> [Float] {
            let size = x.count / images
            return (0..<images).flatMap { image -> [Float] in
                swapped(x.view(image * size..<(image + 1) * size, as: [outer, inner, head])).array
            }
        }
        let x = Tensor(turned(stored, heads, grid.count), [images, grid.count, heads * head])
        let angles = RotaryAngles([places], head: head)
        var tape = Tape(engine: engine, recording: false)
        let rotated = tape.rotate(
            tape.constant(x), cosines: angles.cosines, sines: angles.sines, try item.pairing()
        ).value
        outcome.values["act/\(j)/rotated"] = GoldenValue(
            turned(rotated, grid.count, heads), [images, heads, grid.count, head])
    }
    return outcome
}

private func balancing(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, item) in try golden.items().enumerated() {
        let stored = try golden.tensor("in/\(j)/logits")
        let shape = stored.shape
        try CaseBounds.require(
            (2...Shape.maximalRank).contains(shape.count) && !shape.contains(0), "scores of shape \(shape)")
        let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
        let count = shape.dropLast().reduce(1, *)
        let groups = stride(from: 0, to: count, by: rows).map { Array($0..<$0 + rows) }
        let sinkhorn = Sinkhorn(iterations: try item.integer("iterations", in: 1...1000))
        let assignments = sinkhorn(
            Tensor(stored).reshaped([count, columns]), groups: groups,
            temperature: try item.number("temperature", in: 1e-6...1e6), engine: engine)
        outcome.values["act/\(j)/assignments"] = GoldenValue(assignments.array, shape)
        let values = assignments.array
        let sums = groups.flatMap { rows in
            (0..<columns).map { column in rows.reduce(0.0) { $0 + Double(values[$1 * columns + column]) } }
        }
        outcome.values["act/\(j)/column_sums"] = GoldenValue(sums, shape.dropLast(2) + [columns])
    }
    return outcome
}

/// `[a, b, …]` as `[b, a, …]`.
private func swapped(_ x: Tensor) -> Tensor {
    let (a, b, size) = (x.shape[0], x.shape[1], x.shape[2])
    let values = x.array
    var rows: [Float] = []
    for inner in 0..<b {
        for outer in 0..<a {
            let start = (outer * b + inner) * size
            rows += values[start..<start + size]
        }
    }
    return Tensor(rows, [b, a, size])
}

private func clusterings(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, item) in try golden.items().enumerated() {
        let cells = try item.integer("cells", in: 1...CaseBounds.cells)
        let batch = try item.integer("batch", in: 1...CaseBounds.cells)
        let width = try item.integer("width", in: 1...4096)
        let clusters = try item.integer("clusters", in: 2...4096)
        let stored = try golden.engineTensor("in/\(j)/features", axes: 3)
        try CaseBounds.require(stored.shape == [cells, batch, width], "features of shape \(stored.shape)")
        let options = ClusteringHead.Options(
            clusters: clusters, hasBias: item.json["clustering_bias"]?.bool ?? true,
            positionwise: item.json["positionwise"]?.bool ?? true,
            iterations: try item.integer("sinkhorn_iterations", in: 1...1000),
            targetTemperature: try item.number("target_temperature", in: 1e-6...1e6),
            temperature: try item.number("clustering_temperature", in: 1e-6...1e6))
        let random = RandomStream(seed: 0)
        var store = ParameterStore()
        let head = ClusteringHead(options, width: width, adding: &store, random: random)
        let student = NormalizedHead("student", width: width, outputs: clusters, adding: &store, random: random)
        let featuresID = store.add("features", [batch, cells, width], swapped(stored).array)
        func caseName(_ own: String) -> String {
            own.replacing("\(ClusteringHead.owner).", with: "layer.").replacing("student.", with: "")
        }
        for entry in store.entries where entry.name != "features" {
            let value = try golden.engineTensor("w/\(j)/\(caseName(entry.name))")
            guard value.count == entry.shape.elementCount, let id = store.id(named: entry.name) else {
                throw GoldenError("w/\(j)/\(caseName(entry.name)) has the shape \(value.shape), not \(entry.shape)")
            }
            store.setValue(value.reshaped(entry.shape), for: id)
        }
        var tape = Tape(engine: engine)
        let features = tape.parameter(featuresID, of: store)
        let clustered = head(features.value, store, on: &tape)
        let scores = student(features, store, on: &tape)
        let named = tape.crossEntropy(
            tape.scale(scores, by: Float(1 / (try item.number("student_temperature", in: 1e-6...1e6)))),
            targets: clustered.assignments)
        outcome.values["act/\(j)/logits"] = GoldenValue(swapped(clustered.logits.value))
        outcome.values["act/\(j)/assignments"] = GoldenValue(swapped(clustered.assignments))
        outcome.values["act/\(j)/student_logits"] = GoldenValue(swapped(scores.value))
        outcome.values["loss/\(j)"] = GoldenValue([clustered.loss.value.item], [])
        outcome.values["loss/\(j)/student"] = GoldenValue([named.value.item], [])
        let gradients = tape.gradients(of: tape.add(clustered.loss, named), for: store)
        for entry in store.entries {
            guard let gradient = gradients[entry.name] else { continue }
            outcome.values["grad/\(j)/\(caseName(entry.name))"] = GoldenValue(
                entry.name == "features" ? swapped(gradient) : gradient)
        }
    }
    return outcome
}

private func rates(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (j, item) in try golden.items().enumerated() {
        let total = try item.integer("total_updates", in: 1...CaseBounds.entries)
        var cosine = TruncatedCosineOptions()
        cosine.cosineEnd = try item.number("cosine_end", in: 0...1)
        let warmup = try item.integer("warmup_updates", in: 0...total)
        cosine.warmupEpochs = Double(warmup)
        let run = RunLength(stepsPerEpoch: 1, epochs: Double(total))
        func number(_ name: String) throws -> Double { try item.number(name, in: 0...1e30) }
        let ema = item.json["ema"]?.array?.compactMap(\.double) ?? []
        try CaseBounds.require(ema.count == 2, "\"ema\" are not two numbers")
        let schedules = [
            (
                "lr",
                cosine.rates(
                    start: try number("warmup_learning_rate"), peak: try number("learning_rate"),
                    end: try number("min_learning_rate"), over: run)
            ),
            (
                "clustering_lr",
                cosine.rates(
                    start: 0, peak: try number("clustering_learning_rate"),
                    end: try number("clustering_min_learning_rate"), over: run)
            ),
            ("momentum", cosine.rates(start: try number("ema_start"), peak: ema[0], end: ema[1], over: run)),
        ]
        for (name, schedule) in schedules {
            let values = (0..<total + 2).map { schedule.value(at: $0) }
            outcome.values["act/\(j)/\(name)"] = GoldenValue(values, [values.count])
        }
    }
    return outcome
}
