#if Commands
import ArgumentParser
import Checkpoints
import Pretraining
import RecipeSchema
import Reporting
import RunReports

/// `pretrain compare`: runs side by side.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Put runs side by side: what differs, what it cost, what it is worth.",
        discussion: """
            Example: pretrain compare runs/mae runs/colormae --out compare.html
            Columns are the values in which the recipes differ, and the scores that pretrain probe has written. Runs that differ in \
            their seed alone stand in one row. Differences to the first run are of the same test pictures, pair by pair.
            """)

    @Argument(help: ArgumentHelp("Folders of runs.", valueName: "run"))
    var runs: [String]

    @Option(help: "A page with the table and curves, an HTML file.")
    var out: String?

    @Flag(help: "Replace a file that is no page of ours.")
    var overwrite = false

    func run() throws {
        let output = try out.map { path in
            try requireSuffix("html", of: path, "the page is written as HTML")
            return try OutputFile(path, .text(start: Page.start), replacing: overwrite)
        }
        try output?.requireApart(from: runs)
        let comparison = try RunComparison(runs.map { RunFolder($0) })
        for note in comparison.notes { Console.say(note) }
        let (headings, rows) = comparison.table
        for line in TextTable.lines([headings] + rows) { try Console.show(line) }
        for sentence in comparison.sentences { try Console.show(sentence) }
        try output?.write(comparison.page.file)
        if let output { try Console.show(output.path) }
    }
}
#endif
