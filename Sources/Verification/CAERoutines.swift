import Autodiff
import Checkpoints
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// CAE: whole training cases, tokens, initial values, tables.
let caeRoutines: [GoldenRoutine] = [
    GoldenRoutine(["cae"], "model", contextAutoencoder),
    GoldenRoutine(["cae"], "aux-attentive-head", attentiveHead),
    GoldenRoutine(["cae"], "aux-codebook-tokens", codebookTokens),
    GoldenRoutine(["cae"], "aux-token-file", tokenFile),
    GoldenRoutine(["cae"], "aux-init", caeInitialValues),
    GoldenRoutine(["cae"], "aux-tables", caeTables),
]

/// Forward values, losses, gradients and clipped optimiser steps.
private func contextAutoencoder(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let options = try golden.section("recipe.method", as: CAEOptions.self, without: ["name"])
    let model = try golden.encoder(for: CAEOptions.self)
    // A case gives the targets themselves.
    var sourced = options
    if options.targets == .tokens { sourced.tokens = TokenSource() }
    if options.targets == .teacher { sourced.teacher = TeacherSource() }
    let context = try golden.context(sourced, model, images.shape)
    let grid = context.grid
    let target = try givenTarget(golden, options, patches: images.shape[0] * grid.count)
    var method = CAE(options, context, given: target)
    try load("w/", of: golden, into: &method.parameters)
    let mask = try givenMask(golden, grid, images: images.shape[0])
    let count = images.shape[0]
    let uniforms = Dictionary(
        uniqueKeysWithValues: golden.tensors(under: "draw/drop_path/").map { ($0.name, $0.tensor.floats()) })
    for part in uniforms.keys where !["encoder", "alignment", "regressor", "decoder"].contains(part) {
        throw GoldenError("draws for \"\(part)\", which is no part of CAE")
    }
    let depths = ["encoder": model.depth, "alignment": model.depth]
    for (part, uniform) in uniforms {
        let depth = depths[part] ?? (part == "regressor" ? options.regressorDepth : options.effectiveDecoderDepth)
        try CaseBounds.require(
            uniform.count >= 2 * depth * count, "draw/drop_path/\(part) has fewer than \(2 * depth * count) draws")
    }
    if model.dropPath > 0 && uniforms.isEmpty { throw GoldenError("drop_path \(model.dropPath) without draws") }
    let draws = CAE.Draws(options, encoderDepth: model.depth) { part, depth in
        uniforms[part].map { uniform in
            DropPath.factors(rate: model.dropPath, depth: depth, images: count) { block, branch, image in
                uniform[(2 * block + branch) * count + image]
            }
        }
    }
    let batch = Batch(images: images, samples: Array(0..<count))
    let names: TraceNames = [
        "encoder/": "act/encoder_", "encoder/output": "act/encoder", "encoder/pos_embed": "act/pos_embed",
        "encoder/patch_embed": "act/patch_embed", "regressor/": "act/regressor_", "regressor/output": "act/regressor",
        "loss/": "loss/",
    ]
    var outcome = try trainingTrace(golden, &method, engine, names: names) { method, _, request, tape in
        try method.loss(batch, mask, draws, request, on: &tape)
    }
    if let norm = outcome.values["trace/grad_norm"]?.numbers.first {
        outcome.values["grad_norm"] = GoldenValue([norm], [])
    }
    if let wanted = golden.tensors["act/mask"]?.integers() {
        outcome.check("act/mask", wanted == mask.hiddenFlags.array.map { Int($0) })
    }
    return outcome
}

/// The mask of the case's draws.
private func givenMask(_ golden: GoldenCase, _ grid: PatchGrid, images: Int) throws -> PatchMask {
    switch try golden.value("recipe.mask.strategy").string {
    case BlockMasking.name:
        let strategy = try golden.section("recipe.mask", as: BlockMasking.self, without: ["strategy"])
        let hidden = try drawnBlocks(golden, "draw/block", strategy, grid).map(\.hidden)
        return PatchMask(grid: grid, hidden: hidden)
    case RandomMasking.name:
        let strategy = try golden.section("recipe.mask", as: RandomMasking.self, without: ["strategy"])
        // These cases round the hidden patches of a ratio down; the strategy, as MAE does, the visible ones.
        let hidden = strategy.numMasked ?? Int(strategy.ratio * Double(grid.count))
        return PatchMask(
            grid: grid, scores: try golden.scores("draw/noise", on: grid, pictures: images), keepingHighest: false,
            visibleCount: try CaseBounds.checked(grid.count - hidden, in: 0...grid.count, "visible patches"))
    case let name: throw GoldenError("no masks of the strategy \"\(name ?? "")\" in CAE's cases")
    }
}

private func givenTarget(_ golden: GoldenCase, _ options: CAEOptions, patches: Int) throws -> CAETarget {
    switch options.targets {
    case .pixels: return .pixels
    case .tokens:
        return .tokens(try golden.labels("in/tokens", classes: options.vocabulary ?? 0, count: patches))
    case .teacher:
        let features = try golden.engineTensor("in/features", axes: 3)
        try CaseBounds.require(
            features.shape[2] == options.teacherWidth && features.shape[0] * features.shape[1] >= patches,
            "\"in/features\" of shape \(features.shape) for \(patches) patches")
        return .features(features)
    }
}

/// Normalised patches, and the nearest row of the codebook to each.
private func codebookTokens(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let images = try golden.pictures()
    let side = try golden.patchSide("recipe.model.patch_size", of: images.shape)
    let patches = PixelTarget(patchSize: side, isNormalized: true)(of: images, engine: engine)
    let rows = try golden.engineTensor("in/codebook", axes: 2)
    try CaseBounds.require(
        rows.shape[1] == patches.shape.columns, "a codebook of \(rows.shape) for patches of \(patches.shape)")
    let codebook = PatchCodebook(rows)
    var outcome = GoldenOutcome([
        "act/patches": GoldenValue(patches),
        "out/tokens": GoldenValue(
            codebook.tokens(of: patches, engine: engine),
            [images.shape[0], images.shape[2] / side, images.shape[3] / side]),
    ])
    if let vocabulary = golden.json["recipe"]?["method"]?["vocabulary"]?.int {
        outcome.check("rows of the codebook", codebook.count == vocabulary)
    }
    return outcome
}

/// The case's file is read as it is, turned round for mirrored pictures, and refused once something in it is wrong.
private func tokenFile(_ golden: GoldenCase) throws -> GoldenOutcome {
    let original = golden.tensors
    let file = try TokenFile(original, path: "tokens.safetensors")
    var outcome = GoldenOutcome()
    let expected = try golden.value("tokens").members ?? []
    outcome.check("keys", Set(file.keys) == Set(expected.map(\.name)) && !expected.isEmpty)
    for member in expected {
        let rows = (member.value.array ?? []).map { $0.array?.compactMap(\.int) ?? [] }
        outcome.check(
            "grid of \(member.name)",
            rows.count == file.grid.rows && rows.allSatisfy { $0.count == file.grid.columns })
        let straight = try file.tokens(of: member.name, mirrored: false)
        outcome.check("tokens of \(member.name)", straight == rows.flatMap { $0 })
        let mirrored = try file.tokens(of: member.name, mirrored: true)
        outcome.check("mirrored tokens of \(member.name)", mirrored == rows.flatMap { $0.reversed() })
    }
    for member in try golden.value("metadata").members ?? [] {
        outcome.check("metadata \(member.name)", original.metadata[member.name] == member.value.string)
    }
    outcome.check("vocabulary", String(file.vocabulary) == original.metadata["vocabulary"])

    func refuses(_ fault: String, naming key: String, _ attempt: () throws -> Void) {
        do {
            try attempt()
            outcome.check(fault, false)
        } catch { outcome.check(fault, "\(error)".contains(key)) }
    }
    refuses("a missing key is an error", naming: "no such picture") {
        _ = try file.tokens(of: "no such picture", mirrored: false)
    }
    guard let key = file.keys.first else { throw GoldenError("the case's file has no tokens") }
    let cells = file.grid.count
    for (fault, tensor) in [
        ("a wrong shape is an error", StoredTensor([Int32](repeating: 0, count: cells + 1))),
        (
            "a value above the vocabulary is an error",
            StoredTensor(
                [Int32](repeating: Int32(file.vocabulary), count: cells), shape: [file.grid.rows, file.grid.columns])
        ),
        (
            "a negative value is an error",
            StoredTensor([Int32](repeating: -1, count: cells), shape: [file.grid.rows, file.grid.columns])
        ),
    ] {
        var wrong = original
        wrong[key] = tensor
        refuses(fault, naming: key) { _ = try TokenFile(wrong, path: "tokens.safetensors") }
    }
    for name in ["format", "version", "vocabulary", "grid"] {
        var wrong = original
        wrong.metadata[name] = nil
        refuses("a file without \(name) is refused", naming: name) {
            _ = try TokenFile(wrong, path: "tokens.safetensors")
        }
    }
    return outcome
}

/// The constants of both kinds of initial values; and the values of a network have them.
private func caeInitialValues(_ golden: GoldenCase) throws -> GoldenOutcome {
    let width = try golden.integer("recipe.model.width", in: 4...512)
    let hidden = Int(Double(width) * (try golden.number("recipe.model.mlp_ratio", in: 0.1...16)))
    let depth = try golden.tensor("out/rescale").count
    // The deviation of a normal number that was drawn anew while outside ±1: 1 − 2φ(1)/(2Φ(1) − 1), under the root.
    let ratio = (1 - 2 * 0.241970724519143365 / 0.682689492137085897).squareRoot()
    let bounds = [(3 * width, width), (width, width), (hidden, width), (width, hidden)]
        .map { (6 / Double($0.0 + $0.1)).squareRoot() }
    var outcome = GoldenOutcome([
        "out/trunc_std_ratio": GoldenValue([ratio], []),
        "out/rescale": GoldenValue((0..<depth).map { 1 / Initialization.beit.branchDivisor($0) }, [depth]),
        "out/xavier_bound": GoldenValue(bounds, [bounds.count]),
    ])
    let sigma = try golden.number("recipe.model.init_std")
    var model = EncoderOptions()
    model.width = width
    model.mlpRatio = try golden.number("recipe.model.mlp_ratio")
    model.depth = 2
    model.heads = 4
    model.qkvBias = .noKey
    if let fault = model.headsFault ?? model.check().first { throw GoldenError(fault) }
    for kind in CAEOptions.Init.allCases {
        var options = CAEOptions()
        options.initialization = kind
        options.regressorDepth = 2
        options.decoderDepth = 2
        let parameters = CAE(
            options, MethodContext(encoder: model, grid: PatchGrid(rows: 4, columns: 4), random: RandomStream(seed: 9)),
            given: .pixels
        ).parameters
        for entry in parameters.entries where entry.shape.rank >= 2 {
            let values = (parameters[entry.name]?.array ?? []).map { Double($0) }
            let isLinear = entry.shape.rank == 2
            let (outputs, inputs) = (entry.shape[0], entry.shape.elementCount / entry.shape[0])
            var bound = sigma
            if isLinear && kind == .xavier { bound = (6 / Double(inputs + outputs)).squareRoot() }
            // Block 1, by the published count from 1, is divided by √4.
            let parts = entry.name.split(separator: ".")
            let ends = [".proj.weight", ".fc2.weight"].contains { entry.name.hasSuffix($0) }
            if kind == .rescaled && ends, let block = parts.compactMap({ Int($0) }).first {
                bound /= Double(2 * (block + 1)).squareRoot()
            }
            let largest = values.reduce(0) { max($0, abs($1)) }
            let square = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
            let law = isLinear && kind == .xavier ? 1 / 3.0 : ratio * ratio
            let name = "\(kind.rawValue) \(entry.name)"
            outcome.check("bound of \(name)", largest <= bound * 1.000001)
            // The fourth moment of either law is below 0.2 of the bound's: 5 standard errors of the mean square.
            outcome.check(
                "mean square of \(name)", error: abs(square / (bound * bound) - law),
                within: 5 * (0.2 / Double(values.count)).squareRoot())
        }
        for entry in parameters.entries where entry.shape.rank == 1 {
            let wanted: Float = entry.name.contains("gamma") ? 0.1 : entry.name.hasSuffix(".weight") ? 1 : 0
            let isScaled = entry.name.hasPrefix("encoder.") && entry.name.contains("gamma")
            if isScaled { continue }
            outcome.check(
                "\(kind.rawValue) \(entry.name)", parameters[entry.name]?.array.allSatisfy { $0 == wanted } ?? false)
        }
    }
    return outcome
}
