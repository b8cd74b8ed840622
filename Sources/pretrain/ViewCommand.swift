#if Commands
import ArgumentParser
import Autodiff
import Checkpoints
import Foundation
import ImageData
import ImageMasking
import Pretraining
import PretrainingMethods
import RecipeSchema
import Reporting
import RunReports
import VisionTransformers

/// `pretrain view`: pictures of a run.
struct ViewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "view", abstract: "Draw what the model sees and what it predicts.",
        discussion: """
            Example: pretrain view runs/colormae
            Writes pictures/reconstructions.png: a row an image of the test part (of the training part where there is no \
            other); from left to right the original, what the encoder sees, and what the method returns: predictions, and \
            those with the visible patches put back, targets, spectra, views, clusters. Beside it pictures/inside.png: what the encoder makes of \
            whole pictures, patch tokens as colours, attention, Eigen-CAM; and pictures/neighbours.png: the pictures whose \
            features come nearest.
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var runFolder: String

    @Option(help: "Other images: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @Option(help: "How many images to show.")
    var count = 8

    @Option(
        help:
            "Bands that become red, green and blue, or one in gray, counted from 0: 3,2,1. (default: RGB as it is, else the first)"
    )
    var bands: String?

    @Option(help: "A checkpoint that the run has kept, by its step. (default: the last)")
    var step: Int?

    /// What is drawn, by the name of its file.
    enum Sheet: String, ExpressibleByArgument, CaseIterable {
        case reconstructions, inside, neighbours
    }

    @Option(help: "One sheet alone. (default: all of them, reconstructions with --out)")
    var sheet: Sheet?

    @Option(help: "The file of that sheet, PNG. (default: in pictures in the run)")
    var out: String?

    @Flag(help: "Replace a file that is no picture of ours.")
    var overwrite = false

    func validate() throws {
        if !(1...64).contains(count) { throw ValidationError("--count is \(count), allowed are 1 to 64") }
    }

    func run() throws {
        let folder = RunFolder(runFolder)
        let trained = try TrainedMethod(folder, step: step)
        for warning in trained.warnings { Console.say(warning) }
        var recipe = trained.recipe
        if let data { recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source) }
        let bands = try drawnBands(of: recipe.model.channels)
        let outputs = try outputs(folder, recipe)
        let (source, part) = try DataAccess.pictures(recipe.data)
        let transform = try DataAccess.evaluationTransform(recipe)
        let pictures = try ShownPictures(first: count, of: source, part, transform: transform, for: recipe)
        for note in pictures.skipped.notes { Console.say(note) }
        let engine = try Machine.engine(threads: nil)
        for (sheet, output) in outputs {
            let columns: [String]
            switch sheet {
            case .reconstructions:
                let shown = try Reconstructions(trained, pictures, bands: bands, engine: engine)
                try output.write(shown.sheet.png())
                columns = shown.columns
                if columns.count == 1 {
                    let method = type(of: recipe.method).name
                    try Console.show("method \"\(method)\" returns no images, so only the originals are drawn")
                }
                for caution in shown.cautions { try Console.show(caution) }
            case .inside:
                let shown = try InsideView(trained, pictures, bands: bands, engine: engine)
                try output.write(shown.sheet.png())
                columns = shown.columns
            case .neighbours:
                let shown = try NeighbourView(
                    trained, first: count, of: source, part, transform: transform, bands: bands, engine: engine)
                try output.write(shown.sheet.png())
                columns = shown.columns
            }
            try Console.show(
                "\(output.path): \(columns.joined(separator: ", ")); pictures of the \(part.rawValue) part, after step \(trained.step)"
            )
        }
        let channels = pictures.images.shape[1]
        if channels != 1 && bands != [0, 1, 2] {
            let drawn =
                Set(bands).count == 1
                ? "band \(bands[0]) is drawn, in gray"
                : "bands \(bands[0]), \(bands[1]) and \(bands[2]) are red, green and blue"
            try Console.show(
                "of \(channels) bands, counted from 0, \(drawn)"
                    + (self.bands == nil ? "; --bands 3,2,1 draws others" : ""))
        }
    }

    /// The bands that are asked for, or the usual ones.
    private func drawnBands(of channels: Int) throws -> [Int] {
        guard let bands else { return ContactSheet.usualBands(of: channels) }
        let numbers = bands.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard numbers.count == 1 || numbers.count == 3, numbers.allSatisfy((0..<channels).contains) else {
            throw ValidationError(
                "--bands is \(bands.shown); allowed are one or three numbers from 0 to \(channels - 1) with commas between them"
            )
        }
        return numbers.count == 3 ? numbers : [Int](repeating: numbers[0], count: 3)
    }

    /// The places of the sheets: of the one that is asked for, or of all in the run.
    private func outputs(_ folder: RunFolder, _ recipe: Recipe) throws -> [(sheet: Sheet, output: OutputFile)] {
        if let out {
            try requireSuffix("png", of: out, "pictures are written as PNG")
            let file = try OutputFile(out, .png, replacing: overwrite)
            try file.requireApart(from: [folder.path] + recipe.encoded.pathsRead)
            return [(sheet ?? .reconstructions, file)]
        }
        do {
            try FileManager.default.createDirectory(atPath: folder.pictures, withIntermediateDirectories: true)
        } catch {
            throw RunError(.cannotCreate, "cannot create \(folder.pictures): \(error.localizedDescription)")
        }
        return try (sheet.map { [$0] } ?? Sheet.allCases).map {
            ($0, try OutputFile("\(folder.pictures)/\($0.rawValue).png", .png, replacing: overwrite))
        }
    }
}
#endif
