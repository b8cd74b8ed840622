public import Autodiff
public import ImageMasking
public import RandomStreams
import TrainingStep
public import VisionTransformers

/// The context autoencoder: predict, in the encoder's own space, what it would say of hidden patches, and decode that.
///
/// Chen et al., *Context Autoencoder for Self-Supervised Representation Learning*, arXiv 2202.03026. The encoder sees visible
/// patches; a regressor predicts the representations of hidden ones, aligned with what the encoder says when shown those; a
/// small decoder turns them into tokens or pixels:
///
///     L = L_main + align_weight · mean (r − a)²
///
/// With a teacher it is CAE v2 (Zhang et al., arXiv 2211.09799): no decoder, no alignment; one head compares class token,
/// visible and hidden patches with what a frozen encoder says of them.
public struct CAE: PretrainingMethod {
    /// Encoder, mask token, regressor, decoder.
    public var parameters: ParameterStore
    /// The encoder.
    public let encoder: Encoder
    let options: CAEOptions
    private let adapter: (linear: LinearParameters, norm: NormParameters)?
    private let maskToken: ParameterID
    private let regressor: CAERegressor
    private let decoder: TransformerStack
    private let norm: NormParameters
    private let head: LinearParameters
    private let width: Int
    /// Positions of patches for regressor and decoder, `[N, E]`.
    private let positions: Tensor
    let pixels: PixelTarget
    private let source: CAETargetSource

    /// Stochastic depth of each part in one step.
    public struct Draws: Sendable {
        /// Of the encoder on visible patches.
        public var encoder: PathDraws
        /// Of the encoder on hidden patches, drawn for itself.
        public var alignment: PathDraws
        /// Of the regressor.
        public var regressor: PathDraws
        /// Of the decoder.
        public var decoder: PathDraws

        /// Factors of each part, as `factors` gives them for its name and number of blocks.
        public init(_ options: CAEOptions, encoderDepth: Int, factors: (String, Int) -> PathDraws) {
            encoder = factors("encoder", encoderDepth)
            alignment = factors("alignment", encoderDepth)
            regressor = factors("regressor", options.regressorDepth)
            decoder = factors("decoder", options.effectiveDecoderDepth)
        }
    }

    /// The network with initial weights; `vocabulary` or `teacherWidth` must be given where targets need them.
    ///
    /// Every batch has the same targets: for golden cases and tests. `CAEOptions.makeMethod` opens those of a recipe.
    package init(_ options: CAEOptions, _ context: MethodContext, given target: CAETarget) {
        self.init(options, context, targets: .given(target))
    }

    init(_ options: CAEOptions, _ context: MethodContext, targets source: CAETargetSource) {
        var store = ParameterStore(limit: context.parameterLimit)
        let random = context.random
        let traits = options.encoderTraits
        let initialization = traits.initialization
        let model = context.encoder
        encoder = Encoder(model, grid: context.grid, traits: traits, adding: &store, random: random)
        let width = options.regressorWidth ?? model.width
        adapter =
            width == model.width
            ? nil
            : (
                LinearParameters(
                    "encoder_to_regresser", model.width, width, weight: initialization.linear, &store, random),
                NormParameters("encoder_to_regresser_norm", width, &store)
            )
        maskToken = store.add(
            "mask_token", [1, 1, width],
            initialization.tokens.values(width, inputs: 1, outputs: width, random.child("mask_token")))
        var blocks = model.blocks(width: width, heads: options.decoderHeads ?? model.heads)
        blocks.layerScale = options.decoderLayerScale
        regressor = CAERegressor(
            depth: options.regressorDepth, blocks, hasNorm: options.targets != .teacher,
            initialization: initialization, adding: &store, random: random)
        decoder = TransformerStack(
            "decoder_blocks", of: "decoder.", depth: options.effectiveDecoderDepth, blocks,
            initialization: initialization, adding: &store, random: random)
        norm = NormParameters("decoder.norm", width, &store)
        let outputs: Int? =
            switch options.targets {
            case .tokens: options.vocabulary
            case .teacher: options.teacherWidth
            case .pixels: model.channels * model.patchSize * model.patchSize
            }
        guard let outputs else { preconditionFailure("a head of unknown width for targets \(options.targets)") }
        head = LinearParameters("decoder.head", width, outputs, weight: initialization.linear, &store, random)
        positions = Tensor(
            PositionTable.sincos(grid: context.grid, width: width, order: model.positionOrder, prefix: 0),
            [context.grid.count, width])
        pixels = PixelTarget(patchSize: model.patchSize, isNormalized: options.normPixLoss)
        parameters = store
        self.width = width
        self.options = options
        self.source = source
    }

    /// What was taken of the teacher's file, if its targets come from one.
    public var notes: [String] {
        if case .encoder(let teacher) = source { [teacher.note] } else { [] }
    }

    /// The digest of what its targets come from: another codebook or teacher would be another run.
    public var origins: [String: String] {
        switch source {
        case .pixels, .given: [:]
        case .codebook(let codebook, _): ["codebook_sha256": codebook.digest]
        case .tokens(let file): ["tokens_sha256": file.digest]
        case .encoder(let teacher): ["teacher_sha256": teacher.digest]
        case .features(let file): ["teacher_features_sha256": file.digest]
        }
    }

    /// Draws of each part for itself.
    public func draws(for batch: Batch, _ mask: PatchMask, random: RandomStream) -> Draws {
        let streams = batch.streams(random.child("drop_path"))
        return Draws(options, encoderDepth: encoder.options.depth) { part, depth in
            DropPath.drawn(
                rate: encoder.options.dropPath, depth: depth, streams: streams.map { $0.child(part) })
        }
    }

    /// The loss of a batch against the targets that the options name.
    public func loss(
        _ batch: Batch, _ mask: PatchMask, _ draws: Draws, _ request: StepRequest, on tape: inout Tape
    ) throws -> StepResult {
        let target = try source.target(of: batch, grid: encoder.grid, engine: tape.engine)
        let (images, mask, trace) = (batch.images, mask.inRasterOrder, request.trace)
        var shown: [ShownImages] = []
        let encoded = encoder(
            images, seeing: .visible(mask.visibleRows), parameters, drop: draws.encoder, on: &tape,
            trace: trace?.scope("encoder"))
        let z = adapted(encoded.normed, &tape)
        let table = tape.constant(positions)
        let places = (
            visible: tape.gatherRows(table, mask.visibleRows), hidden: tape.gatherRows(table, mask.hiddenRows)
        )
        let visible = tape.sliceRows(z, encoder.prefix..<encoder.prefix + mask.visibleCount)
        let predicted = regressor(
            queries(mask, &tape), visible: visible, positions: places, parameters, drop: draws.regressor, on: &tape,
            trace: trace?.scope("regressor"))
        trace?.record("regressor/pos_embed", positions)
        trace?.record("mask", mask.hiddenFlags)
        if case .features(let features) = target {
            let all = prediction(tape.concatRows([z, predicted]), &tape)
            trace?.record("prediction", all.value)
            let (loss, constant) = try teacherLoss(
                all, mask, features, on: &tape, trace: trace, wantsConstantLoss: request.wantsConstantLoss)
            return StepResult(
                loss: tape.scale(loss, by: Float(options.teacherWeight)),
                constantLoss: constant.map { $0 * options.teacherWeight })
        }
        let decoded = decoder(tape.add(predicted, places.hidden), parameters, drop: draws.decoder, on: &tape).tokens
        let output = prediction(decoded, &tape)
        trace?.record("prediction", output.value)
        var indicators: [(name: String, value: Double)] = []
        var constant: Double?
        let main: Variable
        if case .tokens(let tokens) = target {
            let labels = hiddenTokens(tokens, mask)
            main = tape.crossEntropy(output, labels: labels)
            if request.wantsConstantLoss {
                constant = constantLoss(ofLabels: labels)
                indicators.append(("token_accuracy", accuracy(of: output.value, labels)))
            }
        } else {
            let wanted = pixels(of: images, rows: mask.hiddenRows, engine: tape.engine)
            trace?.record("target", wanted)
            main = tape.meanSquared(output, target: wanted)
            if request.wantsConstantLoss { constant = bestConstantError(of: wanted) }
            if request.wantsImages { shown = self.shown(output.value, mask, of: images, engine: tape.engine) }
        }
        trace?.record("loss/main", main.value)
        guard options.alignWeight > 0 || trace != nil else {
            var result = StepResult(loss: main, constantLoss: constant)
            result.indicators = indicators
            result.shown = shown
            return result
        }
        let aligned = alignmentTarget(images, mask, draws.alignment, tape.engine)
        let distance = tape.meanSquared(predicted, target: aligned)
        if let trace {
            trace.record("alignment_target", aligned)
            trace.record("loss/align", distance.value)
        }
        if request.wantsConstantLoss {
            let align = Double(distance.value.item)
            let constantAlign = bestConstantError(of: aligned)
            constant = constant.map { $0 + options.alignWeight * constantAlign }
            indicators += [
                ("main_loss", Double(main.value.item)), ("align_loss", align),
                ("align_ratio", align / max(constantAlign, .leastNormalMagnitude)),
            ]
        }
        var result = StepResult(
            loss: tape.add(main, tape.scale(distance, by: Float(options.alignWeight))), constantLoss: constant)
        result.indicators = indicators
        result.shown = shown
        return result
    }

    /// The decoder's predictions for hidden patches `[B, M, P]` beside the true visible ones.
    private func shown(_ predicted: Tensor, _ mask: PatchMask, of images: Tensor, engine: Engine) -> [ShownImages] {
        var tape = Tape(engine: engine, recording: false)
        let seen = tape.constant(pixels(of: images, rows: mask.visibleRows, engine: engine))
        let rows = tape.concatRows([seen, tape.constant(predicted)])
        return Array(
            pixels.shown(tape.gatherRows(rows, mask.restoreRows).value, mask, of: images, engine: engine).dropFirst())
    }

    /// What the encoder says of hidden patches when it is shown those, `[B, M, E]`: the same weights, no gradient.
    private func alignmentTarget(
        _ images: Tensor, _ mask: PatchMask, _ drop: PathDraws, _ engine: Engine
    ) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let rows = mask.hiddenRows
        let tokens = encoder(images, seeing: .visible(rows), parameters, drop: drop, on: &tape).normed
        return tape.sliceRows(adapted(tokens, &tape), encoder.prefix..<encoder.prefix + rows.count).value
    }

    /// Tokens of the encoder in the regressor's width.
    private func adapted(_ tokens: Variable, _ tape: inout Tape) -> Variable {
        guard let adapter else { return tokens }
        return adapter.norm(adapter.linear(tokens, parameters, &tape), parameters, &tape)
    }

    /// The mask token once for each hidden patch, `[B, M, E]`.
    private func queries(_ mask: PatchMask, _ tape: inout Tape) -> Variable {
        let count = mask.grid.count - mask.visibleCount
        let zeros = [Int32](repeating: 0, count: mask.imageCount * count)
        let token = tape.parameter(maskToken, of: parameters).reshaped([1, width])
        return tape.gatherRows(token, RowIndices(zeros, batch: mask.imageCount, count: count))
    }

    private func prediction(_ tokens: Variable, _ tape: inout Tape) -> Variable {
        head(norm(tokens, parameters, &tape), parameters, &tape)
    }

    /// The mean distance of predictions `[B, 1 + N, C]`, class token, visible, hidden, to the supervised parts of a teacher's
    /// `[B, N or 1 + N, C]`, class token first if there is one, then patches in raster order.
    private func teacherLoss(
        _ predicted: Variable, _ mask: PatchMask, _ features: Tensor, on tape: inout Tape, trace: ForwardTrace?,
        wantsConstantLoss: Bool
    ) throws -> (loss: Variable, constant: Double?) {
        let (patches, visible) = (mask.grid.count, mask.visibleCount)
        let prefix = features.shape[1] - patches
        guard features.shape.rank == 3, features.shape[0] == mask.imageCount, prefix == 0 || prefix == 1,
            features.shape[2] == predicted.shape[2]
        else { preconditionFailure("features of shape \(features.shape) for predictions of \(predicted.shape)") }
        let parts = options.supervise ?? (prefix == 1 ? CAEOptions.Part.allCases : [.visible, .masked])
        if parts.contains(.classToken) && prefix == 0 {
            throw MethodError.unusableBatch(
                method: CAEOptions.name,
                reason: "method.supervise names \"cls\", and the teacher has no class token; remove it")
        }
        var quiet = Tape(engine: tape.engine, recording: false)
        let all = quiet.constant(features)
        let rows = quiet.sliceRows(all, prefix..<prefix + patches)
        var ours: [Variable] = []
        var theirs: [Variable] = []
        // In one order, whatever the recipe's.
        for part in CAEOptions.Part.allCases where parts.contains(part) {
            switch part {
            case .classToken:
                ours.append(tape.sliceRows(predicted, 0..<1))
                theirs.append(quiet.sliceRows(all, 0..<1))
            case .visible:
                ours.append(tape.sliceRows(predicted, 1..<1 + visible))
                theirs.append(quiet.gatherRows(rows, mask.visibleRows))
            case .masked:
                ours.append(tape.sliceRows(predicted, 1 + visible..<1 + patches))
                theirs.append(quiet.gatherRows(rows, mask.hiddenRows))
            }
        }
        let prediction = ours.count == 1 ? ours[0] : tape.concatRows(ours)
        var target = theirs.count == 1 ? theirs[0] : quiet.concatRows(theirs)
        if options.teacherLoss == .smoothL1 { target = quiet.layerNorm(target, epsilon: 1e-6) }
        trace?.record("teacher_target", target.value)
        let isCosine = options.teacherLoss == .cosine
        func distance(_ predicted: Variable, _ target: Tensor, _ tape: inout Tape) -> Variable {
            isCosine
                ? tape.cosine(predicted, target: target)
                : tape.smoothL1(predicted, target: target, beta: Float(options.smoothL1Beta))
        }
        let constant =
            wantsConstantLoss
            ? constantLoss(of: target.value, normalizing: isCosine, engine: tape.engine, distance) : nil
        return (distance(prediction, target.value, &tape), constant)
    }
}
