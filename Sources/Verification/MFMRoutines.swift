import Autodiff
import Checkpoints
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Masked frequency modeling: whole training cases, and its transforms, masks, losses and degradations by themselves.
let mfmRoutines: [GoldenRoutine] = [
    GoldenRoutine(["mfm"], "model", frequencyModel),
    GoldenRoutine(["mfm"], "aux_fft", fourierTransforms),
    GoldenRoutine(["mfm"], "aux_masks", frequencyMasks),
    GoldenRoutine(["mfm"], "aux_corrupt", corruption),
    GoldenRoutine(["mfm"], "aux_loss", lossVariants),
    GoldenRoutine(["mfm"], "aux_loss_at_zero", lossAtZero),
    GoldenRoutine(["mfm"], "aux_blur", blurs),
    GoldenRoutine(["mfm"], "aux_noise", noises),
    GoldenRoutine(["mfm"], "aux_resize", resizing),
    GoldenRoutine(["mfm"], "aux_schedule", wholeRunCosine),
    GoldenRoutine(["mfm"], "aux_positions", relativePositions),
]

// MARK: - Models

private func frequencyModel(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let pictures = try golden.pictures()
    let encoder = try golden.encoder(for: MFMOptions.self)
    let options = try golden.section("recipe.method", as: MFMOptions.self, without: ["name"])
    try golden.refuse(options, encoder, try golden.grid(of: encoder, pictures.shape))
    var method = options.makeMethod(try context(golden, encoder, pictures.shape))
    try load("w/", of: golden, into: &method.parameters)
    let draws = MFM.Draws(try givenCorruption(golden, options, pictures))
    let plan: FrequencyPlan
    if case .frequencies(let mask) = draws.corruption { plan = .frequencies(mask) } else { plan = .nothing }
    let batch = Batch(images: try normalized(pictures, golden), samples: Array(0..<pictures.shape[0]))
    let names: TraceNames = [
        "encoder/": "act/", "encoder/input": "act/encoder_input", "encoder/output": "act/encoder",
    ]
    var outcome = try trainingTrace(golden, &method, engine, names: names) { method, _, request, tape in
        method.loss(batch, plan, draws, request, on: &tape)
    }
    outcome.nameEnds(depth: encoder.depth)
    return outcome
}

private func context(_ golden: GoldenCase, _ encoder: EncoderOptions, _ images: Shape) throws -> MethodContext {
    var context = MethodContext(
        encoder: encoder, grid: try golden.grid(of: encoder, images),
        mean: try numbers(golden, "recipe.data.mean", channels: images[1]),
        deviation: try numbers(golden, "recipe.data.std", channels: images[1]), random: RandomStream(seed: 0))
    context.parameterLimit = golden.parameterLimit
    return context
}

/// Pictures as a loader hands them out.
private func normalized(_ pictures: Tensor, _ golden: GoldenCase) throws -> Tensor {
    let (plane, channels) = (pictures.shape[2] * pictures.shape[3], pictures.shape[1])
    let mean = try numbers(golden, "recipe.data.mean", channels: channels)
    let deviation = try numbers(golden, "recipe.data.std", channels: channels)
    let values = pictures.array.enumerated().map { place, value in
        let channel = place / plane % channels
        return Float((Double(value) - mean[channel % mean.count]) / deviation[channel % deviation.count])
    }
    return Tensor(values, pictures.shape)
}

/// A number a channel, or one for all.
private func numbers(_ golden: GoldenCase, _ path: String, channels: Int) throws -> [Double] {
    let numbers = try golden.value(path).array?.compactMap(\.double) ?? []
    guard [1, channels].contains(numbers.count) else {
        throw GoldenError("\"\(path)\" has \(numbers.count) numbers for \(channels) channels")
    }
    return numbers
}

/// The corruption of a case, with the draws that it gives.
private func givenCorruption(
    _ golden: GoldenCase, _ options: MFMOptions, _ pictures: Tensor
) throws -> Corruption {
    switch options.pretext {
    case .mfm: .frequencies(try frequencyMask(golden))
    case .superResolution: .superResolution(options.sr)
    case .deblur: .blur(try blurKernels(golden))
    case .denoise: .noise(try pictureNoises(golden, pictures))
    }
}

private func frequencyMask(_ golden: GoldenCase) throws -> FrequencyMask {
    let strategy = try golden.section("recipe.mask", as: FrequencyMasking.self, without: ["strategy"])
    return FrequencyMask(
        radius: strategy.radius, outerRadius: strategy.radius2,
        lowPass: try golden.integers("draw/low_pass").map { $0 == 1 })
}

// MARK: - Transforms and masks

/// Names say the size: `in/x_7x9`.
private func fourierTransforms(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (size, _) in golden.tensors(under: "in/x_") {
        let stored = try golden.tensor("in/x_\(size)", axes: 3)
        let x = Tensor(stored)
        let (height, width) = (stored.shape[1], stored.shape[2])
        var tape = Tape(engine: engine, recording: false)
        func spectrum(_ order: FourierTransform.Order, isOrthonormal: Bool) -> GoldenValue {
            let transform = FourierTransform(
                height: height, width: width, order: order, isOrthonormal: isOrthonormal)
            let quadrants = transform.quadrants(tape.constant(x), on: &tape).value
            return GoldenValue(transform.spectrum(ofQuadrants: quadrants), stored.shape + [2])
        }
        outcome.values["act/fft_\(size)"] = spectrum(.natural, isOrthonormal: false)
        outcome.values["act/fft_ortho_\(size)"] = spectrum(.natural, isOrthonormal: true)
        outcome.values["act/shifted_ortho_\(size)"] = spectrum(.shifted, isOrthonormal: true)
        let values = x.array
        let rows = shiftedPlaces(height)
        let columns = shiftedPlaces(width)
        var shifted = values
        var back = values
        // G = x + i·x mirrored along the last axis, as the adjoint wants it.
        var spectra = [Float](repeating: 0, count: 4 * values.count)
        for image in 0..<stored.shape[0] {
            for row in 0..<height {
                for column in 0..<width {
                    let place = (image * height + row) * width + column
                    let source = (image * height + rows[row]) * width + columns[column]
                    shifted[place] = values[source]
                    back[source] = values[place]
                    let real = values[place]
                    let imaginary = values[place - column + width - 1 - column]
                    let top = (image * 2 * height + row) * 2 * width + column
                    let bottom = top + height * 2 * width
                    spectra[top] = real
                    spectra[top + width] = -imaginary
                    spectra[bottom] = -imaginary
                    spectra[bottom + width] = -real
                }
            }
        }
        outcome.values["act/shifted_\(size)"] = GoldenValue(shifted, stored.shape)
        outcome.values["act/ishifted_\(size)"] = GoldenValue(back, stored.shape)
        let g = Tensor(spectra, [stored.shape[0], 2 * height, 2 * width])
        let pictures = FourierTransform(height: height, width: width).pictures(tape.constant(g), on: &tape).value
        outcome.values["act/adjoint_\(size)"] = GoldenValue(pictures)
    }
    return outcome
}

/// The natural place of the frequency at each shifted place.
private func shiftedPlaces(_ length: Int) -> [Int] {
    FourierTransform.frequencies(length, .shifted).map { ($0 + length) % length }
}

/// Rows of `in/spec` are height, width, radius, outer radius.
private func frequencyMasks(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    let spec = try golden.integers("in/spec")
    var kept: [Int] = []
    for start in stride(from: 0, to: spec.count, by: 4) {
        let (height, width, radius, outer) = (spec[start], spec[start + 1], spec[start + 2], spec[start + 3])
        let keeps = FrequencyMask.lowPassKeeps(height: height, width: width, radius: radius, outerRadius: outer)
        outcome.values["act/low_\(height)x\(width)_\(radius)_\(outer)"] = GoldenValue(
            keeps.map { $0 ? 1 : 0 }, [height, width])
        kept.append(keeps.count { $0 })
    }
    outcome.values["act/kept"] = GoldenValue(kept, [kept.count])
    return outcome
}

private func corruption(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let pictures = try golden.pictures()
    let trace = ForwardTrace()
    let corrupted = Corruption.frequencies(try frequencyMask(golden)).applied(
        to: pictures, engine: engine, trace: trace)
    var outcome = GoldenOutcome([
        "act/corrupted": GoldenValue(corrupted), "act/input": GoldenValue(try normalized(corrupted, golden)),
        "act/target": GoldenValue(try normalized(pictures, golden)),
    ])
    outcome.record(trace)
    return outcome
}

// MARK: - Losses

private func lossVariants(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    let mask = FrequencyMask(
        radius: try CaseBounds.checked(maskRadius(golden), in: 0...998, "the radius"), outerRadius: 999,
        lowPass: try golden.integers("draw/low_pass").map { $0 == 1 })
    for (index, variant) in (try golden.value("recipe.variants").array ?? []).enumerated() {
        let options = try golden.lossOptions(variant, at: "recipe.variants[\(index)]")
        let removed = variant["target"]?.string == "masked" ? mask : nil
        try record("v\(index)", options, removed, golden, engine, gradient: "grad/pred_v\(index)", &outcome)
    }
    return outcome
}

/// The radius of the masks: in the recipe, or the number that the case's words name.
private func maskRadius(_ golden: GoldenCase) -> Int {
    if let radius = golden.json["recipe"]?["mask"]?["radius"]?.int { return radius }
    let words = (golden.json["what"]?.string ?? "").split(separator: "radius ").last ?? ""
    return min(Int(words.prefix { $0.isNumber }) ?? 3, 998)
}

private func lossAtZero(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    var weighted = FrequencyLossOptions()
    weighted.withMatrix = true
    for (name, options) in [("plain", FrequencyLossOptions()), ("with_matrix", weighted)] {
        try record(name, options, nil, golden, engine, gradient: "grad/\(name)", &outcome)
    }
    return outcome
}

extension GoldenCase {
    /// The loss of a variant, decoded as a recipe's section would be; its `target` is not part of that section.
    fileprivate func lossOptions(_ variant: JSONValue, at path: String) throws -> FrequencyLossOptions {
        var variant = variant
        variant.kind = .object((variant.members ?? []).filter { $0.name != "target" })
        var problems: [Problem] = []
        guard let options = FrequencyLossOptions.decode(variant, at: path, &problems) else {
            throw GoldenError("\(Problems(problems))")
        }
        return options
    }
}

/// Loss, elements and gradient by the prediction.
private func record(
    _ name: String, _ options: FrequencyLossOptions, _ removed: FrequencyMask?, _ golden: GoldenCase, _ engine: Engine,
    gradient: String, _ outcome: inout GoldenOutcome
) throws {
    let prediction = try golden.engineTensor("in/pred", axes: 4)
    let target = try golden.engineTensor("in/target", axes: 4)
    try CaseBounds.require(
        target.shape == prediction.shape && (removed.map { $0.lowPass.count == target.shape[0] } ?? true),
        "\"in/pred\", \"in/target\" and \"draw/low_pass\" do not fit together")
    let tiles = options.patchFactor
    try CaseBounds.require(
        prediction.shape[2] % tiles == 0 && prediction.shape[3] % tiles == 0 && (removed == nil || tiles == 1),
        "pictures of \(prediction.shape) do not divide into \(tiles) tiles, or a mask meets tiles")
    var store = ParameterStore()
    let id = store.add("prediction", prediction.shape, prediction.array)
    var tape = Tape(engine: engine)
    let (loss, map) = FrequencyLoss(options: options)(
        tape.parameter(id, of: store), target: target, removed: removed, on: &tape)
    outcome.values["loss/\(name)"] = GoldenValue(loss.value)
    outcome.values["act/map_\(name)"] = GoldenValue(map)
    outcome.values[gradient] = GoldenValue(tape.gradients(of: loss, for: store)[id])
}

// MARK: - Degradations

private func blurKernels(_ golden: GoldenCase) throws -> [BlurKernel] {
    func numbers(_ name: String) throws -> [Double] { try golden.tensor("draw/\(name)").doubles() }
    let (sigmaX, sigmaY) = (try numbers("sigma_x"), try numbers("sigma_y"))
    let (theta, beta, omega) = (try numbers("theta"), try numbers("beta"), try numbers("omega"))
    let sizes = try golden.integers("draw/kernel_size")
    let kinds = try golden.integers("draw/kernel_kind")
    let counts = [sigmaX, sigmaY, theta, beta, omega].map(\.count) + [sizes.count]
    try CaseBounds.require(
        counts.allSatisfy { $0 == kinds.count } && sizes.allSatisfy { (1...99).contains($0) && $0 % 2 == 1 },
        "the draws of the blurs do not fit together, or a size is not odd")
    return try kinds.enumerated().map { image, kind in
        guard BlurKind.allCases.indices.contains(kind) else { throw GoldenError("there is no blur number \(kind)") }
        return BlurKernel(
            kind: BlurKind.allCases[kind], size: sizes[image], sigma: (sigmaX[image], sigmaY[image]),
            theta: theta[image], beta: beta[image], omega: omega[image])
    }
}

private func blurs(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let trace = ForwardTrace()
    let blurred = Corruption.blur(try blurKernels(golden)).applied(
        to: try golden.engineTensor("in/images"), engine: engine, trace: trace)
    var outcome = GoldenOutcome(["act/blurred": GoldenValue(blurred)])
    outcome.record(trace)
    return outcome
}

private func pictureNoises(_ golden: GoldenCase, _ pictures: Tensor) throws -> [PictureNoise] {
    let strengths = try golden.tensor("draw/strength").doubles()
    let grays = try golden.integers("draw/gray")
    let size = pictures.count / pictures.shape[0]
    let kinds = try golden.integers("draw/noise_kind")
    try CaseBounds.require(
        kinds.count == pictures.shape[0] && strengths.count == kinds.count && grays.count == kinds.count,
        "the draws of the noise are not one a picture")
    return try kinds.enumerated().map { image, kind in
        let values = try golden.tensor(kind == 0 ? "draw/normal" : "draw/counts").floats()
        try CaseBounds.require(values.count == pictures.count, "a noise of \(values.count) numbers")
        return PictureNoise(
            kind: kind == 0 ? .gaussian : .poisson, strength: strengths[image], isGray: grays[image] == 1,
            values: Array(values[image * size..<(image + 1) * size]))
    }
}

private func noises(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let pictures = try golden.pictures()
    let noises = try pictureNoises(golden, pictures)
    let noisy = Corruption.noise(noises).applied(to: pictures, engine: engine)
    let size = pictures.count / pictures.shape[0]
    var levels: [Int] = []
    var bases: [Double] = []
    pictures.withUnsafeBuffer { all in
        for (image, noise) in noises.enumerated() {
            let picture = UnsafeBufferPointer(rebasing: all[image * size..<(image + 1) * size])
            let base = PictureNoise.PoissonBase(picture, channels: pictures.shape[1], isGray: noise.isGray)
            levels.append(base.levels)
            for _ in 0..<size / base.bytes.count { bases += base.bytes.map { Double($0) / 255 } }
        }
    }
    return GoldenOutcome([
        "act/noisy": GoldenValue(noisy), "act/levels": GoldenValue(levels, [levels.count]),
        "act/base": GoldenValue(bases, Array(pictures.shape)),
    ])
}

/// Items are height, width, factor, interpolation.
private func resizing(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for (index, item) in (try golden.value("recipe.items").array ?? []).enumerated() {
        guard let parts = item.array, parts.count == 4, let factor = parts[2].int,
            let interpolation = parts[3].string.flatMap({ Interpolation(rawValue: $0) })
        else { throw GoldenError("item \(index) does not say height, width, factor and interpolation") }
        var options = SuperResolutionOptions()
        options.factor = factor
        options.interpolation = interpolation
        let trace = ForwardTrace()
        let up = Corruption.superResolution(options).applied(
            to: try golden.engineTensor("in/x\(index)"), engine: engine, trace: trace)
        outcome.values["act/up\(index)"] = GoldenValue(up)
        outcome.values["act/small\(index)"] = trace.points["small"].map { GoldenValue($0) }
    }
    return outcome
}

// MARK: - Schedule and positions

private func wholeRunCosine(_ golden: GoldenCase) throws -> GoldenOutcome {
    let total = Double(try golden.integer("recipe.total_updates", in: 1...1 << 40))
    let schedule = WholeRunCosine(
        peak: try golden.number("recipe.base"), minimum: try golden.number("recipe.minimum"),
        warmupStart: try golden.number("recipe.warmup_learning_rate"),
        warmupEpochs: Double(try golden.integer("recipe.warmup_updates")), RunLength(stepsPerEpoch: 1, epochs: total))
    let updates = try golden.integers("in/update")
    return GoldenOutcome([
        // A step uses the rate of the update before it.
        "act/lr_at_update": GoldenValue(updates.map { schedule.value(at: $0 + 1) }, [updates.count]),
        "act/lr_used_by_step": GoldenValue(updates.map { schedule.value(at: $0) }, [updates.count]),
    ])
}

/// Rows of `in/grids` are patch rows and columns.
private func relativePositions(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    let grids = try golden.integers("in/grids")
    for start in stride(from: 0, to: grids.count, by: 2) {
        let grid = PatchGrid(rows: grids[start], columns: grids[start + 1])
        let tokens = grid.count + 1
        let positions = RelativePositions(.shared, grid: grid, hasClassToken: true)
        outcome.values["act/index_\(grid)"] = GoldenValue(positions?.index ?? [], [tokens, tokens])
        let width = try golden.tensor("act/sincos_\(grid)").shape[2]
        let table = PositionTable.sincos(grid: grid, width: width, order: .columnFirst, prefix: 1)
        outcome.values["act/sincos_\(grid)"] = GoldenValue(table, [1, tokens, width])
    }
    return outcome
}
