import ArgumentParser
import Autodiff
import Foundation
import ImageData
import ImageMasking
import Pretraining
import RecipeSchema
import Reporting
import VisionTransformers

/// `pretrain view`: pictures of a run.
struct ViewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "view", abstract: "Draw what the model sees and what it predicts.",
        discussion: """
            Example: pretrain view runs/colormae
            Writes pictures/reconstructions.png: a row an image of the test part; from left to right the original, what the \
            encoder sees, the prediction, and the prediction with the visible patches put back.
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var runFolder: String

    @Option(help: "Other images: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @Option(help: "How many images to show.")
    var count = 8

    func validate() throws {
        if !(1...64).contains(count) { throw ValidationError("--count is \(count), allowed are 1 to 64") }
    }

    func run() throws {
        let folder = RunFolder(runFolder)
        let trained = try TrainedMethod(folder)
        var recipe = trained.recipe
        if let data { recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source) }
        let images = try load(recipe)
        let engine = try Machine.engine(threads: nil)
        let (mask, predicted) = try trained.reconstruct(images, engine: engine)
        let sheet = rows(images, mask, predicted, recipe)
        let path = folder.pictures + "/reconstructions.png"
        do {
            try FileManager.default.createDirectory(atPath: folder.pictures, withIntermediateDirectories: true)
            let scale = max(1, 128 / max(images.shape[2], images.shape[3]))
            try Data(ContactSheet(rows: sheet, scale: scale).png()).write(to: URL(fileURLWithPath: path))
        } catch let error as ImageError {
            throw error
        } catch {
            throw RunError(.cannotCreate, "cannot write \(path): \(error.localizedDescription)")
        }
        print("\(path): original, visible, predicted, predicted with the visible patches (after step \(trained.step))")
        if (recipe.method.encoded["norm_pix_loss"]?.bool ?? false) {
            print("predictions are shown with the true patch's mean and contrast, which the model does not know")
        }
    }

    /// The first pictures of the test part in evaluation form.
    private func load(_ recipe: Recipe) throws -> Tensor {
        let source = try DataAccess.source(recipe.data, .test)
        let loader = EvaluationLoader(
            source: source, transform: try DataAccess.evaluationTransform(recipe), batchSize: min(count, source.count),
            threads: 0, requiresLabels: false)
        guard let batch = try loader.next() else { throw RunError(.data, "the source has no picture to show") }
        return Tensor(batch.images, Shape(batch.shape))
    }

    private func rows(
        _ images: Tensor, _ mask: PatchMask, _ predicted: Tensor, _ recipe: Recipe
    ) -> [[ContactSheet.Picture]] {
        let (channels, height, width) = (images.shape[1], images.shape[2], images.shape[3])
        let size = channels * height * width
        let mean = recipe.data.mean ?? [0]
        let deviation = recipe.data.deviation ?? [1]
        func picture(_ values: [Float]) -> ContactSheet.Picture {
            let planes = values.indices.map { index in
                let channel = index / (height * width)
                return values[index] * Float(deviation[channel % deviation.count]) + Float(mean[channel % mean.count])
            }
            return ContactSheet.Picture(planes: planes, channels: channels, height: height, width: width)
        }
        let original = images.array
        let guess = predicted.array
        let patch = recipe.model.patchSize
        return (0..<images.shape[0]).map { image in
            let own = Array(original[image * size..<(image + 1) * size])
            let made = Array(guess[image * size..<(image + 1) * size])
            let hidden = own.indices.map { index in
                let (row, column) = (index / width % height / patch, index % width / patch)
                return mask.isHidden(row * mask.grid.columns + column, in: image)
            }
            return [
                picture(own), picture(own.indices.map { hidden[$0] ? 0 : own[$0] }), picture(made),
                picture(own.indices.map { hidden[$0] ? made[$0] : own[$0] }),
            ]
        }
    }
}
