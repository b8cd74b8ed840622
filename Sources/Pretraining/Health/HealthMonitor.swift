import Autodiff
import Evaluation
import ImageData
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Looks at the features of a fixed set of training pictures from time to time: signs of collapse that no loss shows.
///
/// The pictures are max(512, 2·width) of the source, in evaluation form, through the encoder that the run keeps. A check costs
/// no more than training on as many pictures, so there is one before the first step, then one about every sixty times as many
/// pictures: less than two percent of the time.
struct HealthMonitor {
    private let pictures: ProbePictures
    private let transform: EvaluationTransform
    private let interval: Int
    private let engine: Engine

    /// A monitor for a run; nil where the source has no two readable pictures.
    init?(_ recipe: Recipe, source: any ImageSource, engine: Engine) {
        let count = min(max(512, 2 * recipe.model.width), source.count)
        let random = RandomStream(seed: UInt64(recipe.seed)).child("health")
        guard let pictures = ProbePictures(of: source, count: count, random: random) else { return nil }
        self.pictures = pictures
        transform = recipe.data.evaluationTransform(
            channels: recipe.model.channels,
            normalization: Normalization(mean: recipe.data.mean ?? [0], deviation: recipe.data.deviation ?? [1]))
        let images = 60 * pictures.count
        interval = max(1, (images + recipe.train.effectiveBatch - 1) / recipe.train.effectiveBatch)
        self.engine = engine
    }

    /// Whether a check is due after `step` optimiser steps of `last`.
    func isDue(after step: Int, of last: Int) -> Bool { step % interval == 0 || step == last }

    /// The figures of an encoder; nil where a picture cannot be read any more.
    func figures(_ encoder: Encoder, _ parameters: ParameterStore) -> HealthFigures? {
        guard let extractor = try? FeatureExtractor(encoder, parameters, engine: engine),
            let table = try? extractor.table(of: pictures, transform, requiresLabels: false)
        else { return nil }
        return HealthFigures(table)
    }
}
