import ArgumentParser

/// The command `pretrain`.
@main
struct Pretrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pretrain",
        abstract: "Self-supervised pretraining of vision transformers, and what the features are worth.",
        discussion: "Example: pretrain --recipe colormae.json",
        version: "palimpsest 0.1.0",
        subcommands: [VerifyCommand.self])
}
