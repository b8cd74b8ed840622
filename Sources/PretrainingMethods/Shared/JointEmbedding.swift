public import Autodiff
public import ImageMasking
public import RandomStreams
public import RecipeSchema
public import TrainingStep
public import VisionTransformers

/// The options that I-JEPA and DMT-JEPA share.
public protocol JointEmbeddingOptions: PretrainingOptions {
    /// Token width of the predictor.
    var predictorWidth: Int { get set }
    /// Transformer blocks of the predictor.
    var predictorDepth: Int { get set }
    /// Attention heads of the predictor; the encoder's where it is nil.
    var predictorHeads: Int? { get set }
    /// The moving average's momentum at the first step and at the end.
    var ema: [Double] { get set }
    /// Whether the last layers of block i's branches start divided by √(2(i + 1)).
    var depthRescale: Bool { get set }
}

extension JointEmbeddingOptions {
    /// The published settings: no class token, warm-up and cosine counted in steps, bilinear crops of 0.3 to 1.
    public static var recipeDefaults: [(path: String, value: JSONValue)] {
        [
            ("model.class_token", JSONValue(false)), ("mask.strategy", JSONValue("multiblock")),
            ("data.crop_scale", JSONValue([JSONValue(0.3), JSONValue(1)])), ("data.flip", JSONValue(false)),
            ("data.interpolation", JSONValue("bilinear")),
            ("train.schedule.name", JSONValue("warmup_cosine")), ("train.learning_rate", JSONValue(1e-3)),
            ("train.schedule.warmup_learning_rate", JSONValue(2e-4)),
            ("train.schedule.min_learning_rate", JSONValue(1e-6)),
            ("train.schedule.warmup_epochs", JSONValue(40)), ("train.weight_decay", JSONValue(0.04)),
            ("train.optimizer.betas", JSONValue([JSONValue(0.9), JSONValue(0.999)])),
        ]
    }

    /// The rows of the shared options.
    static var sharedFields: [Field<Self>] {
        [
            Field(
                "predictor_width", \.predictorWidth, in: .closed(4...65536),
                "Token width of the predictor, a multiple of 4."),
            Field("predictor_depth", \.predictorDepth, in: .closed(1...128), "Transformer blocks of the predictor."),
            Field(
                "predictor_heads", \.predictorHeads, in: .closed(1...1024),
                "Attention heads of the predictor; null: the encoder's."),
            Field(
                "ema", \.ema, in: .list(2...2, of: .closed(0...1)),
                "Momentum of the target encoder at the first step and at the end."),
            Field(
                "depth_rescale", \.depthRescale,
                "Whether the last layers of the branches of block i start divided by √(2(i + 1))."),
        ]
    }

    /// The target encoder, as its moving average names it.
    public static func keptEncoderPrefix(owner: String) -> String { "target_" + owner }

    /// The momentum goes from its first value to its last over the run.
    public var needs: MethodNeeds { sharedNeeds }

    /// What all methods of this kind need.
    var sharedNeeds: MethodNeeds {
        MethodNeeds(masks: Self.masks, providesPatchTokens: true, isScheduledOverRun: ema.first != ema.last)
    }

    /// Names below `encoder.`, and normal initial values.
    public var encoderTraits: EncoderTraits {
        EncoderTraits(owner: "encoder.", initialization: .ijepa(rescalesBranches: depthRescale))
    }

    /// Patches alone are encoded, with fixed positions, and the predictor's heads must divide its width.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        sharedFaults(encoder, grid)
    }

    /// What no method of this kind can work with.
    func sharedFaults(_ encoder: EncoderOptions, _ grid: PatchGrid) -> [String] {
        let name = Self.name
        var faults = widthFaults(predictorWidth, heads: predictorHeads ?? encoder.heads, of: "predictor_")
        if let reason = encoder.partFault(width: predictorWidth, depth: predictorDepth, on: grid, of: "predictor_") {
            faults.append(reason)
        }
        if encoder.classToken {
            faults.append("\(name) has no place for a class token; set model.class_token to false")
        }
        if encoder.position != .sincos || encoder.positionOrder != .columnFirst {
            faults.append(
                "\(name) has fixed positions, columns first; set model.position to \"sincos\" and model.position_order to "
                    + "\"column_first\"")
        }
        if encoder.qkvBias == .noKey {
            faults.append(
                "\(name) has biases of queries, keys and values, or none; set model.qkv_bias to \"qkv\" or \"none\"")
        }
        if encoder.relativePositionBias != .none {
            faults.append("\(name) encodes parts of images; set model.relative_position_bias to \"none\"")
        }
        return faults
    }
}

extension JointEmbeddingOptions {
    /// The predictor behind an encoder, added to `store`.
    func predictor(behind encoder: Encoder, adding store: inout ParameterStore, random: RandomStream) -> IJEPAPredictor
    {
        IJEPAPredictor(
            width: predictorWidth, depth: predictorDepth, heads: predictorHeads ?? encoder.options.heads,
            behind: encoder, adding: &store, random: random)
    }
}

/// A method whose targets come from a slow copy of its own encoder, which is also what is kept after pretraining.
public protocol JointEmbedding: PretrainingMethod where Plan == BlockMask, Draws == PathDraws {
    /// The slow copy.
    var target: MovingAverage { get set }
    /// Its momentum at the first step and at the end.
    var ema: [Double] { get }
}

extension JointEmbedding {
    /// Those of the slow copy.
    public var encoderParameters: ParameterStore { target.parameters }

    /// The slow copy.
    public var state: [String: Tensor] {
        get { target.state }
        set { target.state = newValue }
    }

    /// Stochastic depth of the encoder on every context, context by context.
    public func draws(for batch: Batch, _ mask: BlockMask, random: RandomStream) -> PathDraws {
        let streams = batch.streams(random.child("drop_path"))
        return DropPath.drawn(
            rate: encoder.options.dropPath, depth: encoder.options.depth,
            streams: mask.contexts.indices.flatMap { context in streams.map { $0.child(context) } })
    }

    /// The slow copy begins as a copy.
    public mutating func adoptParameters() { target.restart(from: parameters) }

    /// The slow copy takes in the new parameters.
    public mutating func finishStep(_ progress: TrainingProgress, engine: Engine) {
        target.update(from: parameters, momentum: progress.momentum(from: ema[0], to: ema[1]), on: engine)
    }
}

extension Encoder {
    /// Tokens `[rows, prefix + K, D]` of this encoder without class token and registers, `[rows, K, D]`.
    func patches(of tokens: Variable, on tape: inout Tape) -> Variable {
        prefix == 0 ? tokens : tape.sliceRows(tokens, prefix..<tokens.shape[1])
    }

    /// The tokens of every context after the final norm, `[nE·B, Kc, D]`; hidden cells never enter.
    func contexts(
        of images: Tensor, _ mask: BlockMask, _ store: ParameterStore, drop: PathDraws, on tape: inout Tape,
        trace: ForwardTrace?
    ) -> Variable {
        let repeated = repeated(images, mask.contexts.count, &tape)
        return self(repeated, seeing: .visible(mask.contextRows), store, drop: drop, on: &tape, trace: trace).normed
    }

    /// All images, `count` times one after another.
    private func repeated(_ images: Tensor, _ count: Int, _ tape: inout Tape) -> Tensor {
        guard count > 1 else { return images }
        let rows = tape.constant(images.reshaped([1, images.shape[0], images.count / images.shape[0]]))
        let copies = tape.concatRows([Variable](repeating: rows, count: count)).value
        return copies.reshaped(Shape([count * images.shape[0]] + Array(images.shape.dropFirst())))
    }

    /// The tokens of whole images after the final norm, and their rows brought to mean 0 and deviation 1 with nothing learnt,
    /// ε = 1e-5; without a tape. `[B, N, D]` each.
    func wholeImages(
        _ images: Tensor, _ store: ParameterStore, engine: Engine
    ) -> (tokens: Tensor, normed: Tensor) {
        var tape = Tape(engine: engine, recording: false)
        let tokens = self(images, store, on: &tape).normed
        return (tokens.value, tape.layerNorm(tokens, epsilon: 1e-5).value)
    }
}

/// The rows of the targets of every pair, from features of all cells: `[B, N, D]` → `[nP·nE·B, Kt, D]`.
func targets(_ mask: BlockMask, of features: Tensor, engine: Engine) -> Tensor {
    let (images, cells, width) = (features.shape[0], features.shape[1], features.shape[2])
    var tape = Tape(engine: engine, recording: false)
    let table = tape.constant(features.reshaped([images * cells, width]))
    return tape.gatherRows(table, mask.pairRows(stride: cells)).value
}

/// How much features of a fixed cell differ between images: the root mean square, over cells and channels, of the deviation
/// over images. `[B, N, D]`.
///
/// Of rows with mean 0 and deviation 1, 1 says that everything depends on the image, 0 that only the position is left.
func spreadOverImages(_ features: Tensor) -> Double {
    let images = features.shape[0]
    let size = features.count / images
    return features.withUnsafeBuffer { values in
        var total = 0.0
        for place in 0..<size {
            var (sum, squares) = (0.0, 0.0)
            for image in 0..<images {
                let value = Double(values[image * size + place])
                sum += value
                squares += value * value
            }
            let mean = sum / Double(images)
            total += max(0, squares / Double(images) - mean * mean)
        }
        return (total / Double(size)).squareRoot()
    }
}
