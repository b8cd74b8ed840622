#if Commands
import ArgumentParser
import Checkpoints
import Foundation
import ImageData
import Pretraining
import RecipeSchema

/// `pretrain plan`: a recipe for somebody's pictures and hours.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Choose a recipe for your pictures, this machine and some hours, with a reason for each choice.",
        discussion: """
            Example: pretrain plan --data images:/path/to/pictures --hours 8 --out mine.json
            then: pretrain --recipe mine.json
            Looks at the pictures, times real steps of some encoders for about a minute, and writes a recipe that ends within \
            the hours. What cannot be measured is chosen by rules of thumb; docs/plan.md says what is behind them.
            """)

    @Option(help: "The pictures: PATH, KIND:PATH or card=NAME:PATH.")
    var data: String

    @Option(help: "Hours that training may take.")
    var hours = 8.0

    @Option(help: "The method.")
    var method = "mae"

    @Option(
        help:
            "Labelled pictures for the probe afterwards: PATH, KIND:PATH or card=NAME:PATH. They are opened, not used.")
    var labels: String?

    @Option(help: "Weights to begin with: a safetensors file of an encoder (ours, timm's, Hugging Face's, CLIP's).")
    var initFrom: String?

    @Option(name: .customLong("set"), help: "Fix a value of the recipe: KEY=VALUE, such as data.npy_layout=hwc.")
    var changes: [String] = []

    @Option(help: "The recipe to write.")
    var out: String

    @Flag(help: "Replace the file if it is there.")
    var overwrite = false

    @Option(help: "Threads to compute with. (default: all processors)")
    var threads: Int?

    func run() throws {
        let output = try OutputFile(out, .unmarked, replacing: overwrite)
        if let labels { try requireLabels(labels) }
        var request = PlanRequest(source: try SourceArgument.parse(data), hours: hours)
        request.method = method
        request.name = name
        request.weights = initFrom
        request.changes = changes
        try requireSuffix("json", of: out, "a plan is a recipe in JSON")
        try output.requireApart(from: try request.pathsRead())
        let plan = try request.plan(
            cards: DataAccess.cards, on: try Machine.engine(threads: threads), log: PeopleLog.log())
        try output.write(Array((plan.recipe.text(pretty: true) + "\n").utf8))
        for line in lines(plan) { try Console.show(line) }
    }

    /// The recipe's name: that of its file, as far as a name can have its signs.
    private var name: String {
        let stem = URL(fileURLWithPath: out).deletingPathExtension().lastPathComponent
        let kept = String(
            stem.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) ? $0 : "-" }.prefix(100))
        return kept.isEmpty || kept.hasPrefix(".") ? "plan" : kept
    }

    /// A probe needs both parts with labels: what is wrong with them is told before the night, not after it.
    private func requireLabels(_ text: String) throws {
        var options = DataOptions()
        options.source = try SourceArgument.parse(text)
        for part in DatasetPart.allCases {
            let source = try DataAccess.source(options, part)
            guard source.label(0) != nil else {
                throw RunError(
                    .data,
                    "the \(part.rawValue) part of \(text.shown) has no labels; name labelled pictures, such as "
                        + "class_folders:PATH")
            }
        }
    }

    private func lines(_ plan: RunPlan) -> [String] {
        let recipe = out.quotedForShell
        let run = "runs/\(name)".quotedForShell
        let weights = initFrom.map { " --init-from \($0.quotedForShell)" } ?? ""
        let choices = plan.choices.map { "  \($0.what): \($0.value) (\($0.origin.rawValue): \($0.reason))" }
        let labelled = labels.map { "pretrain probe \(run) --data \($0.quotedForShell)" }
        return plan.findings + ["chosen:"] + choices + [
            "training will take about \(SpokenTime.span(plan.seconds)), some \(plan.memory >> 20) MiB of memory and "
                + "\(plan.disk >> 20) MiB of disk",
            plan.expectation, "wrote \(out.shown); train: pretrain --recipe \(recipe)\(weights)",
            "then: "
                + (labelled ?? "pretrain view \(run), and with labels pretrain probe \(run) --data class_folders:PATH"),
        ]
    }
}
#endif
