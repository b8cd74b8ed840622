public import Autodiff
import ImageData
public import RandomStreams
public import TrainingStep
public import VisionTransformers

/// Views of a picture come to a common centre, while SIGReg keeps their distribution over the batch a normal one.
///
/// Balestriero and LeCun, *LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics*, arXiv 2511.08544. No
/// teacher, no moving average, no predictor, no masks: encoder, a linear embedding, a projector, and the loss of
/// `LeJEPAObjective`.
public struct LeJEPA: PretrainingMethod {
    /// Encoder, embedding, projector.
    public var parameters: ParameterStore
    /// The encoder, on the grid of the global views.
    public let encoder: Encoder
    /// The same on the grid of the local views.
    private let localEncoder: Encoder
    private let embedding: LinearParameters?
    private let projector: ProjectionHead
    private var statistics: RunningStatistics
    private let options: LeJEPAOptions
    private let objective: LeJEPAObjective
    /// Sizes of all views, global ones first.
    private let sizes: [ImageSize]

    init(_ options: LeJEPAOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        let (traits, random) = (options.encoderTraits, context.random)
        encoder = Encoder(context.encoder, grid: context.grid, traits: traits, adding: &store, random: random)
        let size = ImageSize(height: context.imageSize.height, width: context.imageSize.width)
        let local = options.localSize ?? size
        localEncoder =
            options.localViews > 0
            ? encoder.on(context.encoder.grid(height: local.height, width: local.width)) : encoder
        embedding = options.embedding.map { width in
            LinearParameters(
                "\(traits.owner)head", context.encoder.width, width, weight: traits.initialization.linear, &store,
                random)
        }
        projector = ProjectionHead(
            "proj",
            .init(
                width: options.embedding ?? context.encoder.width, hidden: options.projectorHidden,
                depth: options.projectorDepth, outputs: options.projectorWidth),
            norm: options.projectorNorm.map { _ in .batch }, activation: .relu, layers: .torchvision, adding: &store,
            random: random)
        statistics = projector.initialStatistics(store)
        parameters = store
        self.options = options
        objective = LeJEPAObjective(options)
        sizes = options.multiView.sizes(of: size)
    }

    /// The running statistics of the projector's norms.
    public var state: [String: Tensor] {
        get { statistics.tensors }
        set {
            for name in statistics.tensors.keys {
                statistics.tensors[name] = newValue[name] ?? statistics.tensors[name]
            }
        }
    }

    /// What the batch norms saw.
    public mutating func takeObservations() -> [Observation] { statistics.takeObservations() }

    /// The running statistics take it in.
    public mutating func apply(_ observations: [Observation]) { statistics.apply(observations) }

    /// What a pass draws.
    public struct Draws: Sendable {
        /// Normal numbers `[K, S]` that the directions of SIGReg are made of, the same for all views.
        public var slices: Tensor
        /// Stochastic depth on the global views, view by view.
        public var globals: PathDraws
        /// On the local ones.
        public var locals: PathDraws

        /// Draws; nothing is dropped unless told otherwise.
        public init(slices: Tensor, globals: PathDraws = nil, locals: PathDraws = nil) {
            self.slices = slices
            self.globals = globals
            self.locals = locals
        }
    }

    /// Directions of this batch's own, and stochastic depth of each view of each picture.
    public func draws(for batch: Batch, _ plan: WholePictures, random: RandomStream) -> Draws {
        let streams = batch.streams(random.child("drop_path"))
        func drawn(_ views: Range<Int>) -> PathDraws {
            DropPath.drawn(
                rate: encoder.options.dropPath, depth: encoder.options.depth,
                streams: views.flatMap { view in streams.map { $0.child(view) } })
        }
        return Draws(
            slices: objective.sigreg.drawn(
                width: options.projectorWidth, random: random.child("slices").child(batch.step)),
            globals: drawn(0..<options.globalViews), locals: drawn(options.globalViews..<sizes.count))
    }

    /// The loss of a batch of views.
    public mutating func loss(
        _ batch: Batch, _ plan: WholePictures, _ draws: Draws, _ request: StepRequest, on tape: inout Tape
    ) throws -> StepResult {
        let views = [batch.images] + batch.otherViews
        let pictures = batch.images.shape[0]
        guard views.count == sizes.count, zip(views, sizes).allSatisfy({ $0.shape == shape(of: $1, pictures) }) else {
            throw MethodError.unusableBatch(
                method: LeJEPAOptions.name,
                reason: "it needs views of "
                    + sizes.map { "\(shape(of: $0, pictures))" }.joined(separator: ", ") + " and has those of "
                    + views.map { "\($0.shape)" }.joined(separator: ", "))
        }
        // Looking at one picture is no training.
        if options.sigregOver == .view && pictures < 2 && tape.recording {
            throw MethodError.unusableBatch(
                method: LeJEPAOptions.name,
                reason:
                    "sigreg_over \"view\" needs two images or more in a batch; raise train.batch_size or choose \"all\""
            )
        }
        let trace = request.trace
        let globals = options.globalViews
        var features = [
            feature(of: Array(views[..<globals]), encoder, draws.globals, &tape, trace?.scope("global"))
        ]
        if sizes.count > globals {
            features.append(
                feature(of: Array(views[globals...]), localEncoder, draws.locals, &tape, trace?.scope("local")))
        }
        let width = encoder.options.width
        let feature = tape.concatRows(features.map { $0.reshaped([1, $0.shape[0], width]) })
            .reshaped([sizes.count * pictures, width])
        let embedded = embedding?(feature, parameters, &tape) ?? feature
        // One call for all views: the statistics of the norms run over them all.
        let projected = projector(embedded, parameters, updating: &statistics, on: &tape)
        let projections = projected.reshaped([sizes.count, pictures, options.projectorWidth])
        let (loss, invariance, sigreg) = objective(projections, globals: globals, draws.slices, on: &tape)
        if let trace {
            trace.record("features", feature.value)
            trace.record("embedding", embedded.value)
            trace.record("projections", projections.value)
            trace.record("loss/invariance", invariance.value)
            trace.record("loss/sigreg", sigreg.value)
        }
        var result = StepResult(loss: loss)
        if request.wantsImages {
            result.shown = views.enumerated().map { number, view in
                ShownImages(
                    number < globals ? "global view \(number + 1)" : "local view \(number - globals + 1)", view)
            }
        }
        if request.wantsConstantLoss {
            // The same projection for everything: the best of those is 0.
            if options.sigregWeight > 0 {
                result.constantLoss = objective.collapsed(views: sizes.count, pictures: pictures)
            }
            result.indicators = [
                ("invariance", Double(invariance.value.item)), ("sigreg", Double(sigreg.value.item)),
                ("projection_spread", bestConstantError(of: projections.value).squareRoot()),
            ]
        }
        return result
    }

    /// `[B, C, h, w]` for a view of a size.
    private func shape(of size: ImageSize, _ pictures: Int) -> Shape {
        [pictures, encoder.options.channels, size.height, size.width]
    }

    /// The class token, or the mean patch token, of views of one size, `[views · B, D]`, view by view.
    private func feature(
        of views: [Tensor], _ encoder: Encoder, _ drop: PathDraws, _ tape: inout Tape, _ trace: ForwardTrace?
    ) -> Variable {
        let tokens = encoder(joined(views, tape.engine), parameters, drop: drop, on: &tape, trace: trace).normed
        guard encoder.options.classToken else { return tape.meanRows(tokens, from: encoder.prefix) }
        return tape.sliceRows(tokens, 0..<1).reshaped([tokens.shape[0], encoder.options.width])
    }

    /// Batches of equal shape one behind the other.
    private func joined(_ views: [Tensor], _ engine: Engine) -> Tensor {
        guard views.count > 1 else { return views[0] }
        var shape = views[0].shape
        shape[0] *= views.count
        return engine.tensor(shape) { target in
            var place = 0
            for view in views {
                view.withUnsafeBuffer { source in
                    _ = UnsafeMutableBufferPointer(rebasing: target[place..<place + source.count])
                        .update(from: source)
                }
                place += view.count
            }
        }
    }
}
