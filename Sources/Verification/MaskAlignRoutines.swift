import Autodiff
import Checkpoints
import EncoderFiles
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// MaskAlign: whole training cases, masks, targets, what the teacher sees, and files of teachers.
let maskAlignRoutines: [GoldenRoutine] = [
    GoldenRoutine(["maskalign"], "model", maskAlign),
    GoldenRoutine(["maskalign"], "aux_sampling", attentionSampling),
    GoldenRoutine(["maskalign"], "aux_targets", alignmentTargets),
    GoldenRoutine(["maskalign"], "aux_teacher_input", teacherInputs),
    GoldenRoutine(["maskalign"], "aux_schedule", alignmentSchedule),
    GoldenRoutine(["maskalign"], "import", teacherImport),
]

/// Student and teacher of a case, the mask of its draws, and some steps on the same images.
private func maskAlign(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let encoder = try golden.section("recipe.model", as: EncoderOptions.self)
    let options = try golden.section("recipe.method", as: MaskAlignOptions.self, without: ["name", "teacher"])
    // A case gives the teacher itself.
    var sourced = options
    sourced.teacher.path = golden.folder
    var context = try golden.context(sourced, encoder, images.shape)
    let grid = context.grid
    context.mean = try numbers(golden, "recipe.data.mean") ?? context.mean
    context.deviation = try numbers(golden, "recipe.data.std") ?? context.deviation
    let teacher = try describedTeacher(golden, context)
    var method = try options.makeMethod(context, teacher: teacher)
    try load("w/", of: golden, into: &method.parameters)

    let batch = Batch(images: images, samples: Array(0..<images.shape[0]))
    let mask = try drawnMask(golden, grid, importance: try method.importance(of: batch, engine: engine) ?? [])
    let drop = try keptPaths(golden, rate: options.dropPath, depth: encoder.depth)
    let last = teacher.encoder.options.depth - 1
    let names: TraceNames = [
        "encoder/": "act/", "encoder/input": "act/encoder_input", "teacher/": "act/teacher_",
        "teacher/importance": "act/importance",
        "layer_\(last)/fused": "act/fused_last", "layer_\(last)/prediction": "act/prediction_last",
        "layer_\(last)/target": "act/target_last",
    ]
    var outcome = try trainingTrace(golden, &method, engine, names: names) { method, _, request, tape in
        method.loss(batch, mask, drop, request, on: &tape)
    }
    for (name, block) in [("block_first", "block_0"), ("block_last", "block_\(encoder.depth - 1)")] {
        outcome.values["act/\(name)"] = outcome.values["act/\(block)"]
    }
    for (name, block) in [("first", 0), ("last", last)] {
        outcome.values["act/teacher_block_\(name)"] = outcome.values["act/teacher_block_\(block)"]
    }
    for block in 0...last { outcome.values["loss/layer_\(block)"] = outcome.values["act/layer_\(block)/loss"] }
    if !teacher.encoder.options.classToken, let positions = outcome.values["act/teacher_positions"] {
        // A case has the row of the class token in any case; nothing reads it.
        let (rows, width) = (positions.shape[1], positions.shape[2])
        let unused = try golden.tensor("teacher/pos_embed").doubles().prefix(width)
        outcome.values["act/teacher_positions"] = GoldenValue(unused + positions.numbers, [1, 1 + rows, width])
    }
    let points = ["ids_shuffle": "order", "ids_keep": "ids_keep", "mask": "mask"]
    for (name, value) in values(of: mask) {
        if let point = points[name] { outcome.values["act/\(point)"] = value }
    }
    if let listed = golden.json["no_gradient"]?.array?.compactMap(\.string) {
        let idle = method.parameters.entries.filter { method.treatment(of: $0) == .idle }.map(\.name)
        outcome.check("weights without gradient", Set(idle) == Set(listed))
    }
    return outcome
}

/// A teacher whose network a case describes in place of a path; its tensors are canonical.
private func describedTeacher(_ golden: GoldenCase, _ context: MethodContext) throws -> Teacher {
    let path = "recipe.method.teacher"
    let name = (try? golden.value(path + ".activation"))?.string ?? "gelu"
    guard let activation = ActivationName(rawValue: name) else {
        throw GoldenError("\"\(path).activation\" is \"\(name)\", which is not known")
    }
    var reading = EncoderReading()
    reading.layout = .timm
    reading.isCanonical = true
    reading.classToken = (try? golden.value(path + ".class_token"))?.bool ?? true
    reading.heads = try golden.integer(path + ".heads")
    reading.activation = activation
    reading.epsilon = golden.number(path + ".eps", default: 1e-6)
    let file = EncoderFile(SafetensorsFile(golden.tensors(under: "teacher/")), path: golden.folder)
    return try Teacher(
        file.load(on: context.grid, reading), normalization: try normalization(golden, path), path: golden.folder,
        context)
}

/// Mean and deviation that a case gives its teacher, if it does.
private func normalization(_ golden: GoldenCase, _ path: String) throws -> Normalization? {
    guard let mean = try numbers(golden, path + ".mean"), let deviation = try numbers(golden, path + ".std") else {
        return nil
    }
    return Normalization(mean: mean, deviation: deviation)
}

/// The numbers of a list at a dotted path; nil where it is absent or null.
private func numbers(_ golden: GoldenCase, _ path: String) throws -> [Double]? {
    guard let value = try? golden.value(path), !value.isNull else { return nil }
    guard let list = value.array else { throw GoldenError("\"\(path)\" is no list of numbers") }
    return list.compactMap(\.double)
}

/// The mask of `draw/expo` with the importance, or of `draw/noise`.
private func drawnMask(_ golden: GoldenCase, _ grid: PatchGrid, importance: [Float]) throws -> PatchMask {
    if try golden.value("recipe.mask.strategy").string == "attention" {
        let strategy = try golden.section("recipe.mask", as: AttentionMasking.self, without: ["strategy"])
        return strategy.mask(
            on: grid, importance: importance, exponentials: try golden.tensor("draw/expo").floats())
    }
    return PatchMask(
        grid: grid, scores: try golden.scores("draw/noise", on: grid), keepingHighest: false,
        visibleCount: try golden.visibleCount(on: grid))
}

/// The factors of branches from `draw/keep_path` `[S, 2, B]`, 1 for a branch that is kept.
private func keptPaths(_ golden: GoldenCase, rate: Double, depth: Int) throws -> [BranchFactors]? {
    guard let draws = golden.tensors["draw/keep_path"] else {
        guard rate == 0 || depth == 1 else { throw GoldenError("the case drops paths and has no draws for it") }
        return nil
    }
    let kept = draws.floats()
    try CaseBounds.require(
        draws.shape.count == 3 && draws.shape[0] >= depth && draws.shape[1] == 2 && draws.shape[2] >= 1,
        "\"draw/keep_path\" has the shape \(draws.shape)")
    let images = draws.shape[2]
    return DropPath.factors(rate: rate, depth: depth, images: images) { block, branch, image in
        // The largest number below 1 keeps a branch at any rate, 0 drops it at any rate above 0.
        kept[(block * 2 + branch) * images + image] == 1 ? Float(1).nextDown : 0
    }
}

/// Masks of given draws, counts of kept patches, and the chance of each patch to be kept.
private func attentionSampling(_ golden: GoldenCase) throws -> GoldenOutcome {
    let importance = try golden.tensor("in/importance", axes: 2)
    let grid = try CaseBounds.grid(1, importance.shape[1])
    let strategy = try golden.section("recipe", as: AttentionMasking.self)
    _ = try golden.scores("in/importance", on: grid)
    _ = try golden.scores("draw/expo", on: grid, pictures: importance.shape[0])
    let drawn = strategy.mask(
        on: grid, importance: importance.floats(), exponentials: try golden.tensor("draw/expo").floats())
    let random = PatchMask(
        grid: grid, scores: try golden.scores("draw/noise", on: grid), keepingHighest: false,
        visibleCount: grid.visibleCount(ratio: strategy.ratio))
    var outcome = GoldenOutcome()
    for (name, mask) in [("attention", drawn), ("random", random)] {
        let all = values(of: mask)
        outcome.values["act/order_\(name)"] = all["ids_shuffle"]
        outcome.values["act/ids_\(name)"] = all["ids_keep"]
        outcome.values["act/mask_\(name)"] = all["mask"]
    }
    let table = try golden.integers("act/keep_table")
    try CaseBounds.require(table.count % 3 == 0, "\"act/keep_table\" is not made of rows of three")
    let counts = try stride(from: 0, to: table.count, by: 3).flatMap { row in
        _ = try CaseBounds.checked(table[row], in: 1...CaseBounds.entries, "a number of patches")
        _ = try CaseBounds.checked(table[row + 1], in: 0...1000, "a ratio in thousandths")
        let kept = PatchGrid(rows: 1, columns: table[row]).visibleCount(ratio: Double(table[row + 1]) / 1000)
        return [table[row], table[row + 1], kept]
    }
    outcome.values["act/keep_table"] = GoldenValue(counts, [counts.count / 3, 3])
    let small = try golden.tensor("in/small").doubles()
    let rows = try golden.tensor("act/inclusion_probability", axes: 2).shape[0]
    try CaseBounds.require(
        (2...6).contains(small.count) && rows <= small.count && small.allSatisfy { $0 >= 0 && $0.isFinite },
        "\"in/small\" are not two to six weights, or \"act/inclusion_probability\" has more rows")
    let chances = (1...rows).map { inclusion(small, kept: $0) }
    outcome.values["act/inclusion_probability"] = GoldenValue(chances.flatMap { $0 }, [rows, small.count])
    for (kept, chances) in zip(1..., chances) where kept < small.count {
        try checkFrequencies(small.map { Float($0) }, kept: kept, chances, &outcome)
    }
    return outcome
}

/// The chance of each item to be among the first `kept` that are drawn one after another in proportion to their weights.
private func inclusion(_ weights: [Double], kept: Int) -> [Double] {
    var chances = [Double](repeating: 0, count: weights.count)
    func draw(_ chance: Double, _ left: Set<Int>, _ count: Int) {
        guard count > 0 else { return }
        let sum = left.sorted().reduce(0) { $0 + weights[$1] }
        for item in left.sorted() where weights[item] > 0 {
            let share = chance * weights[item] / sum
            chances[item] += share
            draw(share, left.subtracting([item]), count - 1)
        }
    }
    draw(1, Set(weights.indices), kept)
    return chances
}

/// What the strategy itself draws keeps every item as often as the chances say, within five deviations.
private func checkFrequencies(
    _ weights: [Float], kept: Int, _ chances: [Double], _ outcome: inout GoldenOutcome
) throws {
    let images = 4000
    let grid = PatchGrid(rows: 1, columns: weights.count)
    var strategy = AttentionMasking()
    strategy.ratio = 1 - (Double(kept) + 0.5) / Double(weights.count)
    let request = MaskRequest(
        grid: grid, samples: Array(0..<images),
        importance: Array(repeatElement(weights, count: images).joined()))
    guard case .patches(let mask) = try strategy.plan(request, random: RandomStream(seed: 3)) else { return }
    var counts = [Double](repeating: 0, count: weights.count)
    for image in 0..<images { for item in mask.visible(image) { counts[Int(item)] += 1 } }
    for (item, chance) in chances.enumerated() {
        let deviation = (Double(images) * chance * (1 - chance)).squareRoot()
        outcome.check(
            "item \(item) among \(kept) kept", error: abs(counts[item] - Double(images) * chance),
            within: 5 * deviation + 1e-6)
    }
}

/// Normalised targets, distances from the whitened one with their gradients, weights of layers.
private func alignmentTargets(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let features = try golden.engineTensor("in/features")
    let prediction = try golden.engineTensor("in/prediction")
    var outcome = GoldenOutcome()
    for norm in TargetNorm.allCases {
        outcome.values["act/target_\(norm.rawValue)"] = GoldenValue(norm(features, engine: engine))
    }
    let target = TargetNorm.whiten(features, engine: engine)
    var store = ParameterStore()
    let id = store.add("prediction", prediction.shape, prediction.array)
    for loss in AlignmentLoss.allCases {
        var tape = Tape(engine: engine)
        let value = loss(tape.parameter(id, of: store), target: target, on: &tape)
        outcome.values["loss/\(loss.rawValue)"] = GoldenValue(value.value)
        outcome.values["grad/prediction_\(loss.rawValue)"] = GoldenValue(tape.gradients(of: value, for: store)[id])
    }
    let blocks = try golden.integer("recipe.layers", in: 1...128)
    let rows = try golden.value("recipe.layer_weight_rows").array?.compactMap(\.string) ?? []
    let weights = try rows.flatMap { row in
        guard let weights = LossLayers(row)?.weights(of: blocks) else {
            throw GoldenError("\"\(row)\" gives no weights of \(blocks) blocks")
        }
        return weights
    }
    outcome.values["act/layer_weights"] = GoldenValue(weights, [rows.count, blocks])
    return outcome
}

/// Images as teachers of several sizes see them, and position tables on other grids.
private func teacherInputs(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    func normalization(_ path: String) throws -> Normalization {
        let lists = try golden.value(path).array?.compactMap { $0.array?.compactMap(\.double) } ?? []
        guard lists.count == 2 else { throw GoldenError("\"\(path)\" is not two lists") }
        return Normalization(mean: lists[0], deviation: lists[1])
    }
    let (student, teacher) = (try normalization("recipe.student_stats"), try normalization("recipe.teacher_stats"))
    func grid(_ json: JSONValue) throws -> PatchGrid {
        guard let sides = json["grid"]?.array?.compactMap(\.int), sides.count == 2 else {
            throw GoldenError("an entry without a grid of two integers")
        }
        return PatchGrid(rows: sides[0], columns: sides[1])
    }
    var outcome = GoldenOutcome()
    for (index, entry) in (try golden.value("recipe.images").array ?? []).enumerated() {
        let grid = try grid(entry)
        guard let patch = entry["teacher_patch"]?.int else { throw GoldenError("an image without a teacher_patch") }
        let input = TeacherInput(height: grid.rows * patch, width: grid.columns * patch, from: student, to: teacher)
        outcome.values["act/teacher_input\(index)"] = GoldenValue(
            input(try golden.engineTensor("in/images\(index)"), engine: engine))
    }
    for (index, entry) in (try golden.value("recipe.positions").array ?? []).enumerated() {
        let (grid, table) = (try grid(entry), try golden.tensor("in/positions\(index)"))
        guard let side = entry["source_grid"]?.int, let width = table.shape.last else {
            throw GoldenError("a position table without a source_grid")
        }
        let resized = PositionTable.resized(
            table.floats(), width: width, from: PatchGrid(rows: side, columns: side), to: grid, prefix: 1)
        outcome.values["act/positions\(index)"] = GoldenValue(resized, [1, 1 + grid.count, width])
    }
    return outcome
}

private func alignmentSchedule(_ golden: GoldenCase) throws -> GoldenOutcome {
    let schedule = LearningRateSchedule(
        peak: try golden.number("recipe.learning_rate"), minimum: try golden.number("recipe.min_learning_rate"),
        epochs: try golden.number("recipe.epochs"), warmupEpochs: try golden.number("recipe.warmup_epochs"))
    let rates = try golden.tensor("in/epoch").doubles().map { schedule.rate(at: $0) }
    return GoldenOutcome(["act/lr": GoldenValue(rates, [rates.count])])
}

/// A file in a foreign layout, `state/*`, as it would be read: its canonical tensors, and what the teacher makes of images.
private func teacherImport(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let file = SafetensorsFile(golden.tensors(under: "state/"))
    var encoder = EncoderOptions()
    encoder.patchSize = try golden.patchSide("recipe.teacher.patch_size", of: images.shape)
    encoder.channels = images.shape[1]
    let grid = try golden.grid(of: encoder, images.shape)
    let imageNet = Normalization.imageNet
    let context = MethodContext(
        encoder: encoder, grid: grid, mean: imageNet.mean, deviation: imageNet.deviation, random: RandomStream(seed: 0))
    var reading = EncoderReading()
    reading.heads = try golden.integer("recipe.teacher.heads")
    reading.epsilon = try? golden.number("recipe.teacher.eps")
    reading.activation = (try? golden.value("recipe.teacher.activation"))?.string.flatMap(ActivationName.init)
    reading.classToken = (try? golden.value("recipe.teacher.class_token"))?.bool ?? true
    let loaded = try EncoderFile(file, path: golden.folder).load(on: grid, reading)
    let own = loaded.statistics.map { Normalization(mean: $0.mean, deviation: $0.deviation) }
    let teacher = try Teacher(
        loaded, normalization: try normalization(golden, "recipe.teacher") ?? own, path: golden.folder, context)
    let view = teacher.view(of: images, wantsImportance: true, engine: engine)

    var outcome = GoldenOutcome()
    for (block, tokens) in view.layers.enumerated() { outcome.values["act/block_\(block)"] = GoldenValue(tokens) }
    outcome.values["act/importance"] = GoldenValue(view.importance ?? [], [images.shape[0], grid.count])
    outcome.values["act/teacher_input"] = GoldenValue(view.input)
    let parameters = loaded.parameters
    let table = loaded.encoder.positionTable(parameters)
    outcome.values["act/positions"] = GoldenValue(table.reshaped([1, table.shape[0], table.shape[1]]))
    for (name, point) in [("reg_token", "registers"), ("blocks.0.attn.qkv.bias", "qkv_bias_0")] {
        outcome.values["act/\(point)"] = parameters[name].map { GoldenValue($0) }
    }
    return outcome
}
