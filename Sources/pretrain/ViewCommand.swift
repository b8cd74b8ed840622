import ArgumentParser
import Autodiff
import Checkpoints
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
            Writes pictures/reconstructions.png: a row an image of the test part (of the training part where there is no other); from left to right the original, what the \
            encoder sees, the prediction, and the prediction with the visible patches put back.
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var runFolder: String

    @Option(help: "Other images: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @Option(help: "How many images to show.")
    var count = 8

    @Option(help: "The picture, a PNG file. (default: pictures/reconstructions.png in the run)")
    var out: String?

    @Flag(help: "Replace a file that is no picture of ours.")
    var overwrite = false

    func validate() throws {
        if !(1...64).contains(count) { throw ValidationError("--count is \(count), allowed are 1 to 64") }
    }

    func run() throws {
        let folder = RunFolder(runFolder)
        let trained = try TrainedMethod(folder)
        var recipe = trained.recipe
        if let data { recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source) }
        let output = try output(folder)
        let (images, part) = try load(recipe)
        let engine = try Machine.engine(threads: nil)
        let (mask, predicted) = try trained.reconstruct(images, engine: engine)
        let sheet = rows(images, mask, predicted, recipe)
        let scale = max(1, 128 / max(images.shape[2], images.shape[3]))
        try output.write(ContactSheet(rows: sheet, scale: scale).png())
        try Console.show(
            "\(output.path): original, visible, predicted, predicted with the visible patches of the \(part.rawValue) part "
                + "(after step \(trained.step))")
        if recipe.method.encoded["norm_pix_loss"]?.bool ?? false {
            try Console.show(
                "predictions are shown with the true patch's mean and contrast, which the model does not know")
        }
    }

    /// The place of the picture: one that is asked for, or the run's own.
    private func output(_ folder: RunFolder) throws -> OutputFile {
        if let out {
            try requireSuffix("png", of: out, "pictures are written as PNG")
            return try OutputFile(out, .png, replacing: overwrite)
        }
        do {
            try FileManager.default.createDirectory(atPath: folder.pictures, withIntermediateDirectories: true)
        } catch {
            throw RunError(.cannotCreate, "cannot create \(folder.pictures): \(error.localizedDescription)")
        }
        return try OutputFile(folder.pictures + "/reconstructions.png", .png, replacing: overwrite)
    }

    /// The first pictures of the test part in evaluation form; of the training part where there is no other.
    private func load(_ recipe: Recipe) throws -> (Tensor, DatasetPart) {
        let (source, part) = try DataAccess.pictures(recipe.data)
        let loader = EvaluationLoader(
            source: source, transform: try DataAccess.evaluationTransform(recipe), batchSize: min(count, source.count),
            threads: 0, requiresLabels: false)
        guard let batch = try loader.next() else { throw RunError(.data, "the source has no picture to show") }
        return (Tensor(batch.images, Shape(batch.shape)), part)
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
