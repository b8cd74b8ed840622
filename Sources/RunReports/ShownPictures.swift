public import Autodiff
public import ImageData
public import Pretraining
import RandomStreams

/// Some pictures of a source in the form of evaluation, to be looked at.
public struct ShownPictures {
    /// The pictures, `[B, C, H, W]`, normalised.
    public let images: Tensor
    /// Views of them as training makes some, `[B, C, h, w]` each; empty where the method has none to show.
    public let views: [Tensor]
    /// The part that they are of.
    public let part: DatasetPart
    /// Pictures among them that could not be read.
    public let skipped: [SkippedPicture]

    /// The first `count` readable pictures of a source, for a method of a recipe; throws where there is none.
    public init(
        first count: Int, of source: any ImageSource, _ part: DatasetPart, transform: EvaluationTransform,
        for recipe: Recipe
    ) throws {
        var views = recipe.showsViews ? Views(recipe.trainingTransform(transform.normalization)) : nil
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
            for sample in batch.samples { try views?.add(source, sample) }
        }
        images = Tensor(values, Shape(shape))
        self.views = views?.tensors ?? []
        self.part = part
        self.skipped = skipped
    }
}

/// Views of pictures, collected one picture after the other.
private struct Views {
    private let transform: any ImageTransform
    /// The numbers of each view, of all pictures.
    private var values: [[Float]]
    private var count = 0

    init(_ transform: any ImageTransform) {
        self.transform = transform
        values = transform.viewSizes.map { _ in [] }
    }

    /// Draws the views of a picture: of the same picture always the same.
    mutating func add(_ source: any ImageSource, _ sample: Int) throws {
        let image = try source.image(sample, channels: transform.shape.channels)
        let random = RandomStream(seed: 0).child("view").child(sample)
        guard let numbers = transform(image, random: random) else { return }
        var place = 0
        for (view, size) in transform.viewSizes.enumerated() {
            let length = transform.shape.channels * size.height * size.width
            values[view] += numbers[place..<place + length]
            place += length
        }
        count += 1
    }

    /// `[B, C, h, w]` for each view.
    var tensors: [Tensor] {
        zip(values, transform.viewSizes).map {
            Tensor($0, [count, transform.shape.channels, $1.height, $1.width])
        }
    }
}
