import ArgumentParser
import Foundation
import Pretraining

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
            TrainCommand.self, ResumeCommand.self, ProbeCommand.self, FeaturesCommand.self, ViewCommand.self,
            RecipesCommand.self, MasksCommand.self, CodebookCommand.self, DataCommand.self, VerifyCommand.self,
            DoctorCommand.self,
        ],
        defaultSubcommand: TrainCommand.self)

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            if let failure = Failure(error) { failure.exit() }
            exit(withError: error)
        }
    }
}
