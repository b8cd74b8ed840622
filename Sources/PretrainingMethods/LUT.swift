public import Autodiff
import Foundation
public import ImageData
public import ImageMasking
import Optimizers
public import RandomStreams
public import RecipeSchema
public import TrainingStep
public import VisionTransformers

/// The options of LUT.
public struct LUTOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "lut"
    /// What others call it.
    public static let otherNames = [
        "learningwithunmaskedtokens": #""lut""#, "learningwithunmaskedtokensdrivesstrongervisionlearners": #""lut""#,
    ]

    /// Token width of the decoder.
    public var decoderWidth = 512
    /// Transformer blocks of the decoder.
    public var decoderDepth = 8
    /// Attention heads of the decoder.
    public var decoderHeads = 16
    /// Whether each patch of the target is normalised by its own mean and deviation.
    public var normPixLoss = true
    /// Linear layers of the projector.
    public var headDepth = 2
    /// Linear layers of the predictor.
    public var predictorDepth = 2
    /// Width between the layers of projector and predictor.
    public var headHidden = 4096
    /// The norm in projector and predictor.
    public var headNorm: HeadNorm? = .batch
    /// The activation in projector and predictor.
    public var headActivation = HeadActivation.relu
    /// What the reconstruction loss is multiplied with.
    public var maeWeight = 1.0
    /// What the context loss is multiplied with.
    public var contextWeight = 0.25
    /// Momentum of the teacher at the start; it rises to 1 along half a cosine.
    public var emaMomentum = 0.996
    /// How the two views are made.
    public var views = TwoViewOptions()

    /// The published setting.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("decoder_width", \.decoderWidth, in: .closed(4...65536), "Token width of the decoder, a multiple of 4."),
        Field("decoder_depth", \.decoderDepth, in: .closed(1...128), "Transformer blocks of the decoder."),
        Field("decoder_heads", \.decoderHeads, in: .closed(1...1024), "Attention heads of the decoder."),
        Field("norm_pix_loss", \.normPixLoss, "Whether each target patch is normalised by its own mean and deviation."),
        Field("head_depth", \.headDepth, in: .closed(0...16), "Linear layers of the projector; 0: the identity."),
        Field("predictor_depth", \.predictorDepth, in: .closed(0...16), "Linear layers of the predictor."),
        Field(
            "head_hidden", \.headHidden, in: .closed(1...65536), "Width between the layers of projector and predictor."),
        Field("head_norm", \.headNorm, "Norm in projector and predictor; null: none."),
        Field("head_activation", \.headActivation, "Activation in projector and predictor."),
        Field("mae_weight", \.maeWeight, in: .closed(0...1e6), "Factor of the reconstruction loss."),
        Field("context_weight", \.contextWeight, in: .closed(0...1e6), "Factor of the context loss."),
        Field(
            "ema_momentum", \.emaMomentum, in: .closed(0...1), "Momentum of the teacher at the start; it rises to 1."),
        Field("views", \.views, "How the two views are made."),
    ]

    /// Heads and sines must divide the decoder's width; one loss at least must count.
    public func check() -> [String] {
        var faults = widthFaults(decoderWidth, heads: decoderHeads, of: "decoder_")
        if maeWeight == 0 && contextWeight == 0 { faults.append("mae_weight and context_weight are both 0") }
        return faults
    }

    /// A decoder that a machine can hold.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        [encoder.partFault(width: decoderWidth, depth: decoderDepth, on: grid, of: "decoder_")].compactMap { $0 }
    }

    /// No crop: the views are made of whole pictures.
    public static let recipeDefaults: [(path: String, value: JSONValue)] = [("data.crop_scale", .null)]

    /// Two views, made of whole pictures; the teacher's momentum rises to 1 over the run.
    public var needs: MethodNeeds {
        MethodNeeds(
            masks: Self.masks, providesPatchTokens: true, views: views,
            wholePictures: "method \"lut\" makes its views of whole pictures, shifted by method.views.pad",
            isScheduledOverRun: emaMomentum < 1)
    }

    /// Student and teacher with the same initial values.
    public func makeMethod(_ context: MethodContext) -> LUT { LUT(self, context) }
}

/// Masked autoencoding whose visible tokens also learn what the rest of the picture holds.
///
/// Kim, Chun, Heo, Han, *Learning with Unmasked Tokens Drives Stronger Vision Learners*, arXiv 2310.13593. Two views are
/// encoded from disjoint sets of patches; the first is decoded as in MAE. The mean visible token of each view, through
/// projector and predictor, must point where a moving average of the network points for the other view, seen whole:
///
///     L = mae_weight · L_mae + context_weight · ½ (mean d(q₂, t₁) + mean d(q₁, t₂)),    d(a, b) = 2 − 2 cos(a, b)
public struct LUT: PretrainingMethod {
    /// Encoder, projector, decoder, predictor.
    public var parameters: ParameterStore
    /// The student's encoder.
    public let encoder: Encoder
    private let options: LUTOptions
    private let reconstruction: PixelReconstruction
    private let projector: ProjectionHead
    private let predictor: ProjectionHead
    private var teacher: MovingAverage
    private var statistics: RunningStatistics
    private var teacherStatistics: RunningStatistics

    init(_ options: LUTOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        let random = context.random
        encoder = Encoder(context.encoder, grid: context.grid, adding: &store, random: random)
        func head(_ name: String, depth: Int, _ store: inout ParameterStore) -> ProjectionHead {
            ProjectionHead(
                name, .init(width: context.encoder.width, hidden: options.headHidden, depth: depth),
                norm: options.headNorm, activation: options.headActivation, adding: &store, random: random)
        }
        projector = head("head", depth: options.headDepth, &store)
        // The teacher is encoder and projector; its decoder and predictor are never read.
        teacher = MovingAverage(of: store, prefix: "teacher/")
        reconstruction = PixelReconstruction(
            .init(width: options.decoderWidth, depth: options.decoderDepth, heads: options.decoderHeads),
            behind: encoder, normalizesTarget: options.normPixLoss, adding: &store, random: random)
        predictor = head("predictor", depth: options.predictorDepth, &store)
        teacherStatistics = projector.initialStatistics(store)
        statistics = teacherStatistics
        statistics.tensors.merge(predictor.initialStatistics(store).tensors) { old, _ in old }
        parameters = store
        self.options = options
    }

    /// The teacher under `teacher/…`, and the running statistics of both.
    public var state: [String: Tensor] {
        get {
            var state = teacher.state
            for (name, tensor) in statistics.tensors { state[name] = tensor }
            for (name, tensor) in teacherStatistics.tensors { state["teacher/" + name] = tensor }
            return state
        }
        set {
            teacher.state = newValue
            for name in statistics.tensors.keys {
                statistics.tensors[name] = newValue[name] ?? statistics.tensors[name]
            }
            for name in teacherStatistics.tensors.keys {
                teacherStatistics.tensors[name] = newValue["teacher/" + name] ?? teacherStatistics.tensors[name]
            }
        }
    }

    /// Stochastic depth of the encoder on each view.
    public struct Draws: Sendable {
        /// On the first.
        public var first: PathDraws
        /// On the second.
        public var second: PathDraws

        /// Draws; nothing is dropped unless told otherwise.
        public init(first: PathDraws = nil, second: PathDraws = nil) {
            self.first = first
            self.second = second
        }
    }

    /// Draws of each view for itself.
    public func draws(for batch: Batch, _ mask: PatchMask, random: RandomStream) -> Draws {
        let streams = batch.streams(random.child("drop_path"))
        func drawn(_ view: String) -> PathDraws {
            DropPath.drawn(
                rate: encoder.options.dropPath, depth: encoder.options.depth, streams: streams.map { $0.child(view) })
        }
        return Draws(first: drawn("view_1"), second: drawn("view_2"))
    }

    /// Both losses of a batch of two views.
    public mutating func loss(
        _ batch: Batch, _ mask: PatchMask, _ draws: Draws, _ request: StepRequest, on tape: inout Tape
    ) throws -> StepResult {
        guard let second = batch.otherViews.first else {
            throw MethodError.unusableBatch(method: LUTOptions.name, reason: "it needs two views of each image")
        }
        if options.headNorm == .batch && batch.samples.count < 2 {
            throw MethodError.unusableBatch(
                method: LUTOptions.name,
                reason: "head_norm \"BN\" needs two images or more in a batch; raise train.batch_size or choose \"LN\"")
        }
        let trace = request.trace
        func encoded(
            _ images: Tensor, _ visible: RowIndices, _ drop: PathDraws, _ name: String, _ tape: inout Tape
        ) -> Variable {
            encoder(images, seeing: .visible(visible), parameters, drop: drop, on: &tape, trace: trace?.scope(name))
                .normed
        }
        let first = encoded(batch.images, mask.visibleRows, draws.first, "student1", &tape)
        let pixels = reconstruction(first, of: batch.images, mask, request, parameters, on: &tape)
        let visible = secondVisible(mask)
        let other = encoded(second, visible, draws.second, "student2", &tape)
        let q1 = query(first, &tape)
        let q2 = query(other, &tape)
        let t1 = target(batch.images, tape.engine, trace?.scope("teacher1"))
        let t2 = target(second, tape.engine, trace?.scope("teacher2"))
        let context = tape.add(tape.cosine(q2, target: t1), tape.cosine(q1, target: t2))
        if let trace {
            trace.record("mask2", mask.hiddenFlags(keeping: visible))
            trace.record("q1", q1.value)
            trace.record("q2", q2.value)
            trace.record("loss/mae", pixels.loss.value)
            trace.record("loss/bc", context.value)
        }
        let total = tape.add(
            tape.scale(pixels.loss, by: Float(options.maeWeight)),
            tape.scale(context, by: Float(options.contextWeight)))
        var result = StepResult(loss: total)
        if request.wantsPatchTokens { result.patchTokens = encoder.patches(of: first, on: &tape) }
        if let constant = pixels.constantLoss {
            let contexts = [t1, t2].map { target in
                constantLoss(of: target, normalizing: true, engine: tape.engine) { $2.cosine($0, target: $1) }
            }
            result.constantLoss = options.maeWeight * constant + options.contextWeight * (contexts[0] + contexts[1])
            result.indicators = [
                ("mae_loss", Double(pixels.loss.value.item)), ("context_loss", Double(context.value.item)),
                ("context_ratio", Double(context.value.item) / max(contexts[0] + contexts[1], .leastNormalMagnitude)),
            ]
        }
        result.shown = pixels.shown
        return result
    }

    /// The patches of the second view that the student sees: the next in each image's order, cut at its end. `[B, k]`.
    private func secondVisible(_ mask: PatchMask) -> RowIndices {
        let count = min(mask.visibleCount, mask.grid.count - mask.visibleCount)
        let rows = (0..<mask.imageCount).flatMap { mask.hidden($0).prefix(count) }
        return RowIndices(rows, batch: mask.imageCount, count: count)
    }

    /// predictor(projector(mean visible patch token)); the running statistics of both take the batch in.
    private mutating func query(_ tokens: Variable, _ tape: inout Tape) -> Variable {
        let pooled = tape.meanRows(tokens, from: encoder.prefix)
        let projected = projector(pooled, parameters, updating: &statistics, on: &tape)
        return predictor(projected, parameters, updating: &statistics, on: &tape)
    }

    /// The teacher's projector on the mean patch token of whole images, `[B, D]`.
    private func target(_ images: Tensor, _ engine: Engine, _ trace: ForwardTrace?) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let tokens = encoder(images, teacher.parameters, on: &tape).normed
        let pooled = tape.meanRows(tokens, from: encoder.prefix)
        let projected = projector(pooled, teacher.parameters, using: teacherStatistics, on: &tape).value
        trace?.record("tokens", tokens.value)
        trace?.record("projected", projected)
        return projected
    }

    /// The teacher begins as a copy.
    public mutating func adoptParameters() {
        teacher.restart(from: parameters)
        teacherStatistics.follow(statistics, momentum: 0)
    }

    /// What the batch norms saw.
    public mutating func takeObservations() -> [Observation] { statistics.takeObservations() }

    /// The running statistics take it in.
    public mutating func apply(_ observations: [Observation]) { statistics.apply(observations) }

    /// The teacher follows, weights and running statistics alike, with m_t of the step's last micro-batch.
    public mutating func finishStep(_ progress: TrainingProgress, engine: Engine) {
        let momentum = momentum(progress)
        teacher.update(from: parameters, momentum: momentum, on: engine)
        teacherStatistics.follow(statistics, momentum: momentum)
    }

    /// m_t = 1 − (1 − m_0)·½(1 + cos(πt/T)) with t and T in micro-batches.
    package func momentum(_ progress: TrainingProgress) -> Double {
        LUT.momentum(
            from: options.emaMomentum, at: (progress.step + 1) * progress.accumulate - 1,
            of: progress.epochs * progress.stepsPerEpoch * progress.accumulate)
    }

    /// The teacher's momentum at micro-batch `t` of `total`.
    public static func momentum(from start: Double, at t: Int, of total: Int) -> Double {
        1 - (1 - start) * 0.5 * (1 + cos(.pi * Double(t) / Double(total)))
    }
}
