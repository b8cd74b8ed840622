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
import VisionTransformers

/// `pretrain explore`: what pictures look like to an encoder, without labels.
struct ExploreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore",
        abstract: "Neighbours, pictures that are there twice, clusters, unusual pictures, directions: without labels.",
        discussion: """
            Example: pretrain explore runs/colormae --data images:pictures --query cat/7.jpg
            Writes figures to explore.jsonl and sheets to neighbours.png, duplicates.png, clusters.png, unusual.png, patches.png (the \
            strongest three directions of patch tokens as colours) and spectrum.png, all in one folder. What each row and column is, \
            stands in the pictures.
            """)

    @Argument(help: "A run's folder, or a safetensors file of an encoder (ours, timm's, Hugging Face's, CLIP's).")
    var target: String

    @OptionGroup var input: FeatureInput

    @Option(help: "The part of the source: train or test.")
    var part = DatasetPart.train

    @Option(
        help:
            "A picture whose neighbours are shown, by its name or the end of it; may be repeated. (default: random ones)"
    )
    var query: [String] = []

    @Option(help: "How many pictures of each kind are shown, and neighbours of a query, from 1 to 16.")
    var count = 8

    @Option(help: "How many clusters. (default: of some numbers the one with the largest silhouette)")
    var clusters: Int?

    @Option(help: "Pictures are close up to this share of the median distance to the tenth neighbour, from 0 to 1.")
    var close = Duplicates.usualCloseness

    @Option(help: "Seed of what is drawn: queries, starts of clusters. (default: that of the recipe)")
    var seed: Int?

    @Option(help: "The folder to write. (default: explore in the run)")
    var out: String?

    @Flag(help: "Replace files of these names that are not ours.")
    var overwrite = false

    @Flag(help: "Compute all features anew, and keep none.")
    var noCache = false

    @Flag(help: "The rows of explore.jsonl on standard output, too.")
    var json = false

    func validate() throws {
        if !(1...16).contains(count) { throw ValidationError("--count is \(count), allowed are 1 to 16") }
        if let clusters, !(1...200).contains(clusters) {
            throw ValidationError("--clusters is \(clusters), allowed are 1 to 200")
        }
        if !(0...1).contains(close) { throw ValidationError("--close is \(close), allowed are numbers from 0 to 1") }
        if let seed, seed < 0 { throw ValidationError("--seed is \(seed), allowed are integers from 0") }
    }

    func run() throws {
        let run = RunFolder(target)
        let subject = try input.subject(target)
        guard let place = out ?? (run.exists ? run.exploration : nil) else {
            throw RunError(.usage, "\(target) is no run, so it has no place for figures; name a folder with --out")
        }
        let output = try OutputFolder(place, replacing: overwrite, names: ResultFiles.exploration)
        try output.requireApart(from: subject.recipe.data.encoded.pathsRead)
        let log = PeopleLog.log()
        for note in subject.notes { log.info("\(target): \(note)") }
        let pictures = try ExploredPictures(subject, part, input, cache: noCache ? nil : run.featureCache)
        let (source, engine, table) = (pictures.source, pictures.engine, pictures.table)
        let sampleSeed = seed ?? subject.recipe.seed
        let random = RandomStream(seed: UInt64(sampleSeed)).child("explore")
        let progress = WorkProgress()
        var options = Exploration.Options()
        options.shown = count
        options.clusters = clusters
        options.closeness = close
        if !query.isEmpty { options.queries = try query.map { try row(of: $0, in: table) } }
        let found = try orData {
            try Exploration(
                table, digests: pictures.digests, options, random: random,
                on: engine,
                onProgress: { progress.at($0, $1, $2) })
        }
        let sheets = try ExploreSheets(
            found, subject, source, DataAccess.evaluationTransform(subject.recipe), layer: input.layer, engine: engine
        ).files { progress.at("sheets", $0, $1) }
        progress.end()
        var head: [(String, JSONValue)] = [
            ("kind", JSONValue("explore")), ("palimpsest", JSONValue(palimpsestVersion)), ("run", JSONValue(target)),
            ("recipe", JSONValue(subject.recipe.name)), ("recipe_digest", JSONValue(subject.recipe.digest)),
            ("data", subject.recipe.data.encoded["source"] ?? .null), ("part", JSONValue(part.rawValue)),
            ("fingerprint", JSONValue(source.fingerprint)), ("pictures", JSONValue(table.count)),
            ("dimension", JSONValue(table.dimension)), ("seed", JSONValue(sampleSeed)),
            ("notes", JSONValue(table.notes.map { JSONValue($0) })),
        ]
        for name in ["pooling", "layer"] { head.append((name, JSONValue(table.provenance[name] ?? ""))) }
        let rows = [JSONValue.object(head)] + sheets.map(\.row) + found.rows
        let text = rows.map { $0.text() + "\n" }.joined()
        try output.write(sheets.map { ($0.name, $0.bytes) } + [(ResultFiles.explorationRows, Array(text.utf8))])
        for note in table.notes { log.info("note: \(note)") }
        guard !json else { return try Console.write(text) }
        try Console.show(found.text)
        try Console.show(
            "\n\(output.path): \(ResultFiles.explorationRows), \(sheets.map(\.name).joined(separator: ", "))")
    }

    /// The row of a picture that a name means: the whole name, or the end of just one.
    private func row(of name: String, in table: FeatureTable) throws -> Int {
        if let row = table.keys.firstIndex(of: name) { return row }
        let ends = table.keys.indices.filter { table.keys[$0].hasSuffix(name) }
        if ends.count == 1 { return ends[0] }
        let examples = ends.isEmpty ? Array(table.keys.prefix(3)) : ends.prefix(3).map { table.keys[$0] }
        let shown = examples.map { "`\($0.shown(limit: 80))`" }.joined(separator: ", ")
        throw RunError(
            .usage,
            ends.isEmpty
                ? "--query \(name.shown(limit: 80)): no picture of the \(part.rawValue) part has this name; names are such as \(shown)"
                : "--query \(name.shown(limit: 80)): \(ends.count) pictures end like this, such as \(shown); give more of the name"
        )
    }
}
#endif
