#if Commands
import ArgumentParser
import Autodiff
import Foundation
import ImageData
import Pretraining
import ProcessGroups
import RecipeSchema

/// `pretrain [train]`: pretrain by a recipe.
struct TrainCommand: ParsableCommand, SharedByProcesses {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Pretrain by a recipe (the default verb).",
        discussion: "Example: pretrain --recipe colormae.json --data images:/path/to/pictures --set train.epochs=20")

    @Option(help: "The recipe: a path, or the name of one in ./recipes or shipped with the program.")
    var recipe: String

    @Option(name: .customLong("run"), help: "The run's folder. (default: runs/<name of the recipe>)")
    var runFolder: String?

    @Option(
        help: "Other images: PATH, KIND:PATH or card=NAME:PATH, with KIND images, class_folders, shards, cifar or idx.")
    var data: String?

    @Option(name: .customLong("set"), help: "Change a value of the recipe: KEY=VALUE, such as mask.ratio=0.6.")
    var changes: [String] = []

    @Option(parsing: .unconditional, help: "Another seed.")
    var seed: Int?

    @Option(parsing: .unconditional, help: "Stop after that many optimiser steps.")
    var maxSteps: Int?

    @Flag(help: "Go on from the run's last good checkpoint.")
    var resume = false

    @Flag(help: "Replace an earlier run in the folder.")
    var overwrite = false

    @Option(help: "Begin with the parameters of a safetensors file.")
    var initFrom: String?

    @OptionGroup var output: TrainingOutput

    func validate() throws {
        if runFolder?.isEmpty == true { throw ValidationError("--run is empty; name the folder of the run") }
        if resume && (overwrite || initFrom != nil) {
            throw ValidationError("--resume goes on with an earlier run; it excludes --overwrite and --init-from")
        }
    }

    mutating func run() throws {
        var changes = changes
        for (key, flag, value) in [("seed", "--seed", seed), ("train.max_steps", "--max-steps", maxSteps)] {
            guard let value else { continue }
            if let other = changes.first(where: { $0.hasPrefix("\(key)=") }) {
                throw ValidationError("\(key) is given twice: --set \(other) and \(flag) \(value); remove one")
            }
            changes.append("\(key)=\(value)")
        }
        let file = try RecipeLibrary.find(recipe)
        // What is set of the source is meant for the one that --data names.
        let ofSource = data == nil ? [] : changes.filter { $0.hasPrefix("data.source.") }
        changes.removeAll(where: ofSource.contains)
        var recipe = try RecipeLibrary.read(file, set: changes)
        if let data {
            recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source)
            if !ofSource.isEmpty {
                let source = "data.source=\((recipe.data.encoded["source"] ?? .null).text())"
                recipe = try RecipeLibrary.read(file, set: changes + [source] + ofSource)
            }
        }
        let folder = RunFolder(runFolder ?? "runs/\(recipe.name)")
        if resume, Processes.group.isFirst { try folder.recoverInterrupted() }
        let resumes = resume && folder.exists
        if resumes {
            // What was measured of the data then holds on: whether they are the same is compared by itself.
            recipe.data.keepMeasured(of: try folder.recipe().data)
        } else if Processes.group.isFirst {
            try folder.requireFree(overwriting: overwrite)
            if resume { Console.say("no run in \(folder.path) yet: starting one") }
        }
        recipe = try DataAccess.resolved(recipe, quiet: output.quiet || !Processes.group.isFirst)
        let start = resumes ? .resumed : initFrom.map { TrainingJob.Start.initialized(from: $0) } ?? .fresh
        try output.train(recipe, in: folder, start: start, overwrites: overwrite)
    }
}

/// `pretrain resume`: go on with a run.
struct ResumeCommand: ParsableCommand, SharedByProcesses {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a run, bit for bit, from its last good checkpoint.",
        discussion: "Example: pretrain resume runs/colormae")

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var runFolder: String

    @Option(help: "Stop at the end of that epoch, counted from 1; schedules stay as they are.")
    var untilEpoch: Int?

    @Option(help: "Where the data lie now, if they were moved: PATH, KIND:PATH or card=NAME:PATH.")
    var data: String?

    @Option(
        name: .customLong("set"),
        help: "Change a value that no step taken depends on: train.max_steps=null, log.every_steps=10.")
    var changes: [String] = []

    @OptionGroup var output: TrainingOutput

    func validate() throws {
        if let untilEpoch, untilEpoch < 1 {
            throw ValidationError("--until-epoch is \(untilEpoch); the first epoch is 1")
        }
    }

    mutating func run() throws {
        let folder = RunFolder(runFolder)
        if Processes.group.isFirst { try folder.recoverInterrupted() }
        var recipe = try folder.recipe(set: changes)
        if let data { recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source) }
        try output.train(recipe, in: folder, start: .resumed, untilEpoch: untilEpoch)
    }
}

/// How a training verb computes and what it prints.
struct TrainingOutput: ParsableArguments {
    @Option(help: "Threads to compute with; the result does not depend on them. (default: all processors)")
    var threads: Int?

    @Option(help: "Threads that prepare images; the result does not depend on them.")
    var loaderThreads = 2

    @Option(help: "Under mpirun: compare what the processes hold every so many steps.")
    var compareProcesses: Int?

    @Flag(help: "The rows of metrics.jsonl on standard output, all else on standard error.")
    var json = false

    @Flag(help: "No progress; warnings and errors only.")
    var quiet = false

    func validate() throws {
        if let compareProcesses, compareProcesses < 1 {
            throw ValidationError("--compare-processes is \(compareProcesses), allowed is 1 and more")
        }
        if loaderThreads < 0 || loaderThreads > 256 {
            throw ValidationError("--loader-threads is \(loaderThreads), allowed are 0 to 256")
        }
    }

    func train(
        _ recipe: Recipe, in folder: RunFolder, start: TrainingJob.Start, overwrites: Bool = false,
        untilEpoch: Int? = nil
    ) throws {
        let written = PeopleLog.Outcome()
        let log = PeopleLog.log(to: json ? STDERR_FILENO : STDOUT_FILENO, outcome: written)
            .from(quiet ? .warning : .info)
        let group = Processes.group
        let engine = try Machine.engine(threads: threads, sharedBy: group.neighbours)
        let source = try DataAccess.source(recipe.data, .train)
        var job = TrainingJob(recipe, in: folder, start: start, engine: engine, loaderThreads: loaderThreads)
        job.group = group
        job.comparesProcessesEvery = compareProcesses
        job.untilEpoch = untilEpoch
        job.overwrites = overwrites
        job.openProbePictures = { try DataAccess.source($0, $1) }
        let stop = StopSignal { number in
            // The second process says it where the first one is gone: mpirun ends all of them a second after it asked.
            guard group.count > 1, group.rank < 2 else { return }
            if !group.isFirst { Thread.sleep(forTimeInterval: 0.5) }
            Console.say(
                "warning: signal \(number): stopping after this step; if another process is gone, go on from the last checkpoint with "
                    + "pretrain resume \(folder.path.quotedForShell)")
        }
        var line = ProgressLine()
        let shows = !quiet && !json && group.isFirst
        let outcome = try job.run(
            source: source, transform: try DataAccess.trainingTransform(recipe), stop: stop, log: log,
            onRow: { row in
                if json { try Console.show(row.text()) }
                if shows { try line.clear() }
                if shows, !line.isActive || row["kind"]?.string != "step" { log.info(summary(row)) }
                try written.check()
            },
            onProgress: { progress in
                if shows { try line.show(text(progress)) }
                try written.check()
            })
        if shows { try line.clear() }
        guard group.isFirst else {
            if case .stopped(let number) = outcome { throw ExitCode(128 + number) }
            return
        }
        let end = sentence(outcome, folder, obstacle: probeObstacle(recipe.data, source))
        if case .stopped(let number) = outcome {
            log.warning(end)
            throw ExitCode(128 + number)
        }
        if outcome.hasTrained { log.info(end) } else { try Console.show(end) }
        try written.check()
    }

    /// The last line: how it ended, and a next step that fits the data.
    private func sentence(
        _ outcome: TrainingJob.Outcome, _ folder: RunFolder, obstacle: String?
    ) -> String {
        let place = folder.path.quotedForShell
        let report = "then pretrain report \(place)"
        let next =
            obstacle.map { "pretrain explore \(place), \(report) (no probe: \($0))" }
            ?? "pretrain probe \(place), \(report)"
        switch outcome {
        case .finished: return "finished; next: \(next)"
        case .reachedEpoch(let epoch): return "epoch \(epoch) reached; go on with: pretrain resume \(place)"
        case .stopped: return "stopped by a signal, everything is saved; go on with: pretrain resume \(place)"
        case .nothingLeft(let step, let last) where step >= last:
            return
                "the run in \(folder.path) is at its end, step \(step) of \(last): nothing was left to do; next: \(next)"
        case .nothingLeft(let step, let last):
            return "the run in \(folder.path) is past that epoch already, at step \(step) of \(last): nothing was done"
        }
    }

    /// Why a probe cannot work on the data of a run; nil where it can.
    private func probeObstacle(_ data: DataOptions, _ source: any ImageSource) -> String? {
        guard let first = source.label(0) else { return "the pictures have no labels" }
        guard (1..<source.count).contains(where: { source.label($0) != first }) else {
            return "all pictures have one label"
        }
        do {
            let test = try DataAccess.source(data, .test)
            return test.label(0) == nil ? "the test part has no labels" : nil
        } catch let error as ImageError {
            return error.message
        } catch {
            return "\(error)"
        }
    }

    private func summary(_ row: JSONValue) -> String {
        func number(_ key: String, _ format: String) -> String { String(format: format, row[key]?.double ?? .nan) }
        if row["kind"]?.string == "epoch" {
            return "epoch \(row["epoch"]?.int ?? 0) done: mean loss \(number("loss", "%.4f")), "
                + "\(number("images_per_s", "%.0f")) images/s, \(SpokenTime.span(row["seconds"]?.double ?? 0))"
        }
        if row["kind"]?.string == "health" {
            return "features: \(number("covariance_rank", "%.1f")) directions, RankMe \(number("rankme", "%.1f")), "
                + "mean cosine \(number("mean_cosine", "%.2f")), relative variance "
                + "\(number("relative_variance", "%.2g"))"
        }
        if row["kind"]?.string == "probe" {
            return "probe \(row["protocol"]?.string ?? ""): "
                + (row["error"]?.string
                    ?? "\(String(format: "%.1f", 100 * (row["accuracy"]?.double ?? .nan))) % of \(row["test"]?.int ?? 0) test pictures")
        }
        let constant = row["constant_loss"] == nil ? "" : " (best constant \(number("constant_loss", "%.4f")))"
        return
            "step \(row["step"]?.int ?? 0), epoch \(number("epoch", "%.2f")): loss \(number("loss", "%.4f"))\(constant), "
            + "rate \(number("learning_rate", "%.2e")), gradient norm \(number("grad_norm", "%.3f")), "
            + "\(number("images_per_s", "%.0f")) images/s"
    }

    private func text(_ progress: TrainingJob.Progress) -> String {
        "epoch \(progress.epoch)/\(progress.epochs), step \(progress.step)/\(progress.steps), "
            + String(format: "loss %.4f, %.0f images/s, ", progress.loss, progress.imagesPerSecond)
            + "\(SpokenTime.span(progress.secondsLeft)) left"
    }
}
#endif
