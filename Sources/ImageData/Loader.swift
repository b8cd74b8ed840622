import Locks
public import RandomStreams

/// A picture that could not be read, and what was taken in its place.
public struct UnreadablePicture: Sendable, Equatable, Codable {
    /// The picture's number in the source.
    public var sample: Int
    /// What identifies it to a person.
    public var key: String
    /// The picture taken in its place.
    public var replacement: Int
    /// Why it could not be read.
    public var error: ImageError

    /// A picture that was replaced.
    public init(sample: Int, key: String, replacement: Int, error: ImageError) {
        self.sample = sample
        self.key = key
        self.replacement = replacement
        self.error = error
    }
}

/// A picture that its decoder took in spite of faults.
public struct DamagedPicture: Sendable, Equatable, Codable {
    /// What identifies it to a person.
    public var key: String
    /// The decoder's first complaint.
    public var fault: String
}

/// The pictures of one training step. It has no labels: they never reach pretraining.
public struct ImageBatch: Sendable {
    /// The numbers [B, C, H, W]; of the first views where the transform makes several.
    public var images: [Float]
    /// The numbers of the other views, `[B, C, h, w]` each.
    public var otherViews: [[Float]]
    /// B, C, H, W.
    public var shape: [Int]
    /// B, C, h, w of each of the other views.
    public var otherShapes: [[Int]] = []
    /// The numbers of the pictures in their source [B].
    public var samples: [Int]
    /// What identifies each picture in its source, such as a path [B].
    public var keys: [String]
    /// Whether the transform mirrored each picture left to right [B].
    public var mirrored: [Bool]
    /// The pass over the data, from 0.
    public var epoch: Int
    /// The step since the beginning of the run, from 0.
    public var step: Int
    /// The pictures of this batch that had to be replaced.
    public var unreadable: [UnreadablePicture]
    /// The pictures of this batch that were decoded in spite of faults.
    public var damaged: [DamagedPicture] = []
}

/// Hands out the batches of training, made ahead by threads of its own.
///
/// Batch `step` is a function of (random stream, step): the order of an epoch is a permutation drawn for it, the
/// augmentation of a picture is drawn for (epoch, picture), and neither depends on batches before, on the number of
/// threads or on where a run was stopped and resumed. The incomplete batch at the end of an epoch is dropped.
///
/// A picture that cannot be read is replaced by one drawn for its place in the epoch. As soon as the different pictures
/// found unreadable are more than `corruptLimit` of all pictures of the source, `next` throws.
///
/// Loaders of several processes may share the batches: each makes its own, and is told what the others found (`count`).
public final class Loader: Sendable {
    /// Whole batches in an epoch, cut to a multiple of `accumulate`.
    public let stepsPerEpoch: Int
    private let plan: BatchPlan
    private let corruptLimit: Double
    private let prefetcher: Prefetcher<ImageBatch>
    private let known: Locked<Set<Int>>

    /// A loader whose first batch is that of `firstStep + offset`, and each after it that of `stride` steps later.
    ///
    /// - Parameters:
    ///   - accumulate: batches that belong together; an epoch ends with a whole group of them.
    ///   - random: the stream of the data; its children are `order`, `augment`, `tile` and `replacement`.
    ///   - corruptLimit: the share of the source's pictures that may be unreadable, 0…1.
    ///   - threads: threads to start; with 0, batches are made when they are asked for.
    ///   - unreadable: the pictures that earlier batches of the same run found unreadable.
    public init(
        source: any ImageSource, transform: any ImageTransform, batchSize: Int, accumulate: Int = 1,
        random: RandomStream, corruptLimit: Double, threads: Int, firstStep: Int = 0, offset: Int = 0, stride: Int = 1,
        unreadable: Set<Int> = []
    ) throws(ImageError) {
        precondition(
            batchSize >= 1 && accumulate >= 1 && firstStep >= 0 && offset >= 0 && stride >= 1,
            "batch size \(batchSize), accumulate \(accumulate), first step \(firstStep), \(offset) of \(stride)")
        guard source.count >= batchSize * accumulate else {
            throw ImageError(
                .empty, path: "",
                "the source has \(source.count) pictures, fewer than a step of \(batchSize * accumulate); "
                    + "lower train.batch_size")
        }
        let plan = BatchPlan(
            source: source, transform: transform, batchSize: batchSize, accumulate: accumulate, random: random)
        self.plan = plan
        self.corruptLimit = corruptLimit
        known = Locked(unreadable)
        stepsPerEpoch = plan.stepsPerEpoch
        prefetcher = Prefetcher(threads: threads, ahead: threads + 1, count: nil) { number in
            Result { () throws(ImageError) in try plan.batch(firstStep + offset + stride * number) }
        }
    }

    /// The next batch; waits until it is there.
    public func next() throws(ImageError) -> ImageBatch {
        guard let result = prefetcher.next() else { throw ImageError(.io, path: "", "the loader was stopped") }
        let batch = try result.get()
        if !batch.unreadable.isEmpty { try count(batch.unreadable) }
        return batch
    }

    /// Seconds that `next` has waited for batches so far.
    public var waitedSeconds: Double { prefetcher.waitedSeconds }

    /// The different pictures found unreadable so far.
    public var unreadable: Set<Int> { known.withLock { $0 } }

    /// Ends the threads; at most the pictures in work are still finished.
    public func stop() { prefetcher.stop() }

    /// Counts pictures that were found unreadable, here or by another process; throws where they are too many.
    public func count(_ pictures: [UnreadablePicture]) throws(ImageError) {
        let bad = known.withLock { known in
            known.formUnion(pictures.map(\.sample))
            return known.count
        }
        let total = plan.source.count
        guard Double(bad) > corruptLimit * Double(total), let last = pictures.last else { return }
        var error = last.error
        error.message =
            "\(error.message); \(bad) of \(total) pictures found unreadable so far, more than the share of \(corruptLimit) "
            + "that data.corrupt_limit allows. Repair or remove them, or raise the limit"
        throw error
    }
}

/// Which pictures make a batch, and how.
struct BatchPlan: Sendable {
    /// Draws for a replacement before giving up.
    static let tries = 100

    let source: any ImageSource
    let transform: any ImageTransform
    let batchSize: Int
    let accumulate: Int
    let random: RandomStream
    /// The order of the epoch last asked for: a permutation of a million numbers takes a while.
    private let orders = Locked<(epoch: Int, order: [Int])?>(nil)

    init(
        source: any ImageSource, transform: any ImageTransform, batchSize: Int, accumulate: Int, random: RandomStream
    ) {
        self.accumulate = accumulate
        self.source = source
        self.transform = transform
        self.batchSize = batchSize
        self.random = random
    }

    var stepsPerEpoch: Int { source.count / batchSize / accumulate * accumulate }

    func batch(_ step: Int) throws(ImageError) -> ImageBatch {
        let epoch = step / stepsPerEpoch
        let first = step % stepsPerEpoch * batchSize
        let order = order(of: epoch)
        let shape = transform.shape
        let counts = transform.viewCounts
        let size = counts[0]
        var batch = ImageBatch(
            images: [Float](repeating: 0, count: batchSize * size),
            otherViews: counts.dropFirst().map { [Float](repeating: 0, count: batchSize * $0) },
            shape: [batchSize, shape.channels, shape.height, shape.width], samples: [], keys: [], mirrored: [],
            epoch: epoch, step: step, unreadable: [])
        batch.otherShapes = transform.viewSizes.dropFirst().map { [batchSize, shape.channels, $0.height, $0.width] }
        let augment = random.child("augment").child(epoch)
        for row in 0..<batchSize {
            let (sample, image, failed) = try picture(
                order[first + row], epoch: epoch, position: first + row, augment: augment)
            batch.samples.append(sample)
            batch.keys.append(source.key(sample))
            batch.mirrored.append(transform.mirrors(random: augment.child(sample)))
            batch.unreadable += failed
            if let fault = image.fault { batch.damaged.append(DamagedPicture(key: source.key(sample), fault: fault)) }
            let place = row * size..<(row + 1) * size
            guard counts.count > 1 else {
                batch.images.withUnsafeMutableBufferPointer {
                    transform.write(
                        image, random: augment.child(sample), into: UnsafeMutableBufferPointer(rebasing: $0[place]))
                }
                continue
            }
            guard let views = transform(image, random: augment.child(sample)) else { continue }
            batch.images.replaceSubrange(place, with: views[..<size])
            var start = size
            for (view, count) in counts.dropFirst().enumerated() {
                batch.otherViews[view].replaceSubrange(
                    row * count..<(row + 1) * count, with: views[start..<start + count])
                start += count
            }
        }
        return batch
    }

    /// The picture of a place in an epoch, or the one that replaces it.
    private func picture(
        _ wanted: Int, epoch: Int, position: Int, augment: RandomStream
    ) throws(ImageError) -> (sample: Int, image: DecodedImage, failed: [UnreadablePicture]) {
        var sample = wanted
        var failed: [UnreadablePicture] = []
        var stream = random.child("replacement").child(epoch).child(position)
        while true {
            do throws(ImageError) {
                let (transform, drawn) = (transform, sample)
                let draw = PictureDraw(
                    reduction: { transform.reduction(height: $0, width: $1, random: augment.child(drawn)) },
                    tile: random.child("tile").child(epoch).child(sample))
                let image = try source.image(sample, channels: transform.shape.channels, draw: draw)
                for i in failed.indices { failed[i].replacement = sample }
                return (sample, image, failed)
            } catch {
                // Another picture would not fit the model either, and to go through all of them would hide why.
                guard error.reason != .channels else { throw error }
                let picture = UnreadablePicture(sample: sample, key: source.key(sample), replacement: -1, error: error)
                failed.append(picture)
                guard failed.count < Self.tries else { throw error }
                sample = stream.integer(below: source.count)
            }
        }
    }

    private func order(of epoch: Int) -> [Int] {
        orders.withLock { kept in
            if let kept, kept.epoch == epoch { return kept.order }
            var stream = random.child("order").child(epoch)
            let order = stream.permutation(source.count)
            kept = (epoch, order)
            return order
        }
    }
}

extension ImageSource {
    /// A picture with the channels that a model wants, all of its numbers finite.
    public func image(_ index: Int, channels: Int, draw: PictureDraw = PictureDraw()) throws(ImageError) -> DecodedImage
    {
        let image = try image(index, draw: draw)
        if let converted = image.converted(toChannels: channels) {
            guard let fault = converted.notFiniteFault else { return converted }
            throw ImageError(.corrupt, path: "", member: key(index), fault)
        }
        throw ImageError(
            .channels, path: "", member: key(index),
            "the picture has \(image.channels) channels and the model \(channels); only 1 and 3 are converted into one "
                + "another. For pictures like this one: --set model.channels=\(image.channels); where others "
                + "stand beside them, keep each kind in a folder of its own")
    }
}
