public import Autodiff
import ImageMasking

/// What patches are to be predicted as: their pixels, row, column, channel, normalised patch by patch if so wished.
public struct PixelTarget: Sendable {
    private let patch: PatchSize
    private let isNormalized: Bool

    /// Targets of square patches of a side, in pixels.
    public init(patchSize: Int, isNormalized: Bool) {
        patch = PatchSize(patchSize)
        self.isNormalized = isNormalized
    }

    /// The targets of images `[B, C, H, W]`: of all patches in raster order, or of `rows` in its order. `[B, L or K, P]`.
    ///
    /// A normalised patch is (t − mean)/√(variance + 1e-6), the variance divided by P − 1.
    public func callAsFunction(of images: Tensor, rows: RowIndices? = nil, engine: Engine) -> Tensor {
        let patches = patches(of: images, rows, engine)
        return isNormalized ? Tape(engine: engine, recording: false).normalizedPixels(patches) : patches
    }

    /// Predictions `[B, L, P]` to be looked at: by themselves, and with the visible patches put back.
    func shown(_ predicted: Tensor, _ mask: PatchMask, of images: Tensor, engine: Engine) -> [ShownImages] {
        let pictures = self.images(of: predicted, like: images, engine: engine)
        return [
            ShownImages(
                "predicted", pictures,
                caution: "\"predicted\" at visible patches is noise, since no loss asks for them"
                    + (isNormalized
                        ? "; predictions are shown with the true patch's mean and contrast, which the model does not know"
                        : "")),
            ShownImages("predicted with the visible patches", mask.joined(seen: images, hidden: pictures)),
        ]
    }

    /// Targets `[B, L, P]` as images `[B, C, H, W]`; normalised ones get mean and deviation of the true patches.
    func images(of predicted: Tensor, like images: Tensor, engine: Engine) -> Tensor {
        let values = isNormalized ? denormalized(predicted, patches(of: images, nil, engine)) : predicted
        var tape = Tape(engine: engine, recording: false)
        let shape = images.shape
        return tape.unpatchify(
            tape.constant(values), patch: patch, order: .channelsLast, channels: shape[1], height: shape[2],
            width: shape[3]
        ).value
    }

    private func patches(of images: Tensor, _ rows: RowIndices?, _ engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        return tape.patchify(tape.constant(images), patch: patch, order: .channelsLast, of: rows).value
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
