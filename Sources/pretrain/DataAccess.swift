#if Commands
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
        let resolved = try recipe.resolved(source: try source(recipe.data, .train), cards: cards)
        for line in resolved.warnings.map({ "warning: \($0)" }) + (quiet ? [] : resolved.notes) { Console.say(line) }
        return resolved.recipe
    }

    static func source(_ data: DataOptions, _ part: DatasetPart) throws -> any ImageSource {
        try data.open(part, cards: cards, indexFolder: indexFolder)
    }

    /// Where digests of folders are kept: below $XDG_CACHE_HOME, else ~/.cache; nil where neither is an absolute path.
    static var indexFolder: String? {
        let environment = ProcessInfo.processInfo.environment
        let places = [environment["XDG_CACHE_HOME"], environment["HOME"].map { "\($0)/.cache" }]
        return places.compactMap { $0 }.first { $0.hasPrefix("/") }.map { "\($0)/palimpsest" }
    }

    /// Pictures to look at: of the test part, or of the training part where there is no other.
    static func pictures(_ data: DataOptions) throws -> (source: any ImageSource, part: DatasetPart) {
        do {
            return (try source(data, .test), .test)
        } catch let error as ImageError where error.reason == .noPart {
            return (try source(data, .train), .train)
        }
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
#endif
