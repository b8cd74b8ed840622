public import Autodiff
import Foundation
public import ImageMasking
public import Optimizers
public import RandomStreams
public import TrainingStep
public import VisionTransformers

/// Cluster and predict: a slow copy of the encoder sees the whole picture, a clustering assigns its patches to clusters evenly, and the
/// student must name the clusters of hidden patches from the visible ones.
///
/// Darcet, Baldassarre, Oquab, Mairal, Bojanowski, *Cluster and Predict Latent Patches for Improved Masked Image Modeling*, arXiv
/// 2502.08769. Two losses without a gradient between them: L_s of the student on the predicted patches, L_c of the clustering on all.
public struct CAPI: PretrainingMethod {
    /// Encoder, predictor and head of the student, then the clustering.
    public var parameters: ParameterStore
    /// The student's encoder.
    public let encoder: Encoder
    private let rotary: RotaryEncoder
    private let predictor: CAPIPredictor
    private let head: NormalizedHead
    private let clustering: ClusteringHead
    private let options: CAPIOptions
    private var teacher: MovingAverage
    /// The clustering's rate and the teacher's momentum by step.
    private var schedules: (rates: any StepSchedule, momenta: any StepSchedule)

    init(_ options: CAPIOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        let random = context.random
        encoder = Encoder(
            context.encoder, grid: context.grid, traits: options.encoderTraits, adding: &store, random: random)
        guard let rotary = encoder.rotary else {
            preconditionFailure("an encoder without rotary positions; the options' needs say so")
        }
        self.rotary = rotary
        let width = options.predictorWidth ?? context.encoder.width
        predictor = CAPIPredictor(
            width: width, depth: options.predictorDepth, heads: options.predictorHeads ?? context.encoder.heads,
            behind: encoder, rotary, adding: &store, random: random)
        head = NormalizedHead(
            "student.head.last_layer", width: width, outputs: options.clusters, adding: &store, random: random)
        // The clustering has no slow copy; the rest of the copy beside its encoder is kept for evaluation alone.
        teacher = MovingAverage(of: store, prefix: "student_ema.", replacing: "student.")
        clustering = ClusteringHead(
            options.clustering, width: context.encoder.width, adding: &store, random: random)
        parameters = store
        self.options = options
        schedules = (ConstantSchedule(options.clusteringLearningRate), ConstantSchedule(options.ema[0]))
    }

    /// Those of the slow copy.
    public var encoderParameters: ParameterStore { teacher.parameters }

    /// The slow copy, as `student_ema.…`.
    public var state: [String: Tensor] {
        get { teacher.state }
        set { teacher.state = newValue }
    }

    /// Decay of all but biases and the weights of norms, which a recipe may give a part of it; the clustering has rate and decay of its
    /// own, bias and all.
    public func treatment(of parameter: ParameterEntry) -> ParameterTreatment {
        parameter.name.hasPrefix(ClusteringHead.owner)
            ? ParameterTreatment(decay: 1, isOwn: true) : DecayRule.matrices.treatment(of: parameter)
    }

    /// The clustering's rate has the shape of the run's; the momentum goes from its start to its base in the warm-up and then along a
    /// cosine, whatever the rate does.
    public mutating func begin(_ run: RunLength, _ schedule: any ScheduleOptions) {
        var momenta = TruncatedCosineOptions()
        momenta.warmupEpochs = schedule.warmupEpochs
        if let truncated = schedule as? TruncatedCosineOptions { momenta = truncated }
        self.schedule(
            rates: schedule.rates(
                start: 0, peak: options.clusteringLearningRate, end: options.clusteringMinLearningRate, over: run),
            momenta: momenta.rates(start: options.emaStart, peak: options.ema[0], end: options.ema[1], over: run))
    }

    /// Takes other schedules of the clustering's rate and the teacher's momentum.
    package mutating func schedule(rates: any StepSchedule, momenta: any StepSchedule) {
        schedules = (rates, momenta)
    }

    /// The momentum of the teacher after a step, counted from 0.
    public func momentum(at step: Int) -> Double { schedules.momenta.value(at: step) }

    /// What holds for the clustering.
    public func ownSettings(at step: Int) -> OwnSettings? {
        OwnSettings(
            learningRate: schedules.rates.value(at: step), key: "method.clustering_learning_rate",
            weightDecay: options.clusteringWeightDecay,
            betas: options.clusteringBetas)
    }

    /// The images that take part in each branch; nil: all.
    public struct Draws: Sendable {
        /// Of the encoder, block by block.
        public var encoder: [ChosenBranches]?
        /// Of the predictor.
        public var predictor: [ChosenBranches]?

        /// Draws; nothing is dropped unless told otherwise.
        public init(encoder: [ChosenBranches]? = nil, predictor: [ChosenBranches]? = nil) {
            self.encoder = encoder
            self.predictor = predictor
        }
    }

    /// For each branch every image draws a number from its own stream; those with the lowest take part.
    public func draws(for batch: Batch, _ mask: PatchMask, random: RandomStream) -> Draws {
        guard options.dropPath > 0 else { return Draws() }
        var streams = batch.streams(random.child("drop_path"))
        let count = ChosenImages.count(of: streams.count, rate: options.dropPath)
        func chosen() -> ChosenImages {
            let draws = streams.indices.map { (number: streams[$0].uniform(), image: $0) }
            return ChosenImages(draws.sorted { $0 < $1 }.prefix(count).map(\.image).sorted())
        }
        func blocks(_ depth: Int) -> [ChosenBranches] {
            (0..<depth).map { _ in
                let attention = chosen()
                return ChosenBranches(attention: attention, perceptron: chosen())
            }
        }
        let encoder = blocks(encoder.options.depth)
        return Draws(encoder: encoder, predictor: blocks(options.predictorDepth))
    }

    /// Both losses of a batch.
    public mutating func loss(
        _ batch: Batch, _ mask: PatchMask, _ draws: Draws, _ request: StepRequest, on tape: inout Tape
    ) throws -> StepResult {
        guard !options.positionwise || batch.samples.count >= 2 else {
            throw MethodError.unusableBatch(
                method: CAPIOptions.name,
                reason:
                    "balancing the clusters of a cell needs two images or more; raise train.batch_size or set positionwise to "
                    + "false")
        }
        let trace = request.trace
        let features = map(of: batch.images, engine: tape.engine)
        let clustered = clustering(features, parameters, on: &tape)
        let cells = mask.predictedRows(ascending: false)
        let targets = Self.rows(of: clustered.assignments, at: cells, engine: tape.engine)
        let visible = mask.visibleRows
        let encoded = rotary(
            batch.images, seeing: visible, parameters, chosen: draws.encoder, on: &tape, trace: trace?.scope("encoder")
        ).normed
        let predicted = predictor(
            encoded, seen: visible, at: cells, parameters, chosen: draws.predictor, on: &tape,
            trace: trace?.scope("predictor"))
        let scores = head(predicted, parameters, on: &tape)
        let student = tape.crossEntropy(
            tape.scale(scores, by: Float(1 / options.studentTemperature)), targets: targets)
        if let trace {
            trace.record("teacher_features", features)
            trace.record("assignments", clustered.assignments)
            trace.record("targets", targets)
            trace.record("prediction_logits", scores.value)
            trace.record("loss/student", student.value)
            trace.record("loss/clustering", clustered.loss.value)
        }
        var result = StepResult(loss: tape.add(student, clustered.loss))
        if request.wantsPatchTokens { result.patchTokens = encoder.patches(of: encoded, on: &tape) }
        if request.wantsImages {
            result.shown = ClusterImages(
                grid: encoder.grid, side: encoder.options.patchSize, clusters: options.clusters
            ).shown(clustered.logits.value, predicted: scores.value, mask)
        }
        if request.wantsConstantLoss {
            let all = MeanAssignment(clustered.assignments)
            result.constantLoss = MeanAssignment(targets).entropyOfMean + all.entropyOfMean
            result.indicators = [
                ("student_loss", Double(student.value.item)), ("clustering_loss", Double(clustered.loss.value.item)),
                ("target_entropy", MeanAssignment(targets).meanEntropy), ("clusters_used", all.shareUsed),
            ]
        }
        return result
    }

    /// What the teacher makes of whole images: the patches' tokens behind the norm, without registers, `[B, N, D]`.
    public func map(of images: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let tokens = rotary(images, teacher.parameters, on: &tape).normed
        return tape.sliceRows(tokens, encoder.prefix..<tokens.shape[1]).value
    }

    /// What the teacher makes of whole images for evaluation: its registers `[B, R, D]`, nil where there are none, and the mean over all
    /// cells behind the first block of its predictor, `[B, W]`.
    public func globalFeatures(of images: Tensor, engine: Engine) -> (registers: Tensor?, mean: Tensor) {
        var tape = Tape(engine: engine, recording: false)
        let tokens = rotary(images, teacher.parameters, on: &tape).normed
        let all = [[Int32]](repeating: Array(0..<Int32(encoder.grid.count)), count: images.shape[0])
        let looked = predictor(
            tokens, seen: nil, at: RowIndices(all), teacher.parameters, depth: 1, on: &tape)
        let registers = encoder.prefix > 0 ? tape.sliceRows(tokens, 0..<encoder.prefix).value : nil
        return (registers, tape.meanRows(looked).value)
    }

    /// Rows of `[B, N, K]` at cells `[B, M]`, `[B, M, K]`.
    private static func rows(of table: Tensor, at cells: RowIndices, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        return tape.gatherRows(tape.constant(table), cells).value
    }

    /// The slow copy begins as a copy.
    public mutating func adoptParameters() { teacher.restart(from: parameters) }

    /// The slow copy takes in the new parameters.
    public mutating func finishStep(_ progress: TrainingProgress, engine: Engine) {
        teacher.update(from: parameters, momentum: momentum(at: progress.step), on: engine)
    }
}

/// What assignments `[…, K]` look like on average.
private struct MeanAssignment {
    /// The mean of the rows' entropies, in nats.
    let meanEntropy: Double
    /// The entropy of the mean row: the loss of the best constant prediction.
    let entropyOfMean: Double
    /// The share of the clusters that are some row's largest.
    let shareUsed: Double

    init(_ assignments: Tensor) {
        let (rows, columns) = (assignments.shape.rows, assignments.shape.columns)
        var mean = [Double](repeating: 0, count: columns)
        var used = Set<Int>()
        var entropies = 0.0
        assignments.withUnsafeBuffer { values in
            for row in 0..<rows {
                var best = 0
                for column in 0..<columns {
                    let value = values[row * columns + column]
                    mean[column] += Double(value) / Double(rows)
                    if value > 0 { entropies -= Double(value) * Double(log(value)) }
                    if value > values[row * columns + best] { best = column }
                }
                used.insert(best)
            }
        }
        meanEntropy = entropies / Double(rows)
        entropyOfMean = mean.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
        shareUsed = Double(used.count) / Double(columns)
    }
}
