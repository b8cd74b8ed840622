#if Commands
import ArgumentParser
import Checkpoints
import ImageData
import Pretraining
import RecipeSchema
import Reporting
import RunReports

/// `pretrain report`: one page on a run.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write one page on a run: what was done, whether it helped, what it sees.",
        discussion: """
            Example: pretrain report runs/colormae
            Writes report.html into the run's folder: one file without scripts, to be opened in any browser, sent or printed. It \
            shows what has been measured so far (pretrain probe adds to it) and says which commands would add more.
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var runFolder: String

    @Option(help: "Other pictures to look at: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @Option(help: "The page, an HTML file. (default: report.html in the run)")
    var out: String?

    @Flag(help: "Replace a file that is no page of ours.")
    var overwrite = false

    func run() throws {
        let folder = RunFolder(runFolder)
        var recipe = try folder.recipe()
        if let data { recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source) }
        let path = out ?? folder.reportFile
        try requireSuffix("html", of: path, "the page is written as HTML")
        let output = try OutputFile(path, .text(start: Page.start), replacing: overwrite)
        try output.requireApart(from: recipe.encoded.pathsRead)
        let report = try RunReport(folder, engine: Machine.engine(threads: nil)) { _ in
            let (source, part) = try DataAccess.pictures(recipe.data)
            let pictures = try ShownPictures(
                first: 8, of: source, part, transform: try DataAccess.evaluationTransform(recipe), for: recipe)
            for note in pictures.skipped.notes { Console.say(note) }
            return pictures
        }
        try output.write(report.page.file)
        try Console.show(output.path)
    }
}
#endif
