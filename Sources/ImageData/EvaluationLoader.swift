import Locks
import RandomStreams

/// Consecutive pictures of a source, for evaluation.
public struct EvaluationBatch: Sendable {
    /// The numbers [B, C, H, W].
    public var images: [Float]
    /// B, C, H, W.
    public var shape: [Int]
    /// The numbers of the pictures in their source [B], ascending.
    public var samples: [Int]
    /// Their labels [B]; nil where a picture has none.
    public var labels: [Int?]
    /// Their sizes before they were resized [B].
    public var sizes: [ImageSize] = []
    /// The pictures of this stretch of the source that could not be read and are not among the rows.
    public var skipped: [SkippedPicture] = []
}

/// A picture that was left out of an evaluation.
public struct SkippedPicture: Sendable, Equatable, Codable {
    /// The picture's number in the source.
    public var sample: Int
    /// What identifies it to a person.
    public var key: String
    /// Why it could not be read.
    public var error: ImageError

    /// A picture that is left out.
    public init(sample: Int, key: String, error: ImageError) {
        self.sample = sample
        self.key = key
        self.error = error
    }
}

extension [SkippedPicture] {
    /// Sentences that name the first of the pictures and count the others.
    package var notes: [String] {
        let named = prefix(3).map { "\($0.key) is left out: \($0.error.message)" }
        return named + (count > 3 ? ["and so are \(count - 3) more that cannot be read"] : [])
    }
}

/// Hands out all pictures of a source once, in its order, in the form of evaluation, with their labels.
public final class EvaluationLoader: Sendable {
    /// What a picture that cannot be read does.
    public enum Policy: Sendable {
        /// It ends the evaluation with an error: a score over the others would be of another set.
        case strict
        /// It is left out, and told in `EvaluationBatch.skipped`. A source without a readable picture is an error.
        case skip
    }

    private let prefetcher: Prefetcher<EvaluationBatch>
    /// The pictures of the source; nil where only some of them are handed out.
    private let count: Int?
    private let left = Locked<(skipped: Int, first: ImageError?)>((0, nil))

    /// - Parameters:
    ///   - requiresLabels: makes a picture without a label an error that names it.
    ///   - threads: threads to start; with 0, batches are made when they are asked for.
    ///   - offset: the first batch that is handed out, where other processes have the others.
    ///   - stride: every so manyth batch from there is. A source without a readable picture is then no error of one loader.
    public init(
        source: any ImageSource, transform: EvaluationTransform, batchSize: Int, threads: Int, requiresLabels: Bool,
        policy: Policy = .strict, offset: Int = 0, stride: Int = 1
    ) {
        precondition(batchSize >= 1, "batch size \(batchSize)")
        precondition((0..<stride).contains(offset), "batches \(offset) of every \(stride)")
        let batches = source.count / batchSize + (source.count % batchSize == 0 ? 0 : 1)
        let own = batches / stride + (batches % stride > offset ? 1 : 0)
        count = stride == 1 ? source.count : nil
        prefetcher = Prefetcher(threads: threads, ahead: threads + 1, count: own) { number in
            Result { () throws(ImageError) in
                let first = (offset + number * stride) * batchSize
                return try Self.batch(
                    first..<min(source.count, first + batchSize), source, transform, requiresLabels, policy)
            }
        }
    }

    /// The next batch of at least one picture, perhaps smaller than the others; nil after the last one, whose
    /// `skipped` may follow in a batch of no rows.
    public func next() throws(ImageError) -> EvaluationBatch? {
        guard let batch = try prefetcher.next()?.get() else { return nil }
        guard let error = batch.skipped.first?.error else { return batch }
        let state = left.withLock { state in
            state.skipped += batch.skipped.count
            if state.first == nil { state.first = error }
            return state
        }
        if let count, state.skipped == count, let first = state.first { throw Self.nothing(of: count, first) }
        return batch
    }

    /// The error of a source of so many pictures none of which can be read, from what is wrong with the first.
    package static func nothing(of count: Int, _ first: ImageError) -> ImageError {
        var error = first
        error.message = "none of the \(count) pictures can be read; the first: \(first.message)"
        return error
    }

    private static func batch(
        _ samples: Range<Int>, _ source: any ImageSource, _ transform: EvaluationTransform, _ requiresLabels: Bool,
        _ policy: Policy
    ) throws(ImageError) -> EvaluationBatch {
        let shape = transform.shape
        let size = shape.channels * shape.height * shape.width
        var batch = EvaluationBatch(
            images: [Float](repeating: 0, count: samples.count * size),
            shape: [0, shape.channels, shape.height, shape.width], samples: [], labels: [])
        if requiresLabels, let missing = samples.first(where: { source.label($0) == nil }) {
            throw ImageError(
                .label, path: "", member: source.key(missing),
                "has no label, and this evaluation needs one for every picture")
        }
        for sample in samples {
            let row = batch.samples.count
            let image: DecodedImage
            do throws(ImageError) {
                image = try source.image(sample, channels: shape.channels)
            } catch {
                // Channels that do not fit are a mistake of the recipe, not a fault of the picture.
                guard policy == .skip, error.reason != .channels else { throw error }
                batch.skipped.append(SkippedPicture(sample: sample, key: source.key(sample), error: error))
                continue
            }
            batch.images.withUnsafeMutableBufferPointer { images in
                transform.write(
                    image, mirrored: false,
                    into: UnsafeMutableBufferPointer(rebasing: images[(row * size)..<((row + 1) * size)]))
            }
            batch.samples.append(sample)
            batch.sizes.append(ImageSize(height: image.height, width: image.width))
            batch.labels.append(source.label(sample))
        }
        batch.shape[0] = batch.samples.count
        batch.images.removeLast((samples.count - batch.samples.count) * size)
        return batch
    }
}
