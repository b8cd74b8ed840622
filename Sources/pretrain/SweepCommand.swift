#if Commands
import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import ImageData
import Pretraining
import RecipeSchema
import Reporting
import RunReports

/// `pretrain sweep`: one recipe over a grid of values.
struct SweepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sweep", abstract: "Train a recipe over a grid of values and seeds, then compare.",
        discussion: """
            Example: pretrain sweep mae.json --grid mask.ratio=0.5,0.75 --seeds 3 --protocol ridge
            Each combination is a run of its own below sweeps/<name of the recipe>. The same command goes on with what was stopped \
            or killed and leaves alone what is done; at the end it puts all runs side by side, as pretrain compare does.
            """)

    @Argument(help: "The recipe: a path, or the name of one in ./recipes or shipped with the program.")
    var recipe: String

    @Option(help: "A key and its values: mask.ratio=0.5,0.75; may be repeated, and all combinations are trained.")
    var grid: [String] = []

    @Option(help: "Seeds of each combination, from that of the recipe on.")
    var seeds = 1

    @Option(name: .customLong("run"), help: "The folder of the sweep. (default: sweeps/<name of the recipe>)")
    var folder: String?

    @Option(help: "Other images: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @Option(name: .customLong("set"), help: "Change a value of the recipe in all runs: KEY=VALUE.")
    var changes: [String] = []

    @Option(name: .customLong("protocol"), help: "A protocol by which each run is probed at its end; may be repeated.")
    var protocols: [String] = []

    @Option(help: "Runs at a time; each takes its share of the processors.")
    var jobs = 1

    @Flag(help: "Say what would be trained and how long it would take, and do nothing.")
    var dryRun = false

    func validate() throws {
        if !(1...1000).contains(seeds) { throw ValidationError("--seeds is \(seeds), allowed are 1 to 1000") }
        if !(1...64).contains(jobs) { throw ValidationError("--jobs is \(jobs), allowed are 1 to 64") }
        if grid.isEmpty && seeds == 1 { throw ValidationError("one run is no sweep; give --grid KEY=A,B or --seeds 2") }
    }

    func run() throws {
        _ = try orUsage { try ProbeCatalogue.named(protocols, set: []) }
        let file = try RecipeLibrary.find(recipe)
        var changes = changes
        if let data {
            let source = try SourceArgument.parse(data, keeping: RecipeLibrary.read(file, set: changes).data.source)
            let kind = JSONValue.object(
                [("kind", JSONValue(type(of: source).name))]
                    + (source.encoded.members ?? []).map { ($0.name, $0.value) })
            changes.append("data.source=\(kind.text())")
        }
        let sweep = try Sweep(recipe: file, set: changes, grid: grid, seeds: seeds)
        let log = PeopleLog.log()
        // Pictures and the first recipe are tried before anything is written.
        let first = try DataAccess.resolved(sweep.recipes[0])
        let engine = try Machine.engine(threads: nil)
        let seconds = try first.estimatedSeconds(source: DataAccess.source(first.data, .train), engine: engine)
        let count = sweep.members.count
        log.info(
            "\(count) runs; the first would take about \(SpokenTime.span(seconds)) alone, all of them about "
                + "\(SpokenTime.span(seconds * Double(count))) if none is larger")
        if dryRun {
            for member in sweep.members { try Console.show(member.name) }
            return
        }
        let place = SweepFolder(folder ?? "sweeps/\(sweep.recipes[0].name)")
        let lock = try place.claim(sweep)
        defer { withExtendedLifetime(lock) {} }
        let page: OutputFile
        do throws(CheckpointError) {
            page = try OutputFile(place.pageFile, .text(start: Page.start))
        } catch {
            throw RunError(
                .cannotCreate,
                "\(place.pageFile) is the place of the comparison and cannot be written; move away what is there")
        }
        let threads = max(1, Foundation.ProcessInfo.processInfo.activeProcessorCount / jobs)
        let runner = SweepRunner(place, jobs: jobs)
        let outcome = try runner.run(
            sweep.members.map { tasks($0, file, in: place, threads: threads) }, stop: StopSignal(),
            say: { log.info($0) })
        switch outcome {
        case .stopped(let number):
            log.warning("stopped by a signal, everything is saved; the same command goes on")
            throw ExitCode(128 + number)
        case .failed(let failures):
            throw RunError(
                .data,
                "\(failures.count) of \(count) runs failed (\(failures.prefix(3).map { "\($0.name): \($0.reason)" }.joined(separator: "; "))); "
                    + "the same command tries them again")
        case .finished: break
        }
        let comparison = try RunComparison(sweep.members.map { place.run($0) })
        for note in comparison.notes { log.warning("\(note)") }
        let (headings, rows) = comparison.table
        for line in TextTable.lines([headings] + rows) { try Console.show(line) }
        for sentence in comparison.sentences { try Console.show(sentence) }
        try page.write(comparison.page.file)
        try Console.show(page.path)
    }

    /// Training of a member, and its probe where one is asked for.
    private func tasks(
        _ member: Sweep.Member, _ file: String, in place: SweepFolder, threads: Int
    ) -> [SweepRunner.Task] {
        let run = place.run(member)
        let train = ["train", "--recipe", file, "--run", run.path, "--resume", "--quiet", "--threads", "\(threads)"]
        var tasks = [
            SweepRunner.Task(
                member, "training", train + member.changes.flatMap { ["--set", $0] },
                isDone: { RunRecord.isFinished(run) })
        ]
        if !protocols.isEmpty {
            let probe = ["probe", run.path, "--threads", "\(threads)"] + protocols.flatMap { ["--protocol", $0] }
            tasks.append(
                SweepRunner.Task(
                    member, "probing", probe,
                    isDone: { protocols.allSatisfy { RunRecord.isProbed(run, by: $0) } }))
        }
        return tasks
    }
}
#endif
