public import Autodiff
public import ImageMasking
public import Optimizers
import RandomStreams
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

    /// The restoration loss of a batch.
    public func loss(
        _ batch: Batch, _ plan: MaskPlan, _ request: StepRequest, on tape: inout Tape
    ) throws -> StepResult {
        let pictures = perChannel(batch.images) { $0 * deviation[$1] + mean[$1] }
        let corruption = try corruption(of: pictures, batch, plan, request)
        let drop = DropPath.drawn(
            rate: encoder.options.dropPath, depth: encoder.options.depth,
            streams: batch.streams(request.random.child("drop_path")))
        let (loss, seen, predicted) = restoration(
            pictures: pictures, target: batch.images, corruption, drop: drop, on: &tape, trace: request.trace)
        let constant =
            request.wantsConstantLoss
            ? constantLoss(of: batch.images, perImage: true, engine: tape.engine) {
                distance($0, $1, corruption, on: &$2).loss
            } : nil
        var result = StepResult(loss: loss, constantLoss: constant)
        if request.wantsImages { result.shown = [ShownImages("seen", seen), ShownImages("predicted", predicted)] }
        return result
    }

    /// The loss of pictures `[B, C, H, W]` in [0, 1] under a corruption whose draws are made.
    public func loss(
        pictures: Tensor, _ corruption: Corruption, on tape: inout Tape, trace: ForwardTrace? = nil
    ) -> Variable {
        restoration(
            pictures: pictures, target: normalized(pictures), corruption, drop: nil, on: &tape, trace: trace
        ).loss
    }

    /// The loss, the corrupted pictures as the encoder saw them, and the predicted ones.
    private func restoration(
        pictures: Tensor, target: Tensor, _ corruption: Corruption, drop: [BranchFactors]?, on tape: inout Tape,
        trace: ForwardTrace?
    ) -> (loss: Variable, seen: Tensor, predicted: Tensor) {
        let corrupted = corruption.applied(to: pictures, engine: tape.engine, trace: trace)
        let input = normalized(corrupted)
        let encoded = encoder(input, parameters, drop: drop, on: &tape, trace: trace)
        let shape = pictures.shape
        let prediction = tape.unpatchify(
            head(encoded.normed, parameters, on: &tape), patch: PatchSize(encoder.options.patchSize),
            order: .channelsFirst, channels: shape[1], height: shape[2], width: shape[3])
        let (loss, map) = distance(prediction, target, corruption, on: &tape)
        if let trace {
            trace.record("act/corrupted", corrupted)
            trace.record("act/input", input)
            trace.record("act/target", target)
            trace.record("act/prediction", prediction.value)
            trace.record("act/loss_map", map)
        }
        return (loss, input, prediction.value)
    }

    private func distance(
        _ prediction: Variable, _ target: Tensor, _ corruption: Corruption, on tape: inout Tape
    ) -> (loss: Variable, map: Tensor) {
        var removed: FrequencyMask?
        if case .frequencies(let mask) = corruption, options.comparesRemovedAlone { removed = mask }
        return FrequencyLoss(options: options.frequencyLoss)(prediction, target: target, removed: removed, on: &tape)
    }

    /// What is done to a batch: the plan's filters, or what the pretext draws for each picture from its own stream.
    private func corruption(
        of pictures: Tensor, _ batch: Batch, _ plan: MaskPlan, _ request: StepRequest
    ) throws -> Corruption {
        switch (options.pretext, plan) {
        case (.mfm, .frequencies(let mask)): return .frequencies(mask)
        case (.superResolution, .nothing): return .superResolution(options.sr)
        case (.deblur, .nothing):
            return .blur(
                batch.streams(request.random.child("blur")).map { stream in
                    var stream = stream
                    return options.blur.drawn(&stream)
                })
        case (.denoise, .nothing):
            let channels = pictures.shape[1]
            let size = pictures.count / pictures.shape[0]
            return pictures.withUnsafeBuffer { all in
                .noise(
                    batch.streams(request.random.child("noise")).enumerated().map { image, stream in
                        var stream = stream
                        let picture = UnsafeBufferPointer(rebasing: all[image * size..<(image + 1) * size])
                        return options.noise.drawn(for: picture, channels: channels, &stream)
                    })
            }
        default: throw MethodError.wrongPlan(method: MFMOptions.name, plan.kind)
        }
    }

    private func normalized(_ pictures: Tensor) -> Tensor {
        perChannel(pictures) { ($0 - mean[$1]) / deviation[$1] }
    }

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
