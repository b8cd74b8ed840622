import Foundation
import Palimpsest

/// Prints the features of pictures: `Features ENCODER PICTURE…`; without arguments, of a built-in picture by an encoder that it
/// trains for a moment.
@main
enum Features {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let engine = try Engine.ofThisMachine()
        guard let path = arguments.first else { return try show("a built-in picture", ofItself(engine)) }
        let encoder = try Encoder.load(path)
        for picture in arguments.dropFirst() {
            show(picture, try encoder.features(ofFile: picture, engine: engine))
        }
    }

    static func show(_ picture: String, _ features: [Float]) {
        print(picture, features.map { String($0) }.joined(separator: " "))
    }

    /// Features of a picture that no file is needed for.
    static func ofItself(_ engine: Engine) throws -> [Float] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("features-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var recipe = Recipe()
        recipe.name = "features"
        (recipe.model.width, recipe.model.depth, recipe.model.heads) = (48, 1, 3)
        (recipe.train.batchSize, recipe.train.maxSteps) = (8, 2)
        let run = folder.appendingPathComponent("run").path
        try TrainingJob.run(recipe, in: run, engine: engine)
        let encoder = try Encoder.load(run)
        let cards = DatasetCards(folders: RecipeLibrary.folders("datasets"))
        let picture = try recipe.data.open(.test, cards: cards).image(0)
        return try encoder.features(of: picture, engine: engine)
    }
}
