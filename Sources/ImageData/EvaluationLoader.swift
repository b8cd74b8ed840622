import RandomStreams

/// Consecutive pictures of a source, for evaluation.
public struct EvaluationBatch: Sendable {
    /// The numbers [B, C, H, W].
    public var images: [Float]
    /// B, C, H, W.
    public var shape: [Int]
    /// The numbers of the pictures in their source.
    public var samples: Range<Int>
    /// Their labels; nil where a picture has none.
    public var labels: [Int?]
}

/// Hands out all pictures of a source once, in its order, in the form of evaluation, with their labels.
///
/// The first picture that cannot be read ends the evaluation: a score over the readable ones would be of another set.
public final class EvaluationLoader: Sendable {
    private let prefetcher: Prefetcher<EvaluationBatch>

    /// - Parameters:
    ///   - requiresLabels: makes a picture without a label an error that names it.
    ///   - threads: threads to start; with 0, batches are made when they are asked for.
    public init(
        source: any ImageSource, transform: EvaluationTransform, batchSize: Int, threads: Int, requiresLabels: Bool
    ) {
        precondition(batchSize >= 1, "batch size \(batchSize)")
        let batches = (source.count + batchSize - 1) / batchSize
        prefetcher = Prefetcher(threads: threads, ahead: threads + 1, count: batches) { number in
            Result { () throws(ImageError) in
                let samples = (number * batchSize)..<min(source.count, (number + 1) * batchSize)
                return try Self.batch(samples, source, transform, requiresLabels)
            }
        }
    }

    /// The next batch, the last one possibly smaller; nil after it.
    public func next() throws(ImageError) -> EvaluationBatch? { try prefetcher.next()?.get() }

    private static func batch(
        _ samples: Range<Int>, _ source: any ImageSource, _ transform: EvaluationTransform, _ requiresLabels: Bool
    ) throws(ImageError) -> EvaluationBatch {
        let shape = transform.shape
        let size = shape.channels * shape.height * shape.width
        var batch = EvaluationBatch(
            images: [Float](repeating: 0, count: samples.count * size),
            shape: [samples.count, shape.channels, shape.height, shape.width], samples: samples,
            labels: samples.map { source.label($0) })
        if requiresLabels, let missing = batch.labels.firstIndex(of: nil) {
            throw ImageError(
                .label, path: "", member: source.key(samples.lowerBound + missing),
                "has no label, and this evaluation needs one for every picture")
        }
        for (row, sample) in samples.enumerated() {
            let image = try source.image(sample, channels: shape.channels)
            batch.images.withUnsafeMutableBufferPointer { images in
                transform.write(
                    image, mirrored: false,
                    into: UnsafeMutableBufferPointer(rebasing: images[(row * size)..<((row + 1) * size)]))
            }
        }
        return batch
    }
}
