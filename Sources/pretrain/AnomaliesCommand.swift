#if Commands
import ArgumentParser
import Autodiff
import Checkpoints
import Evaluation
import Foundation
import ImageData
import Pretraining
import RandomStreams
import RecipeSchema
import RunReports

/// `pretrain anomalies`: pictures that are unlike normal ones.
struct AnomaliesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anomalies", abstract: "Score pictures by how unlike normal ones they are, with heat maps.",
        discussion: """
            Example: pretrain anomalies runs/colormae --normal images:good --test class_folders:test
            Some normal pictures are held out to set each threshold. Where the test pictures have classes and the normal one is named good or \
            normal, or by --normal-class, the scores are judged: AUROC, average precision, false alarms at 95 % found, with 95 % \
            intervals over pictures.

            Detectors:
            \(AnomalyDetector.allCases.map { "  \($0.rawValue): \($0.meaning)" }.joined(separator: "\n"))
            Writes figures to anomalies.jsonl, the worst pictures to worst.png and their heat maps to map-001.png, map-002.png, … in one \
            folder.
            """)

    @Argument(help: "A run's folder, or a safetensors file of an encoder (ours, timm's, Hugging Face's, CLIP's).")
    var target: String

    @Option(help: "Normal pictures: PATH, KIND:PATH or card=NAME:PATH; of several parts the training part.")
    var normal: String

    @Option(help: "Pictures to judge, named alike; of several parts the test part.")
    var test: String

    @Option(help: "The class of normal pictures. (default: the one named good or normal)")
    var normalClass: String?

    @Option(help: "The share of normal pictures that may raise an alarm.")
    var falseAlarms = 0.05

    @Option(
        help:
            "The share of normal pictures that are held out to set thresholds. (default: a fifth, more where --false-alarms needs more)"
    )
    var heldOut: Double?

    @Option(
        help: "Blocks whose tokens are looked at, from 1: 2,4; distances of several are averaged. (default: the last)")
    var layers: String?

    @Option(help: "The nearest normal picture whose distance is a score, from 1.")
    var neighbour = 10

    @Option(help: "Most patches in the memory; chosen from ten times as many at random.")
    var memory = 1000

    @Option(help: "Heat maps: of so many pictures with the worst patches, from 0 to \(ResultFiles.mostMaps).")
    var maps = 24

    @Option(help: "Seed of what is drawn: held-out pictures, memory, intervals. (default: that of the recipe)")
    var seed: Int?

    @Option(help: "The folder to write. (default: anomalies in the run)")
    var out: String?

    @Flag(help: "Replace files of these names that are not ours.")
    var overwrite = false

    @Option(help: "Threads to compute with; the result does not depend on them. (default: all processors)")
    var threads: Int?

    @Flag(help: "Refuse pictures that cannot be read. (default: they are left out and named)")
    var strict = false

    @Flag(help: "The rows of anomalies.jsonl on standard output, too.")
    var json = false

    func validate() throws {
        func require(_ name: String, _ isAllowed: Bool, _ value: Any, _ allowed: String) throws {
            if !isAllowed { throw ValidationError("--\(name) is \(value), allowed are \(allowed)") }
        }
        try require("false-alarms", falseAlarms > 0 && falseAlarms < 1, falseAlarms, "numbers between 0 and 1")
        try require("held-out", heldOut.map { $0 > 0 && $0 < 1 } ?? true, heldOut ?? 0, "numbers between 0 and 1")
        try require("neighbour", (1...1000).contains(neighbour), neighbour, "1 to 1000")
        try require("memory", (1...20_000).contains(memory), memory, "1 to 20000")
        try require("maps", (0...ResultFiles.mostMaps).contains(maps), maps, "0 to \(ResultFiles.mostMaps)")
        try require("seed", seed ?? 0 >= 0, seed ?? 0, "integers from 0")
        if let layers, blocks == nil {
            throw ValidationError(
                "--layers is \(layers.shown), allowed are numbers from 1 with commas between them, such as 2,4")
        }
    }

    /// The blocks that are asked for; nil where the text is no list of numbers.
    private var blocks: [Int]? {
        guard let layers else { return [] }
        let numbers = layers.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        return numbers.allSatisfy { $0 >= 1 } ? numbers : nil
    }

    func run() throws {
        let run = RunFolder(target)
        let subject = try FeatureInput.encoder(target)
        guard let place = out ?? (run.exists ? run.anomalies : nil) else {
            throw RunError(.usage, "\(target) is no run, so it has no place for figures; name a folder with --out")
        }
        let output = try OutputFolder(place, replacing: overwrite, names: ResultFiles.anomalies)
        let parts = try AnomalyParts(subject, normal: normal, test: test, normalClass: normalClass)
        try output.requireApart(from: parts.pathsRead)
        let log = PeopleLog.log()
        for note in subject.notes { log.info("\(target): \(note)") }
        for note in parts.notes { log.info("\(note)") }
        let engine = try Machine.engine(threads: threads)
        var options = AnomalyStudy.Options()
        options.layers = blocks ?? []
        options.neighbour = neighbour
        options.memory = memory
        options.falseAlarms = falseAlarms
        options.heldOut = heldOut
        let sampleSeed = seed ?? subject.recipe.seed
        let transform = try DataAccess.evaluationTransform(subject.recipe)
        let frozen = ProbeSubject.FrozenEncoder(subject.encoder, subject.parameters, transform)
        _ = try orUsage { try BlockTokens(frozen, layers: options.layers, engine: engine) }
        let progress = WorkProgress()
        let study = try orData {
            try AnomalyStudy(
                frozen, normal: parts.normal, test: parts.test,
                normalClass: parts.normalLabel, options, policy: strict ? .strict : .skip,
                random: RandomStream(seed: UInt64(sampleSeed)).child("anomalies"), on: engine,
                onProgress: { progress.at($0, $1, $2) })
        }
        let sheets = AnomalySheets(
            study,
            SheetPictures(
                parts.test, study.test, subject.recipe, try DataAccess.evaluationTransform(subject.recipe)))
        let files = try sheets.files(maps: maps) { progress.at("heat maps", $0, $1) }
        progress.end()
        let notes = self.notes(study)
        let head = head(subject, parts, study, seed: sampleSeed, notes: notes)
        let rows = [head] + files.map(\.row) + study.rows(maps: sheets.names(maps: maps))
        let text = rows.map { $0.text() + "\n" }.joined()
        try output.write(files.map { ($0.name, $0.bytes) } + [(ResultFiles.anomalyRows, Array(text.utf8))])
        for note in notes { log.info("note: \(note)") }
        guard !json else { return try Console.write(text) }
        try Console.show(study.text())
        let shown = files.count > 2 ? "\(files.count) pictures" : files.map(\.name).joined(separator: ", ")
        try Console.show("\n\(output.path): \(ResultFiles.anomalyRows)\(files.isEmpty ? "" : ", \(shown)")")
    }

    /// The first row: what was done.
    private func head(
        _ subject: EvaluatedEncoder, _ parts: AnomalyParts, _ study: AnomalyStudy, seed: Int, notes: [String]
    ) -> JSONValue {
        .object([
            ("kind", JSONValue("anomalies")), ("palimpsest", JSONValue(palimpsestVersion)), ("run", JSONValue(target)),
            ("recipe", JSONValue(subject.recipe.name)), ("recipe_digest", JSONValue(subject.recipe.digest)),
            ("normal", parts.described.normal), ("test", parts.described.test),
            ("normal_fingerprint", JSONValue(parts.normal.fingerprint)),
            ("test_fingerprint", JSONValue(parts.test.fingerprint)),
            ("normal_class", parts.normalName.map { JSONValue($0) } ?? .null),
            ("fitted", JSONValue(study.fitted.count)), ("held_out", JSONValue(study.heldOut.count)),
            ("tested", JSONValue(study.test.count)), ("tested_that_were_fitted", JSONValue(study.known)),
            ("layers", JSONValue(study.fitted.provenance["layers"] ?? "")),
            ("neighbour", JSONValue(neighbour)), ("memory", JSONValue(study.memoryCount)),
            ("false_alarms", JSONValue(falseAlarms)),
            ("grid", JSONValue([JSONValue(study.grid.rows), JSONValue(study.grid.columns)])),
            ("seed", JSONValue(seed)), ("notes", JSONValue(notes.map { JSONValue($0) })),
        ])
    }

    /// What a reader of the figures must know.
    private func notes(_ study: AnomalyStudy) -> [String] {
        var notes = FeatureTable.notes(train: study.fitted, test: study.test)
        notes += study.heldOut.notes.filter { !notes.contains($0) }
        if study.known > 0 {
            notes.append(
                "\(study.known) of \(study.test.count) test pictures are the same, number by number, as a normal one that was fitted: they "
                    + "say nothing")
        }
        if study.repeated > 0 {
            notes.append(
                "\(study.repeated) held-out normal pictures are the same, number by number, as a fitted one, and set no threshold"
            )
        }
        if let result = study.results.first, result.threshold.value == nil {
            notes.append(
                "no threshold: \(falseAlarms) false alarms need at least \(AnomalyThreshold.fewest(for: falseAlarms)) held-out normal "
                    + "pictures, and there are \(study.heldOut.count); give more, hold out more with --held-out, or allow more with --false-alarms"
            )
        }
        if !study.singular.isEmpty {
            notes.append(
                "no figures of \(study.singular.map(\.rawValue).joined(separator: ", ")): the features of the normal pictures hardly vary"
            )
        }
        return notes
    }
}
#endif
