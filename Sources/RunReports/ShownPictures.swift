public import Autodiff
public import ImageData
import Pretraining

/// Some pictures of a source in the form of evaluation, to be looked at.
public struct ShownPictures {
    /// The pictures, `[B, C, H, W]`, normalised.
    public let images: Tensor
    /// The part that they are of.
    public let part: DatasetPart
    /// Pictures among them that could not be read.
    public let skipped: [SkippedPicture]

    /// The first `count` readable pictures of a source; throws where there is none.
    public init(
        first count: Int, of source: any ImageSource, _ part: DatasetPart, transform: EvaluationTransform
    ) throws {
        let loader = EvaluationLoader(
            source: source, transform: transform, batchSize: 1, threads: 0, requiresLabels: false, policy: .skip)
        var values: [Float] = []
        var shape: [Int] = []
        var skipped: [SkippedPicture] = []
        // A source without any readable picture is an error of the loader's.
        while (shape.first ?? 0) < count, let batch = try loader.next() {
            skipped += batch.skipped
            values += batch.images
            shape = [(shape.first ?? 0) + batch.shape[0]] + batch.shape.dropFirst()
        }
        images = Tensor(values, Shape(shape))
        self.part = part
        self.skipped = skipped
    }
}
