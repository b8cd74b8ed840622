import Autodiff
import Foundation
import ImageData
import PretrainingMethods
import RecipeSchema
import Reporting
import TensorBoardEvents

/// What TensorBoard shows of a run: the numbers of its rows, its recipe, and pictures at its checkpoints.
///
/// The file is made at the first row, so that a start that fails or has nothing to do leaves none. Nothing that is trained depends
/// on it.
struct EventLog: ~Copyable {
    private let folder: RunFolder
    private let recipe: Recipe
    private var file: EventFile?

    /// The log of a run; nothing is written yet.
    init(_ folder: RunFolder, _ recipe: Recipe) {
        self.folder = folder
        self.recipe = recipe
    }

    /// True for a file of a folder that such a log has written: its second event is the recipe.
    static func isOurs(_ folder: RunFolder, _ name: String) -> Bool {
        guard name.hasPrefix(EventFile.namePrefix), let file = FileHandle(forReadingAtPath: "\(folder.path)/\(name)"),
            let start = try? file.read(upToCount: 4096)
        else { return false }
        return String(decoding: start, as: UTF8.self).contains("\"palimpsest\": ")
    }

    /// The numbers of a row, under `train/`, `epoch/` or `health/` as its kind is.
    mutating func add(_ row: JSONValue) throws(RunError) {
        guard let kind = row["kind"]?.string, let step = row["step"]?.int else { return }
        if kind == "probe" {
            guard let name = row["protocol"]?.string, let accuracy = row["accuracy"]?.double else { return }
            return try append(step, .scalar(tag: "probe/\(name)", Float(accuracy)))
        }
        let group = kind == "step" ? "train" : kind
        for member in row.members ?? [] where !["kind", "step", "epoch"].contains(member.name) {
            guard let number = member.value.double else { continue }
            try append(step, .scalar(tag: "\(group)/\(member.name)", Float(number)))
        }
    }

    /// What the method makes of pictures `[B, C, H, W]`, a row a picture.
    mutating func add(_ shown: [ShownImages], of images: Tensor, step: Int) throws(RunError) {
        let sheet = ContactSheet(
            images, shown, bands: ContactSheet.usualBands(of: images.shape[1]), of: recipe)
        guard let png = try? sheet.png(), let size = png.withUnsafeBytes({ PNGHeader.size(of: $0) }) else {
            return
        }
        let names = (["original"] + shown.map(\.name)).joined(separator: ", ")
        try append(
            step,
            .image(tag: "pictures/\(names)", height: size.height, width: size.width, channels: 3, png: png))
    }

    private mutating func append(_ step: Int, _ content: Event.Content) throws(RunError) {
        let now = Date().timeIntervalSince1970
        do throws(EventFile.Failure) {
            if file == nil {
                file = try EventFile(in: folder.path, time: now)
                let text = "```json\n\(recipe.encoded.text(pretty: true))\n```"
                try file?.append(Event(time: now, step: step, .text(name: "recipe", text)))
            }
            try file?.append(Event(time: now, step: step, content))
        } catch {
            throw RunError(.inputOutput, error.description)
        }
    }
}
