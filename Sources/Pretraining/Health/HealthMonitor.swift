import Autodiff
import Evaluation
import ImageData
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Looks at the features of a fixed set of training pictures from time to time: signs of collapse that no loss shows.
///
/// The pictures are max(512, 2·width) of the source, in evaluation form, through the encoder that the run keeps; of a short run
/// fewer, a share of what it trains on. A check costs no more than training on as many pictures, so there is one before the first
/// step, one behind the last, and between them one about every sixty times as many pictures: about two percent of the time.
struct HealthMonitor {
    private let pictures: ProbePictures
    private let transform: EvaluationTransform
    private let interval: Int
    private let engine: Engine

    /// The fewest pictures of a check, however short the run: fewer would tell nothing.
    static let fewest = 16

    /// How many pictures are looked at in a run of some steps.
    static func count(_ recipe: Recipe, steps: Int, pictures: Int) -> Int {
        let trained = steps.multipliedReportingOverflow(by: recipe.train.effectiveBatch)
        let share = trained.overflow ? Int.max : trained.partialValue / 150
        return min(max(512, 2 * recipe.model.width), max(fewest, share), pictures)
    }

    /// The pictures that each check looks at.
    var pictureCount: Int { pictures.count }

    /// A monitor of `count` pictures for a run; nil where the source has no two readable pictures.
    init?(_ recipe: Recipe, source: any ImageSource, count: Int, engine: Engine) {
        let count = min(count, source.count)
        let random = RandomStream(seed: UInt64(recipe.seed)).child("health")
        guard let pictures = ProbePictures(of: source, count: count, random: random, engine: engine) else { return nil }
        self.pictures = pictures
        transform = recipe.data.evaluationTransform(
            channels: recipe.model.channels,
            normalization: recipe.data.writtenNormalization)
        let images = 60 * pictures.count
        interval = max(1, (images + recipe.train.effectiveBatch - 1) / recipe.train.effectiveBatch)
        self.engine = engine
    }

    /// Whether a check is due after `step` optimiser steps of `last`.
    func isDue(after step: Int, of last: Int) -> Bool { step % interval == 0 || step == last }

    /// The figures of an encoder; nil where a picture cannot be read any more, or once `isStopped`.
    func figures(
        _ encoder: Encoder, _ parameters: ParameterStore, isStopped: () -> Bool
    ) -> HealthFigures? {
        guard let extractor = try? FeatureExtractor(encoder, parameters, engine: engine),
            let table = try? extractor.table(
                of: pictures, transform, requiresLabels: false, batch: 32,
                onProgress: { _ in if isStopped() { throw CancellationError() } })
        else { return nil }
        return HealthFigures(table)
    }

    /// The first of the pictures in evaluation form, `[B, C, H, W]`; nil where one cannot be read any more.
    func images(_ count: Int) -> Tensor? {
        let loader = EvaluationLoader(
            source: pictures, transform: transform, batchSize: min(count, pictures.count), threads: 0,
            requiresLabels: false)
        guard let batch = try? loader.next() else { return nil }
        return Tensor(batch.images, Shape(batch.shape))
    }
}
