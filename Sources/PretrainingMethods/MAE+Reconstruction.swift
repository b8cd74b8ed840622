public import Autodiff
public import ImageMasking
import RandomStreams
import VisionTransformers

extension MAE: PixelReconstructing {
    /// The decoder's predictions for all patches, visible ones too, as images.
    public func reconstructed(_ batch: Batch, _ plan: MaskPlan, engine: Engine) throws -> Tensor {
        let trace = ForwardTrace()
        var tape = Tape(engine: engine, recording: false)
        let request = StepRequest(random: RandomStream(seed: 0), trace: trace)
        _ = try loss(batch, plan, request, on: &tape)
        guard let predicted = trace.points["act/pred"] else { return batch.images }
        let patches = tape.patchify(tape.constant(batch.images), patch: patch, order: .channelsLast).value
        let values = options.normPixLoss ? denormalized(predicted, patches) : predicted
        let shape = batch.images.shape
        return tape.unpatchify(
            tape.constant(values), patch: patch, order: .channelsLast, channels: shape[1], height: shape[2],
            width: shape[3]
        ).value
    }

    /// Predictions with the mean and deviation of the true patches: the inverse of the target's normalisation.
    private func denormalized(_ predicted: Tensor, _ patches: Tensor) -> Tensor {
        let count = patches.shape[2]
        var values = predicted.array
        let pixels = patches.array
        for start in stride(from: 0, to: values.count, by: count) {
            let patch = pixels[start..<start + count]
            let mean = patch.reduce(0, +) / Float(count)
            let variance = patch.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(max(1, count - 1))
            let deviation = (variance + 1e-6).squareRoot()
            for index in start..<start + count { values[index] = values[index] * deviation + mean }
        }
        return Tensor(values, predicted.shape)
    }
}
