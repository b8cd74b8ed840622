import Autodiff
import Foundation
import ImageData
import ImageMasking
import Pretraining
import PretrainingMethods
import RecipeSchema
import Reporting

/// A picture of a run for its report, with its words.
struct RunPicture {
    var title: String
    /// What it shows, for those who see it.
    var caption: String
    /// What it shows, for those who do not.
    var alternative: String
    var png: [UInt8]
    /// The command that has drawn it, where it is not the report's own.
    var command: String?

    /// Pictures in a row or on a sheet.
    private static let count = 8

    /// The pictures of a run that can be made, and a sentence for each kind that cannot.
    static func all(
        of record: RunRecord, engine: Engine, open: (Recipe) throws -> ShownPictures
    ) -> (pictures: [RunPicture], obstacles: [String]) {
        var (pictures, obstacles): ([RunPicture], [String]) = ([], [])
        var shown: ShownPictures?
        do {
            shown = try open(record.recipe)
        } catch {
            obstacles.append("The pictures of the run cannot be opened, so none is drawn: \(error)")
        }
        do {
            if let masks = try masks(record.recipe, of: record.folder, shown, engine) { pictures.append(masks) }
        } catch {
            obstacles.append("The masks cannot be drawn: \(error)")
        }
        if let shown {
            do {
                let trained = try TrainedMethod(record.folder)
                obstacles += trained.warnings
                let bands = ContactSheet.usualBands(of: shown.images.shape[1])
                pictures.append(try reconstructions(trained, shown, bands, engine))
                let inside = try InsideView(trained, shown, bands: bands, engine: engine)
                pictures.append(
                    RunPicture(
                        title: "Inside the encoder", caption: "A row a picture of the \(shown.part.rawValue) part.",
                        alternative:
                            "\(shown.images.shape[0]) pictures, and of each: \(inside.columns.dropFirst().joined(separator: ", ")). "
                            + inside.reading,
                        png: try inside.sheet.png()))
            } catch {
                obstacles.append("What the method makes of pictures cannot be drawn: \(error)")
            }
        }
        for (folder, rows, command) in [
            (record.folder.exploration, ResultFiles.explorationRows, "explore"),
            (record.folder.anomalies, ResultFiles.anomalyRows, "anomalies"),
        ] {
            pictures += sheets(folder, rows, command: command, &obstacles)
        }
        return (pictures, obstacles)
    }

    /// The masks of the first pictures; nil where the run has none.
    private static func masks(
        _ recipe: Recipe, of folder: RunFolder, _ shown: ShownPictures?, _ engine: Engine
    ) throws -> RunPicture? {
        let follows = type(of: recipe.mask).needsImportance
        if follows && shown == nil { return nil }
        var preview = try MaskPreview(recipe, of: folder, engine: engine)
        let count = follows ? shown?.images.shape[0] ?? 0 : count
        let plan = try preview.plan(step: 0, samples: Array(0..<count), images: follows ? shown?.images : nil)
        let size = recipe.data.imageSize
        let masks = Array(plan.pictures(height: size.height, width: size.width).prefix(2 * Self.count))
        guard !masks.isEmpty else { return nil }
        let name = type(of: recipe.mask).name
        return RunPicture(
            title: "Masks",
            caption: "What the strategy \(name) hides of \(masks.count) pictures: light is seen, dark is hidden"
                + (plan.showsTargets ? ", colours are what is to be predicted." : "."),
            alternative: "\(masks.count) masks of the strategy \(name) on a grid of \(recipe.grid) patches",
            png: try ContactSheet(masks: masks).png())
    }

    /// Bytes of a sheet of another command, at most: the page is one file.
    private static let mostBytes = 8 << 20

    /// Sheets that another command has drawn; of many heat maps the first ones. What cannot be shown is told.
    private static func sheets(
        _ folder: String, _ rows: String, command: String, _ obstacles: inout [String]
    ) -> [RunPicture] {
        RunRecord.rows("\(folder)/\(rows)", &obstacles).filter { $0["kind"]?.string == "sheet" }.prefix(10).compactMap {
            row in
            let name = row["file"]?.string ?? ""
            guard let title = row["title"]?.string, !name.isEmpty, !name.contains("/"),
                let data = FileManager.default.contents(atPath: "\(folder)/\(name)"), data.count < mostBytes,
                data.starts(with: [0x89, 0x50, 0x4E, 0x47])
            else {
                obstacles.append(
                    "\(folder)/\(name) is not there, no PNG or larger than \(mostBytes >> 20) MiB, so it is left out; pretrain "
                        + "\(command) draws it anew")
                return nil
            }
            return RunPicture(
                title: title, caption: "pretrain \(command), \(name)",
                alternative: "\(title). \(row["reading"]?.string ?? "")", png: [UInt8](data), command: command)
        }
    }

    /// What the method makes of pictures, from the last checkpoint.
    private static func reconstructions(
        _ trained: TrainedMethod, _ shown: ShownPictures, _ bands: [Int], _ engine: Engine
    ) throws -> RunPicture {
        let made = try Reconstructions(trained, shown, bands: bands, engine: engine)
        let columns = made.columns.joined(separator: "; ")
        let method = type(of: trained.recipe.method).name
        let title = made.columns.count > 2 ? "Reconstructions" : "What the encoder sees"
        return RunPicture(
            title: title, caption: "A row a picture of the \(shown.part.rawValue) part.",
            alternative: (["\(shown.images.shape[0]) pictures and what \(method) makes of them: \(columns)."]
                + made.cautions)
                .joined(separator: " "),
            png: try made.sheet.png())
    }
}
