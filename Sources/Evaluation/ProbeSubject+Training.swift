import Autodiff
import ImageData
import RandomStreams

/// What protocols share that train on augmented pictures.
extension ProbeSubject {
    /// Threads that prepare pictures.
    private static let loaderThreads = 2

    /// Batches of augmented pictures: random crops of 8 to 100 % of the area, mirrored half of the time.
    func augmented(
        _ pictures: any ImageSource, for frozen: FrozenEncoder, batch: Int, random: RandomStream
    ) throws -> Loader {
        let transform = TrainingTransform(
            shape: frozen.evaluation.shape, crop: RandomResizedCrop(scale: 0.08...1), flip: true,
            normalization: frozen.evaluation.normalization)
        return try Loader(
            source: pictures, transform: transform, batchSize: batch, random: random, corruptLimit: 1,
            threads: Self.loaderThreads)
    }

    /// Which pictures of a source are right by each of `count` classifiers; those that cannot be read are left out. `logits` gives the
    /// scores `[B, classes]` of each of images `[B, C, H, W]`; `what` is done, for progress.
    func outcomes(
        of pictures: any ImageSource, for frozen: FrozenEncoder, classifiers count: Int, batch: Int = 250,
        _ what: String, logits: (Tensor) -> [Tensor]
    ) throws -> [[Bool]] {
        let loader = EvaluationLoader(
            source: pictures, transform: frozen.evaluation, batchSize: batch, threads: Self.loaderThreads,
            requiresLabels: true, policy: .skip)
        var hits = [[Bool]](repeating: [], count: count)
        var done = 0
        while let batch = try loader.next() {
            done += batch.samples.count + batch.skipped.count
            onProgress(what, done, pictures.count)
            guard !batch.samples.isEmpty else { continue }
            for (place, logits) in logits(Tensor(batch.images, Shape(batch.shape))).enumerated() {
                let best = Ranking.best(logits.array.map(Double.init), classes: logits.shape[1])
                hits[place] += zip(best, batch.labels).map { $0 == $1 }
            }
        }
        return hits
    }
}
