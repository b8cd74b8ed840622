public import Autodiff
import ImageMasking
public import RandomStreams
public import VisionTransformers

/// Predicting the pixels of hidden patches: MAE's decoder, target and loss.
///
/// The loss is the mean over hidden patches of the mean squared error of a patch (He et al., arXiv 2111.06377).
public struct PixelReconstruction: Sendable {
    private let decoder: Decoder
    private let pixels: PixelTarget

    /// A decoder behind an encoder, added to `store`; the target may be normalised patch by patch.
    public init(
        _ size: Decoder.Size, behind encoder: Encoder, normalizesTarget: Bool, adding store: inout ParameterStore,
        random: RandomStream
    ) {
        let side = encoder.options.patchSize
        decoder = Decoder(
            size, behind: encoder, outputs: encoder.options.channels * side * side, adding: &store, random: random)
        pixels = PixelTarget(patchSize: side, isNormalized: normalizesTarget)
    }

    /// The loss of images `[B, C, H, W]` whose visible patches were encoded to `tokens` `[B, prefix + K, D]`.
    func callAsFunction(
        _ tokens: Variable, of images: Tensor, _ mask: PatchMask, _ request: StepRequest, _ store: ParameterStore,
        on tape: inout Tape
    ) -> StepResult {
        let trace = request.trace
        let predicted = decoder(tokens, restore: mask.restoreRows, store, on: &tape, trace: trace?.scope("decoder"))
        let target = target(of: images, engine: tape.engine)
        let hidden = mask.hiddenFlags
        let (loss, perPatch) = tape.maskedMeanSquared(predicted, target: target, mask: hidden)
        if let trace {
            trace.record("target", target)
            trace.record("mask", hidden)
            trace.record("loss_per_patch", perPatch)
        }
        let constant = request.wantsConstantLoss ? bestConstantError(of: target, counting: hidden) : nil
        var result = StepResult(loss: loss, constantLoss: constant)
        if request.wantsImages {
            result.shown = pixels.shown(predicted.value, mask, of: images, engine: tape.engine)
        }
        return result
    }

    /// What a patch is to be predicted as, `[B, L, P]`.
    public func target(of images: Tensor, engine: Engine) -> Tensor { pixels(of: images, engine: engine) }
}
