public import Autodiff
public import ImageMasking
public import Optimizers
import RandomStreams
public import RecipeSchema
import TrainingStep
public import VisionTransformers

/// The options of SimMIM.
public struct SimMIMOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "simmim"
    /// What others call it.
    public static let otherNames = ["simplemaskedimagemodeling": #""simmim""#, "simplemim": #""simmim""#]

    /// Side of the windows that the target is normalised by; nil: plain pixels.
    public var normTarget: Int?

    /// The published setting.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "norm_target", \.normTarget,
            in: .closed(3...65535, only: "odd") { $0 % 2 == 1 },
            "Side of the windows, in pixels, that each pixel of the target is normalised by; null: plain pixels.")
    ]

    /// The published settings of other sections, of the released ViT-B; rates are those of a batch of 2048.
    public static var recipeDefaults: [(path: String, value: JSONValue)] {
        [
            ("model.position", JSONValue("none")), ("model.relative_position_bias", JSONValue("shared")),
            ("model.layer_scale", JSONValue(0.1)), ("model.qkv_bias", JSONValue("qv")),
            ("model.drop_path", JSONValue(0.1)), ("mask.strategy", JSONValue("random")),
            ("mask.ratio", JSONValue(0.6)), ("data.crop_scale", JSONValue([JSONValue(0.67), JSONValue(1)])),
            ("data.interpolation", JSONValue("bilinear")), ("train.schedule.name", JSONValue("multistep")),
            ("train.base_learning_rate", JSONValue(5e-5)), ("train.schedule.warmup_epochs", JSONValue(10)),
            ("train.schedule.warmup_learning_rate", JSONValue(2e-6)),
            ("train.optimizer.betas", JSONValue([JSONValue(0.9), JSONValue(0.999)])),
            ("train.clip_norm", JSONValue(5)),
        ]
    }

    /// Every patch has a place in the encoder, and ⌈count · ratio⌉ of them are hidden.
    public var needs: MethodNeeds {
        var needs = MethodNeeds(masks: Self.masks)
        needs.counting = .hiddenUp
        needs.encodesHidden = true
        needs.positions = [.sincos, .learned, .none]
        return needs
    }

    /// BEiT's, below `encoder.`.
    public var encoderTraits: EncoderTraits { EncoderTraits(owner: "encoder.", initialization: .beit) }

    /// Hidden patches must be told apart by something.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        guard encoder.position == .none && encoder.relativePositionBias == .none else { return [] }
        return [
            "without positions and without a relative position bias all hidden patches are the same token; set model.position to "
                + "\"sincos\" or \"learned\", or model.relative_position_bias to \"shared\" or \"per_block\""
        ]
    }

    /// The order of a table that is not there.
    public func idle(beside others: MethodSurroundings) -> [IdleOption] { others.encoder.idleOrder }

    /// Encoder and head with initial weights.
    public func makeMethod(_ context: MethodContext) -> SimMIM { SimMIM(self, context) }
}

/// Masked pixels by a full-length encoder and one linear layer.
///
/// Xie, Zhang, Cao, Lin, Bao, Yao, Dai, Hu, *SimMIM: A Simple Framework for Masked Image Modeling*, CVPR 2022, arXiv 2111.09886.
/// Hidden patches become one learnt token behind the patch embedding; every token is encoded, and the loss is the mean absolute
/// difference at hidden pixels:
///
///     L = Σ mask · |t − pred| / (Σ mask + 1e-5) / C
public struct SimMIM: PretrainingMethod {
    /// Encoder, mask token, head.
    public var parameters: ParameterStore
    /// The encoder.
    public let encoder: Encoder
    private let maskToken: ParameterID
    private let head: PixelProjection
    private let norm: WindowNorm?
    private let patch: PatchSize

    init(_ options: SimMIMOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        let traits = options.encoderTraits
        encoder = Encoder(
            context.encoder, grid: context.grid, traits: traits, adding: &store, random: context.random)
        let (width, side) = (context.encoder.width, context.encoder.patchSize)
        let name = traits.owner + "mask_token"
        maskToken = store.add(
            name, [1, 1, width],
            traits.initialization.tokens.values(width, inputs: 1, outputs: width, context.random.child(name)))
        head = PixelProjection(
            "decoder.0", width: width, outputs: context.encoder.channels * side * side, adding: &store,
            random: context.random)
        norm = options.normTarget.map { WindowNorm(side: $0) }
        patch = PatchSize(side)
        parameters = store
    }

    /// Decay of matrices, but for class token and positions; the mask token and relative tables are decayed, as in the published code.
    public func treatment(of parameter: ParameterEntry) -> ParameterTreatment {
        ["encoder.cls_token", "encoder.pos_embed"].contains(parameter.name)
            ? .undecayed : DecayRule.matrices.treatment(of: parameter)
    }

    /// The loss of a batch at hidden pixels.
    public func loss(
        _ batch: Batch, _ mask: PatchMask, _ drop: PathDraws, _ request: StepRequest, on tape: inout Tape
    ) -> StepResult {
        let token = tape.parameter(maskToken, of: parameters)
        let encoded = encoder(
            batch.images, seeing: .filled(visible: mask.visibleRows, restore: mask.restoreRows, token: token),
            parameters, drop: drop, on: &tape, trace: request.trace?.scope("encoder"))
        let patches = encoder.prefix..<encoder.prefix + mask.grid.count
        let predicted = head(tape.sliceRows(encoded.normed, patches), parameters, on: &tape)
        let normed = norm.map { $0(batch.images) }
        let target = normed?.values ?? batch.images
        var plain = Tape(engine: tape.engine, recording: false)
        let rows = plain.patchify(plain.constant(target), patch: patch, order: .channelsFirst).value
        let hidden = HiddenDifference(target: rows, hidden: mask.hiddenFlags, channels: encoder.options.channels)
        let (value, slope, perImage) = hidden.loss(of: predicted.value)
        var result = StepResult(loss: tape.loss(value, of: predicted, slope: slope))
        if let trace = request.trace {
            trace.record("prediction", pictures(predicted.value, like: batch.images, tape.engine))
            trace.record("target", target)
            trace.record("loss_per_image", perImage)
        }
        if request.wantsConstantLoss { result.constantLoss = hidden.constantLoss }
        if request.wantsImages {
            let shown = pictures(predicted.value, like: batch.images, tape.engine)
            result.shown = self.shown(shown, normed?.statistics, mask, of: batch.images)
        }
        return result
    }

    /// Rows of patches, channel by channel, as images `[B, C, H, W]`.
    private func pictures(_ rows: Tensor, like images: Tensor, _ engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        return tape.unpatchify(
            tape.constant(rows), patch: patch, order: .channelsFirst, channels: images.shape[1],
            height: images.shape[2], width: images.shape[3]
        ).value
    }

    private func shown(
        _ predicted: Tensor, _ statistics: WindowNorm.Statistics?, _ mask: PatchMask, of images: Tensor
    ) -> [ShownImages] {
        var pictures = predicted
        if let statistics {
            let values = zip(zip(predicted.array, statistics.deviation.array), statistics.mean.array)
            pictures = Tensor(values.map { $0.0 * $0.1 + $1 }, predicted.shape)
        }
        return [
            ShownImages(
                "predicted", pictures,
                caution: "\"predicted\" at visible patches is noise, since no loss asks for them"
                    + (statistics == nil
                        ? ""
                        : "; predictions are shown with the true windows' mean and contrast, which the model does not know")
            ),
            ShownImages("predicted with the visible patches", mask.joined(seen: images, hidden: pictures)),
        ]
    }
}

/// The mean absolute difference from a target at hidden patches.
struct HiddenDifference {
    private let target: Tensor
    private let hidden: [Float]
    private let channels: Int

    /// Of rows `[B, L, P]` those with the flag 1 in `[B, L]`; P numbers are P/channels pixels.
    init(target: Tensor, hidden: Tensor, channels: Int) {
        self.target = target
        self.hidden = hidden.array
        self.channels = channels
    }

    private var numbers: Int { target.shape[2] }
    private var hiddenCount: Int { hidden.count { $0 == 1 } }
    /// What the sum is divided by: the count of pixels gets the 1e-5, and the channels divide afterwards.
    private var divisor: Double {
        (Double(hiddenCount * (numbers / channels)) + 1e-5) * Double(channels)
    }

    /// The loss, its slope for every prediction, and the loss of each image by itself, without the 1e-5.
    func loss(of predicted: Tensor) -> (value: Double, slope: Tensor, perImage: Tensor) {
        let (images, patches, numbers, divisor) = (target.shape[0], target.shape[1], numbers, divisor)
        var slope = [Float](repeating: 0, count: target.count)
        var perImage = [Float](repeating: 0, count: images)
        let step = Float(1 / divisor)
        var total = 0.0
        target.withUnsafeBuffer { wanted in
            predicted.withUnsafeBuffer { found in
                for image in 0..<images {
                    var (sum, count) = (0.0, 0)
                    for row in image * patches..<(image + 1) * patches where hidden[row] == 1 {
                        count += numbers
                        for place in row * numbers..<(row + 1) * numbers {
                            let difference = found[place] - wanted[place]
                            sum += Double(abs(difference))
                            slope[place] = difference > 0 ? step : difference < 0 ? -step : 0
                        }
                    }
                    perImage[image] = Float(sum / Double(max(1, count)))
                    total += sum
                }
            }
        }
        return (total / divisor, Tensor(slope, target.shape), Tensor(perImage, [images]))
    }

    /// The loss of predicting the mean of the hidden patches for all of them.
    var constantLoss: Double {
        let (numbers, rows) = (numbers, hidden.indices.filter { hidden[$0] == 1 })
        return target.withUnsafeBuffer { values in
            var mean = [Double](repeating: 0, count: numbers)
            for row in rows {
                for place in 0..<numbers { mean[place] += Double(values[row * numbers + place]) / Double(rows.count) }
            }
            var sum = 0.0
            for row in rows {
                for place in 0..<numbers { sum += abs(Double(values[row * numbers + place]) - mean[place]) }
            }
            return sum / divisor
        }
    }
}
