import Foundation
import ImageData
import Pretraining
import PretrainingMethods
import VisionTransformers

/// Opens the images that recipes and `--data` name.
enum DataAccess {
    /// The dataset cards of the working directory and those shipped.
    static var cards: DatasetCards { DatasetCards(folders: RecipeLibrary.folders("datasets")) }

    /// The recipe with mean, deviation and value range written out; what was found goes to standard error.
    static func resolved(_ recipe: Recipe, quiet: Bool = false) throws -> Recipe {
        var resolved = recipe
        let data = try recipe.data.resolved(
            cards: cards, source: try source(recipe.data, .train), channels: recipe.model.channels)
        resolved.data = data.options
        let lines = data.warnings.map { "warning: \($0)" } + (quiet ? [] : data.notes)
        for line in lines { try? FileHandle.standardError.write(contentsOf: Data("\(line)\n".utf8)) }
        return resolved
    }

    static func source(_ data: DataOptions, _ part: DatasetPart) throws -> any ImageSource {
        try data.open(part, cards: cards)
    }

    static func trainingTransform(_ recipe: Recipe) throws -> any ImageTransform {
        recipe.trainingTransform(try constants(recipe))
    }

    static func evaluationTransform(_ recipe: Recipe) throws -> EvaluationTransform {
        recipe.data.evaluationTransform(
            channels: recipe.model.channels, normalization: try constants(recipe))
    }

    private static func constants(_ recipe: Recipe) throws -> Normalization {
        try recipe.data.normalization(channels: recipe.model.channels, cards: cards)
    }
}
