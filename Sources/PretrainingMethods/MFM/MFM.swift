public import Autodiff
import ImageMasking
public import Optimizers
public import RandomStreams
import TrainingStep
public import VisionTransformers

/// Masked frequency modeling: restore the frequencies that were removed from a picture.
///
/// Xie, Li, Zhan, Liu, Ong, Loy, *Masked Frequency Modeling for Self-Supervised Visual Pre-Training*, ICLR 2023, arXiv
/// 2206.07706. The corrupted picture, all patches of it, goes through the encoder and a light head; its prediction is compared
/// with the normalised picture frequency by frequency. Three restoration pretexts share network and loss.
public struct MFM: PretrainingMethod {
    /// Encoder and head.
    public var parameters: ParameterStore
    /// The encoder.
    public let encoder: Encoder
    private let head: MFMHead
    private let options: MFMOptions
    private let mean: [Float]
    private let deviation: [Float]

    init(_ options: MFMOptions, _ context: MethodContext) {
        var store = ParameterStore(limit: context.parameterLimit)
        encoder = Encoder(
            context.encoder, grid: context.grid, traits: options.encoderTraits, adding: &store, random: context.random)
        head = MFMHead(options, behind: encoder, adding: &store, random: context.random)
        parameters = store
        self.options = options
        mean = context.mean.map { Float($0) }
        deviation = context.deviation.map { Float($0) }
    }

    /// Decay of matrices, but for the encoder's class token and positions; the decoder's positions are decayed, as in the
    /// published code.
    public func treatment(of parameter: ParameterEntry) -> ParameterTreatment {
        ["encoder.cls_token", "encoder.pos_embed"].contains(parameter.name)
            ? .undecayed : DecayRule.matrices.treatment(of: parameter)
    }

    /// All that is drawn for a batch.
    public struct Draws: Sendable {
        /// What is done to each picture.
        public var corruption: Corruption
        /// Stochastic depth of the encoder.
        public var drop: PathDraws

        /// Draws; nothing is dropped unless told otherwise.
        public init(_ corruption: Corruption, drop: PathDraws = nil) {
            self.corruption = corruption
            self.drop = drop
        }
    }

    /// The plan's filters, or what the pretext draws for each picture from its own stream; and stochastic depth.
    public func draws(for batch: Batch, _ plan: FrequencyPlan, random: RandomStream) throws -> Draws {
        Draws(
            try corruption(of: batch, plan, random),
            drop: encoder.pathDraws(for: batch, random: random))
    }

    /// The restoration loss of a batch. The draws have the plan's filters in them.
    public func loss(
        _ batch: Batch, _ plan: FrequencyPlan, _ draws: Draws, _ request: StepRequest, on tape: inout Tape
    ) -> StepResult {
        let (engine, trace, shape) = (tape.engine, request.trace, batch.images.shape)
        let corrupted = draws.corruption.applied(to: pictures(of: batch), engine: engine, trace: trace)
        let input = normalized(corrupted)
        let encoded = encoder(input, parameters, drop: draws.drop, on: &tape, trace: trace?.scope("encoder"))
        let prediction = tape.unpatchify(
            head(encoded.normed, parameters, on: &tape), patch: PatchSize(encoder.options.patchSize),
            order: .channelsFirst, channels: shape[1], height: shape[2], width: shape[3])
        let (loss, map) = distance(prediction, batch.images, draws.corruption, on: &tape)
        if let trace {
            trace.record("corrupted", corrupted)
            trace.record("input", input)
            trace.record("target", batch.images)
            trace.record("prediction", prediction.value)
            trace.record("loss_map", map)
        }
        var result = StepResult(loss: loss)
        if request.wantsConstantLoss {
            result.constantLoss = constantLoss(of: batch.images, perImage: true, engine: engine) {
                distance($0, $1, draws.corruption, on: &$2).loss
            }
        }
        if request.wantsImages {
            let own = [ShownImages("seen", input), ShownImages("predicted", prediction.value)]
            result.shown = own + spectra(of: [ShownImages("original", batch.images)] + own, engine: engine)
        }
        return result
    }

    private func distance(
        _ prediction: Variable, _ target: Tensor, _ corruption: Corruption, on tape: inout Tape
    ) -> (loss: Variable, map: Tensor) {
        var removed: FrequencyMask?
        if case .frequencies(let mask) = corruption, options.comparesRemovedAlone { removed = mask }
        return FrequencyLoss(options: options.frequencyLoss)(prediction, target: target, removed: removed, on: &tape)
    }

    /// What is done to a batch: the plan's filters, or what the pretext draws for each picture from its own stream.
    private func corruption(of batch: Batch, _ plan: FrequencyPlan, _ random: RandomStream) throws -> Corruption {
        switch (options.pretext, plan) {
        case (.mfm, .frequencies(let mask)): return .frequencies(mask)
        case (.superResolution, .nothing): return .superResolution(options.sr)
        case (.deblur, .nothing):
            return .blur(
                batch.streams(random.child("blur")).map { stream in
                    var stream = stream
                    return options.blur.drawn(&stream)
                })
        case (.denoise, .nothing):
            let pictures = pictures(of: batch)
            let channels = pictures.shape[1]
            let size = pictures.count / pictures.shape[0]
            return pictures.withUnsafeBuffer { all in
                .noise(
                    batch.streams(random.child("noise")).enumerated().map { image, stream in
                        var stream = stream
                        let picture = UnsafeBufferPointer(rebasing: all[image * size..<(image + 1) * size])
                        return options.noise.drawn(for: picture, channels: channels, &stream)
                    })
            }
        case (_, .nothing): throw MethodError.wrongPlan(method: MFMOptions.name, .nothing)
        case (_, .frequencies): throw MethodError.wrongPlan(method: MFMOptions.name, .frequencies)
        }
    }

    /// The pictures of a batch in [0, 1], their normalisation undone.
    private func pictures(of batch: Batch) -> Tensor { perChannel(batch.images) { $0 * deviation[$1] + mean[$1] } }

    /// Pictures in [0, 1], normalised.
    func normalized(_ pictures: Tensor) -> Tensor { perChannel(pictures) { ($0 - mean[$1]) / deviation[$1] } }

    /// Every number of `[B, C, H, W]` changed; `change` gets it and the place of its channel's mean and deviation.
    private func perChannel(_ images: Tensor, _ change: (Float, Int) -> Float) -> Tensor {
        var result = images
        let plane = images.shape[2] * images.shape[3]
        let channels = images.shape[1]
        let constants = mean.count
        result.withUnsafeMutableBuffer { values in
            for start in stride(from: 0, to: values.count, by: plane) {
                let channel = constants == 1 ? 0 : start / plane % channels
                for place in start..<start + plane { values[place] = change(values[place], channel) }
            }
        }
        return result
    }
}
