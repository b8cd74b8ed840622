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
            if let masks = try masks(record.recipe, shown, engine) { pictures.append(masks) }
        } catch {
            obstacles.append("The masks cannot be drawn: \(error)")
        }
        if let shown {
            do {
                let trained = try TrainedMethod(record.folder)
                let bands = ContactSheet.usualBands(of: shown.images.shape[1])
                pictures.append(try reconstructions(trained, shown, bands, engine))
                let inside = try InsideView(trained, shown, bands: bands, engine: engine)
                pictures.append(
                    RunPicture(
                        title: "Inside the encoder", caption: "A row a picture. \(inside.reading)",
                        alternative:
                            "\(shown.images.shape[0]) pictures, and of each: \(inside.columns.dropFirst().joined(separator: ", "))",
                        png: try inside.sheet.png()))
            } catch {
                obstacles.append("What the method makes of pictures cannot be drawn: \(error)")
            }
        }
        for (folder, rows, command) in [
            (record.folder.exploration, ResultFiles.explorationRows, "explore"),
            (record.folder.anomalies, ResultFiles.anomalyRows, "anomalies"),
        ] {
            pictures += sheets(folder, rows, command: command)
        }
        return (pictures, obstacles)
    }

    /// The masks of the first pictures; nil where the run has none.
    private static func masks(_ recipe: Recipe, _ shown: ShownPictures?, _ engine: Engine) throws -> RunPicture? {
        let follows = type(of: recipe.mask).needsImportance
        if follows && shown == nil { return nil }
        var preview = try MaskPreview(recipe, engine: engine)
        let count = follows ? shown?.images.shape[0] ?? 0 : count
        let plan = try preview.plan(step: 0, samples: Array(0..<count), images: follows ? shown?.images : nil)
        let size = recipe.data.imageSize
        let masks = Array(plan.pictures(height: size.height, width: size.width).prefix(2 * Self.count))
        guard let first = masks.first else { return nil }
        let rows = stride(from: 0, to: masks.count, by: Self.count).map { start in
            Array(masks[start..<min(start + Self.count, masks.count)])
        }
        let sheet = ContactSheet(rows: rows, scale: max(1, 96 / max(first.height, first.width)))
        let name = type(of: recipe.mask).name
        return RunPicture(
            title: "Masks",
            caption: "What the strategy \(name) hides of \(masks.count) pictures: light is seen, dark is hidden"
                + (plan.kind == .blocks ? ", colours are what is to be predicted." : "."),
            alternative: "\(masks.count) masks of the strategy \(name) on a grid of \(recipe.grid) patches",
            png: try sheet.png())
    }

    /// Sheets that another command has drawn, with the words that it has written beside them; of many heat maps the first ones.
    private static func sheets(_ folder: String, _ rows: String, command: String) -> [RunPicture] {
        let listed = RunRecord.rows("\(folder)/\(rows)").filter { $0["kind"]?.string == "sheet" }
        return listed.prefix(10).compactMap { row in
            guard let name = row["file"]?.string, !name.contains("/"), let title = row["title"]?.string,
                let data = FileManager.default.contents(atPath: "\(folder)/\(name)"), data.count < 8 << 20,
                data.starts(with: [0x89, 0x50, 0x4E, 0x47])
            else { return nil }
            let reading = row["reading"]?.string ?? ""
            return RunPicture(
                title: title, caption: "\(reading) (pretrain \(command), \(name))",
                alternative: "\(title). \(reading)", png: [UInt8](data))
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
        let caption =
            "A row a picture of the \(shown.part.rawValue) part, after step \(trained.step). Columns from left to right: \(columns)."
        return RunPicture(
            title: title, caption: ([caption] + made.cautions).joined(separator: " "),
            alternative: "\(shown.images.shape[0]) pictures and what \(method) makes of them: \(columns)",
            png: try made.sheet.png())
    }
}
