#if Commands
import ArgumentParser
import Foundation
import Pretraining
import ProcessGroups
import RecipeSchema

/// The command `pretrain`.
@main
struct Pretrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pretrain",
        abstract: "Self-supervised pretraining of vision transformers, and what the features are worth.",
        discussion: """
            Example: pretrain --recipe colormae.json
            trains by that recipe, into runs/<name of the recipe>; then: pretrain probe runs/<name>
            """,
        version: "palimpsest \(palimpsestVersion)",
        subcommands: [
            PlanCommand.self, TrainCommand.self, ResumeCommand.self, ProbeCommand.self, FinetuneCommand.self,
            FeaturesCommand.self, ViewCommand.self, ExploreCommand.self, AtlasCommand.self, AnomaliesCommand.self,
            DiagnoseCommand.self, ReportCommand.self, CompareCommand.self, SweepCommand.self,
            ExportCommand.self, ImportCommand.self,
            RecipesCommand.self, MasksCommand.self, CodebookCommand.self, DataCommand.self, VerifyCommand.self,
            DoctorCommand.self,
        ],
        defaultSubcommand: TrainCommand.self)

    static func main() {
        Console.prepare()
        ParentWatch.begin()
        Foundation.exit(outcome())
    }

    /// Runs the command and tells what went wrong; the exit code. What it made is released before the process ends, so that
    /// leak checking sees leaks alone.
    private static func outcome() -> Int32 {
        let group: ProcessGroup
        do {
            group = try Processes.joined.get()
        } catch {
            let failure = Failure(code: RunError.Kind.usage.rawValue, text: error.description)
            if ProcessGroup.isFirstLaunched { failure.tell() }
            return failure.code
        }
        let code = outcome(in: group)
        group.leave(code: code)
        return code
    }

    private static func outcome(in group: ProcessGroup) -> Int32 {
        do {
            try requireText()
            try Verbs.requireKnown(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot()
            if group.count > 1, !(command is any SharedByProcesses) {
                throw RunError(.usage, "this verb works in one process; start it without mpirun")
            }
            try command.run()
            return 0
        } catch {
            if let code = error as? ExitCode { return code.rawValue }
            group.fail()
            if error is EndedElsewhere { return RunError.Kind.checkFailed.rawValue }
            guard let failure = Failure(error) else {
                return group.speaks ? ending(error) : exitCode(for: error).rawValue
            }
            if group.speaks { failure.tell() }
            return failure.code
        }
    }

    /// Arguments are texts: one that is none would be taken for another name.
    private static func requireText() throws(RunError) {
        for place in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[place], String(validatingCString: argument) == nil else {
                continue
            }
            throw RunError(
                .usage,
                "argument \(place) is not UTF-8 (\(String(cString: argument).shown)); give another name to the file or folder"
            )
        }
    }

    /// Tells what the argument parser says: help and versions on standard output, faults on standard error.
    private static func ending(_ error: any Error) -> Int32 {
        let code = exitCode(for: error)
        var text = fullMessage(for: error)
        if text.contains("nexpected argument"), text.contains(".tar") {
            // The shell has made several words of `--data shards:train-{000..009}.tar`.
            text =
                "error: \(message(for: error)). If the shell spread out braces, put them in quotes: "
                + "--data 'shards:train-{000..009}.tar', or give the folder of the shards"
        }
        if code != .success {
            if !text.isEmpty { Console.say(text) }
        } else if !text.isEmpty {
            do {
                try Console.show(text)
            } catch {
                let failure = Failure(code: RunError.Kind.inputOutput.rawValue, text: error.description)
                failure.tell()
                return failure.code
            }
        }
        return code.rawValue
    }
}
#endif
