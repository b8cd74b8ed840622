#if Commands
import ArgumentParser
import Checkpoints
import Evaluation
import ImageData
import Pretraining
import RecipeSchema
import Reporting
import RunReports

/// `pretrain diagnose`: what happens inside of an encoder.
struct DiagnoseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diagnose", abstract: "Look inside the encoder: activations, sparsity, attention, ranks by block.",
        discussion: """
            Example: pretrain diagnose runs/colormae --checkpoints
            Prints a line a block, the trained network before the slash and the untrained one behind it, and a sentence where a \
            figure is unusual. All figures go to diagnose.jsonl in the run, from where pretrain report draws them.
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var runFolder: String

    @Option(help: "Other pictures: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @Option(help: "How many pictures to look at.")
    var count = 512

    @Flag(help: "Look at every checkpoint that is there, so that plots show how figures change in training.")
    var checkpoints = false

    @Option(help: "The rows, a file of JSON lines. (default: diagnose.jsonl in the run)")
    var out: String?

    @Flag(help: "Replace a file that is none of ours.")
    var overwrite = false

    @Flag(help: "The rows on standard output.")
    var json = false

    func validate() throws {
        if !(2...1_000_000).contains(count) { throw ValidationError("--count is \(count), allowed are 2 to 1000000") }
    }

    func run() throws {
        let folder = RunFolder(runFolder)
        var recipe = try folder.recipe()
        if let data { recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source) }
        let output = try OutputFile(out ?? folder.diagnosisFile, RunFolder.diagnosisContent, replacing: overwrite)
        try output.requireApart(from: recipe.encoded.pathsRead)
        let (source, part) = try DataAccess.pictures(recipe.data)
        let progress = WorkProgress()
        let diagnosis: RunDiagnosis
        do {
            diagnosis = try RunDiagnosis(
                folder, of: source, DataAccess.evaluationTransform(recipe), count: count, allCheckpoints: checkpoints,
                engine: Machine.engine(threads: nil),
                onProgress: { progress.at("pictures through \($0)", $1, min(count, source.count)) })
        } catch let error as EvaluationError {
            throw RunError(.data, "\(runFolder): \(error)")
        }
        progress.end()
        try output.write(Array(diagnosis.rows.map { $0.text() + "\n" }.joined().utf8))
        let figures = diagnosis.looks[0].figures
        for note in diagnosis.warnings + figures.skipped.notes { Console.say(note) }
        if json {
            for row in diagnosis.rows { try Console.show(row.text()) }
            for remark in diagnosis.remarks { Console.say(remark) }
            return
        }
        let (headings, rows) = diagnosis.table
        for line in TextTable.lines([headings] + rows) { try Console.show(line) }
        for remark in diagnosis.remarks { try Console.show(remark) }
        try Console.show(
            "\(figures.pictures) pictures of the \(part.rawValue) part, attention of \(figures.attentionPictures); trained / untrained; all "
                + "figures in \(output.path); next: pretrain report \(folder.path.quotedForShell)")
    }
}
#endif
