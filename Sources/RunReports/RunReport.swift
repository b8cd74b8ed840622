public import Autodiff
import Foundation
import ImageData
import ImageMasking
public import Pretraining
import PretrainingMethods
import RecipeSchema
public import Reporting
import VisionTransformers

/// One page on a run: what was done, whether it helped, whether it is healthy, what it sees, and how to repeat it.
///
/// The page is made of what the run has written down; pictures are made anew from its last checkpoint. What is missing is said
/// with the command that makes it.
public struct RunReport {
    let record: RunRecord
    /// The pictures, or why there are none.
    let sight: [RunPicture]
    /// Why some of the pictures are missing, in sentences.
    let obstacles: [String]

    /// Reads a run and draws its pictures. `open` opens pictures to look at, which may fail: the report then says why.
    public init(_ folder: RunFolder, engine: Engine, open: (Recipe) throws -> ShownPictures) throws {
        record = try RunRecord(folder)
        (sight, obstacles) = RunPicture.all(of: record, engine: engine, open: open)
    }

    /// The page.
    public var page: Page {
        Page(
            record.recipe.name, opening: opening,
            sections: [
                .init("Did it help?", help), .init("Is it healthy?", healthiness), .init("What it sees", seen),
                .init("How it was made", origin),
            ])
    }

    /// How to write the run's folder in a command.
    var place: String { record.folder.path.quotedForShell }

    /// What was done, in two sentences.
    private var opening: HTML {
        let (recipe, train) = (record.recipe, record.recipe.train)
        let method = type(of: recipe.method).name
        let mask = type(of: recipe.mask).name
        let hides = recipe.method.needs.masks == [.nothing] ? "" : ", with masks of the strategy \(mask)"
        let size = recipe.data.imageSize
        let source = recipe.sourceWords
        let pictures = record.step.multipliedReportingOverflow(by: train.effectiveBatch).partialValue
        let first =
            "A vision transformer of \(recipe.model.depth) blocks and width \(recipe.model.width) learned by \(method)\(hides) from "
            + "\(source) at \(size.height) × \(size.width) pixels, without labels."
        let time = record.seconds > 0 ? " in \(SpokenTime.span(record.seconds))" : ""
        let threads = record.logged(endingWith: " kernels").map { " on \($0)" } ?? ""
        let second =
            "It took \(record.step) steps of \(train.effectiveBatch), \(pictures) pictures in all\(time)\(threads), and "
            + (record.isFinished
                ? "came to its end."
                : "is not at its end (\(train.epochs) epochs are asked for): pretrain resume \(place) goes on with it.")
        let faults = record.faults.map { HTML.element("p", [("class", "alarm")], .text($0)) }
        return HTML.paragraph(first + " " + second) + faults.reduce(HTML()) { $0 + $1 }
    }
}

extension Recipe {
    /// The pictures, in words.
    package var sourceWords: String {
        let (kind, options) = (type(of: data.source).name, data.source.encoded)
        if kind == "procedural" { return "the built-in pictures" }
        let place = options["card"]?.string ?? options["path"]?.string.map { ($0 as NSString).lastPathComponent }
        return "pictures of \(place ?? kind) (\(kind))"
    }
}
