#if Commands
import ArgumentParser
import Evaluation
import Pretraining
import RandomStreams
import RecipeSchema

/// `pretrain finetune`: does pretraining help on these pictures?
struct FinetuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finetune", abstract: "Train the whole encoder on labels, beside the same network from scratch.",
        discussion: """
            Example: pretrain finetune runs/colormae --labels 1%,10%,100% --set epochs=20
            For each share of the labels, the pretrained encoder and the same network with initial values are trained alike (protocol \
            mae-finetune: see pretrain probe --list) and scored on the test part. The deviation over draws, which pictures had labels, \
            stands apart from the interval, which pictures were tested.
            """)

    @Argument(help: "A run's folder, or a safetensors file of an encoder (ours, timm's, Hugging Face's, CLIP's).")
    var target: String

    @Option(help: "Other images: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @Option(
        help:
            "Shares of the training labels, such as 1%,10%,100%; or the file of the labels of an `images` folder. May be repeated."
    )
    var labels: [String] = []

    @Option(help: "Share of each class that becomes the test part, where there is none, as data.source.split.test.")
    var split: Double?

    @Option(help: "What --split never divides, as data.source.split.group: folder, or a column of the labels.")
    var splitGroup: String?

    @Option(help: "Draws of a share: which pictures have labels, and all other chance.")
    var draws = 3

    @Option(name: .customLong("set"), help: "An option of mae-finetune: KEY=VALUE, such as epochs=20.")
    var changes: [String] = []

    @Option(help: "Threads to compute with; the result does not depend on them. (default: all processors)")
    var threads: Int?

    @Flag(help: "One JSON object a share and encoder on standard output.")
    var json = false

    func validate() throws {
        if !(1...100).contains(draws) { throw ValidationError("--draws is \(draws), allowed are 1 to 100") }
    }

    func run() throws {
        let (shares, file) = try Self.shares(labels)
        let probe = try orUsage {
            try ProbeCatalogue.named(FineTuneProbe.name, set: changes.map { "\(FineTuneProbe.name).\($0)" })
        }
        let input = try self.input(file)
        let log = PeopleLog.log()
        let subject = try input.subject(target)
        for note in subject.notes { log.info("\(target): \(note)") }
        let folder = RunFolder(target)
        let record = folder.exists ? try ProbeRecord(folder.probesFile) : nil
        let parts = try input.parts(subject, for: [.encoder])
        let engine = try Machine.engine(threads: threads)
        let random = RandomStream(seed: UInt64(subject.recipe.seed)).child("probe").child(FineTuneProbe.name)
        let asked = LowShotProbe(around: probe, shares: shares, draws: draws)
        var columns: [ProbeReport.Column] = []
        var rows: [JSONValue] = []
        for kind in [FeatureInput.Kind.pretrained, .randomInit] {
            log.info("training \(kind == .pretrained ? "the pretrained encoder" : "the same network from scratch")")
            let judged = try input.probeSubject(kind, subject, parts, cache: nil, on: engine)
            let scores = try orData { try asked.scores(judged, random: random) }
            for score in scores {
                let row = ProbeCommand.row(
                    score, kind, [:],
                    ProbeCommand.context(target, subject, input, parts) + ProbeCommand.options(of: probe))
                rows.append(score.recorded(row))
                if json { try Console.show(row.text()) }
            }
            columns.append(.init(features: kind.rawValue, scores: scores))
        }
        if !json {
            let report = ProbeReport(columns)
            try Console.show(report.text(random: random.child("report")))
            try Console.show(FineTuneAnswer(columns[0].scores, columns[1].scores, shares: shares).sentence)
        }
        try record?.add(rows)
    }

    /// The shares among what `--labels` names, rising, and the file of labels, if one is named.
    static func shares(_ given: [String]) throws(RunError) -> (shares: [Double], file: String?) {
        var (shares, file): ([Double], String?) = ([], nil)
        for text in given {
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            guard parts.allSatisfy({ $0.hasSuffix("%") }) else {
                guard file == nil else {
                    throw RunError(
                        .usage,
                        "--labels \(text.shown): two files of labels are named; shares are written as 1%,10%,100%")
                }
                file = text
                continue
            }
            for part in parts {
                guard let number = Double(part.dropLast()), number > 0, number <= 100 else {
                    throw RunError(
                        .usage, "--labels \(String(part).shown): a share is above 0 % and at most 100 %, such as 10%")
                }
                shares.append(number / 100)
            }
        }
        return (shares.isEmpty ? [0.01, 0.1, 1] : Set(shares).sorted(), file)
    }

    /// What `probe` would be given for the same pictures.
    private func input(_ labelFile: String?) throws -> FeatureInput {
        var arguments: [String] = []
        if let data { arguments += ["--data", data] }
        if let labelFile { arguments += ["--labels", labelFile] }
        if let split { arguments += ["--split", "\(split)"] }
        if let splitGroup { arguments += ["--split-group", splitGroup] }
        if let threads { arguments += ["--threads", "\(threads)"] }
        return try FeatureInput.parse(arguments)
    }
}
#endif
