public import ArgumentParser
import Autodiff
import Checkpoints
public import Evaluation
import Foundation
public import ImageData
import Logging
import Pretraining
import RandomStreams
import RecipeSchema

/// `pretrain probe`: what frozen features are worth, beside two baselines.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Evaluate frozen features beside raw pixels and random initialisation.",
        discussion: """
            Example: pretrain probe runs/colormae --protocol clip-logreg --protocol dino-knn
            Settings are chosen on a held-out tenth of the training part; labels of the test part decide nothing.
            """)

    @Argument(help: "A run's folder, or an encoder.safetensors.")
    var target: String

    @Option(name: .customLong("protocol"), help: "A protocol; may be repeated. (default: the four of the table)")
    var protocols: [String] = []

    @Option(
        help:
            "pretrained, random-init or raw-pixels; may be repeated. The first is compared with the rest. (default: all)"
    )
    var features: [FeatureInput.Kind] = []

    @OptionGroup var input: FeatureInput

    @Flag(help: "One JSON object a protocol and kind of features on standard output.")
    var json = false

    func run() throws {
        let names =
            protocols.isEmpty ? ["clip-logreg", "fewshot-lsr", "dino-knn", "mae-linprobe"] : protocols
        let probes = try orUsage { try names.map { try ProbeCatalogue.named($0) } }
        let log = PeopleLog.logger(console: .standardError)
        let subject = try input.subject(target)
        let random = RandomStream(seed: UInt64(subject.recipe.seed)).child("probe")
        var columns: [ProbeReport.Column] = []
        var rows: [JSONValue] = []
        for kind in features.isEmpty ? FeatureInput.Kind.allCases : features {
            log.info("features: \(kind.title)")
            let (train, test) = try input.tables(of: kind, subject)
            if columns.isEmpty {
                for note in FeatureTable.notes(train: train, test: test) {
                    if json { log.info("note: \(note)") } else { print("note: \(note)") }
                }
            }
            let scores = try probes.flatMap { probe in
                let stream = random.child(type(of: probe).name)
                return try orData {
                    try probe.scores(train: train, test: test, random: stream, threads: input.threads)
                }
            }
            columns.append(.init(features: kind.rawValue, scores: scores))
            for score in scores {
                let row = Self.row(score, kind, train)
                rows.append(row)
                if json { print(row.text()) }
            }
        }
        if !json { print(ProbeReport(columns).text(random: random.child("report"))) }
        let folder = RunFolder(target)
        if folder.exists {
            let text = JSONValue(rows).text(pretty: true) + "\n"
            _ = try AtomicFile.write(Array(text.utf8), to: folder.probesFile)
        }
    }

    /// The row of a score, with what its features are.
    private static func row(_ score: ProbeScore, _ kind: FeatureInput.Kind, _ table: FeatureTable) -> JSONValue {
        let members = (score.row(features: kind.rawValue).members ?? []).map { ($0.name, $0.value) }
        let provenance = table.provenance.filter { $0.key != "features" }.sorted { $0.key < $1.key }
        return .object(members + provenance.map { ($0.key, JSONValue($0.value)) })
    }
}

/// `pretrain features`: the features themselves.
struct FeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features", abstract: "Write frozen features as safetensors.",
        discussion: "Example: pretrain features runs/colormae --data images:pictures --out features.safetensors")

    @Argument(help: "A run's folder, or an encoder.safetensors.")
    var target: String

    @Option(help: "The file to write.")
    var out: String

    @Option(help: "The part of the source: train or test.")
    var part = DatasetPart.train

    @OptionGroup var input: FeatureInput

    func run() throws {
        let subject = try input.subject(target)
        let table = try input.table(of: .pretrained, subject, part, requiresLabels: false)
        try FeatureFile.write(table, recipe: subject.recipe, to: out)
        let log = PeopleLog.logger(console: .standardError)
        for note in table.notes { log.info("\(note)") }
        print("\(table.count) x \(table.dimension) features to \(out)")
    }
}

extension DatasetPart: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}

private func orUsage<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as EvaluationError { throw RunError(.usage, "\(error)") }
}

private func orData<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as EvaluationError { throw RunError(.data, "\(error)") }
}
