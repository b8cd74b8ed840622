#if Commands
public import ArgumentParser
import Autodiff
import Checkpoints
public import Evaluation
import Foundation
public import ImageData
import Pretraining
import ProcessGroups
import RandomStreams
import RecipeSchema

/// `pretrain probe`: what frozen features are worth, beside two baselines.
struct ProbeCommand: ParsableCommand, SharedByProcesses {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Evaluate frozen features beside raw pixels and random initialisation.",
        discussion: """
            Example: pretrain probe runs/colormae --protocol clip-logreg --protocol dino-knn --set dino-knn.k=[20]
            Settings are chosen on a held-out tenth of the training part; labels of the test part decide nothing. Features are kept in \
            RUN/features, and computed anew where the encoder or the pictures are others.

            Protocols:
            \(ProbeCatalogue.list)
            """)

    @Argument(help: "A run's folder, or a safetensors file of an encoder (ours, timm's, Hugging Face's, CLIP's).")
    var target: String?

    @Option(name: .customLong("protocol"), help: "A protocol; may be repeated. (default: the four of the table)")
    var protocols: [String] = []

    @Option(
        name: .customLong("set"), help: "An option of a protocol: PROTOCOL.KEY=VALUE, such as dino-knn.temperature=0.1."
    )
    var changes: [String] = []

    @Flag(help: "List the protocols with their options, and what they cost.")
    var list = false

    @Flag(help: "Compute all features anew, and keep none.")
    var noCache = false

    @Option(
        help:
            "pretrained, random-init or raw-pixels; may be repeated. The first is compared with the rest. (default: all)"
    )
    var features: [FeatureInput.Kind] = []

    @OptionGroup var input: FeatureInput

    @Flag(help: "One JSON object a protocol and kind of features on standard output.")
    var json = false

    func validate() throws {
        if target == nil && !list {
            throw ValidationError("name a run's folder or an encoder's file, or ask for --list")
        }
    }

    func run() throws {
        let group = Processes.group
        guard !list, let target else {
            if group.isFirst { try Console.show(ProbeCatalogue.table) }
            return
        }
        let names = protocols.isEmpty ? ProbeCatalogue.usual : protocols
        let probes = try orUsage { try ProbeCatalogue.named(names, set: changes) }
        if input.pool != nil || input.layer != nil, let own = probes.first(where: { $0.needs == .encoder }) {
            throw RunError(
                .usage,
                "\(type(of: own).name) looks at the tokens that it names itself, so --pool and --layer change nothing; leave them out"
            )
        }
        if input.pool != nil, let own = probes.first(where: { $0.needs == .labelMaps }) {
            throw RunError(
                .usage, "\(type(of: own).name) takes patch tokens as they are, so --pool changes nothing; leave it out")
        }
        if group.count > 1, let own = probes.first(where: { $0.needs != .features }) {
            throw RunError(
                .usage,
                "\(type(of: own).name) computes more than one feature a picture, which processes do not share; leave it out, or start "
                    + "it without mpirun")
        }
        let log = Processes.log
        let subject = try input.subject(target)
        for note in subject.notes { log.info("\(target): \(note)") }
        let folder = RunFolder(target)
        let record = folder.exists ? try ProbeRecord(folder.probesFile) : nil
        let cache = noCache ? nil : folder.featureCache
        // Both parts are opened before anything is computed.
        let parts = try input.parts(subject, for: probes.map(\.needs))
        if let seen = parts.seen, seen > 0 {
            log.warning(
                "\(seen) of \(parts.test.filePaths.count) test pictures were seen, without labels, in pretraining; pictures that were not may "
                    + "score lower. To keep a test part unseen, pretrain with the same data.source.split")
        }
        let engine = try Machine.engine(threads: input.threads, sharedBy: group.neighbours)
        try input.requireEqualProcesses(
            subject, asked: names + changes + features.map(\.rawValue) + [noCache ? "anew" : "kept"],
            [parts.train, parts.test], on: engine)
        let random = RandomStream(seed: UInt64(subject.recipe.seed)).child("probe")
        let context = Self.context(target, subject, input, parts)
        var columns: [ProbeReport.Column] = []
        var told: Set<String> = []
        var rows: [JSONValue] = []
        func tell(_ notes: [String]) throws {
            for note in notes where told.insert(note).inserted {
                if json { log.info("note: \(note)") } else if group.isFirst { try Console.show("note: \(note)") }
            }
        }
        for kind in features.isEmpty ? FeatureInput.Kind.allCases : features {
            log.info("features: \(kind.title)")
            let judged = try input.probeSubject(kind, subject, parts, cache: cache, on: engine)
            var scores: [ProbeScore] = []
            for probe in probes {
                let name = type(of: probe).name
                guard judged.encoder != nil || probe.needs != .encoder else {
                    log.info("\(name) needs an encoder, and raw pixels have none: it is left out of their column")
                    continue
                }
                var features: [String: String] = [:]
                if let probe = probe as? any TableProbe {
                    let (train, test) = try judged.tables(type(of: probe).pooling)
                    features = train.provenance
                    if columns.isEmpty { try tell(FeatureTable.notes(train: train, test: test)) }
                }
                if probe.needs == .labelMaps {
                    features = judged.patches?.provenance ?? [:]
                    if columns.isEmpty {
                        try tell(
                            FeatureTable.notes(
                                train: parts.train.ledger.sentences, test: parts.test.ledger.sentences))
                    }
                }
                // Features are made by all; what is fitted on them by the first process.
                try orData { try probe.prepare(judged) }
                let made = try group.together {
                    group.isFirst ? try orData { try probe.scores(judged, random: random.child(name)) } : []
                }
                scores += made
                for score in made {
                    let row = Self.row(score, kind, features, context + Self.options(of: probe))
                    rows.append(score.recorded(row))
                    if json { try Console.show(row.text()) }
                }
            }
            columns.append(.init(features: kind.rawValue, scores: scores))
        }
        guard group.isFirst else { return }
        if !json { try Console.show(ProbeReport(columns).text(random: random.child("report"))) }
        try record?.add(rows)
    }

    /// What every row says of where it comes from.
    static func context(
        _ target: String, _ subject: EvaluatedEncoder, _ input: FeatureInput, _ parts: FeatureInput.Parts
    ) -> [(String, JSONValue)] {
        let source = encodeSource(subject.recipe.data.source)
        return [
            ("run", JSONValue(target)), ("recipe", JSONValue(subject.recipe.name)),
            ("recipe_digest", JSONValue(subject.recipe.digest)), ("seed", JSONValue(subject.recipe.seed)),
            ("data", source), ("train_data", JSONValue(parts.train.fingerprint)),
            ("test_data", JSONValue(parts.test.fingerprint)),
            ("test_seen_in_pretraining", parts.seen.map { JSONValue($0) } ?? .null),
        ]
    }

    private static func encodeSource(_ source: any SourceOptions) -> JSONValue {
        .object(
            [("kind", JSONValue(type(of: source).name))] + (source.encoded.members ?? []).map { ($0.name, $0.value) })
    }

    /// The options of a protocol that are not the usual ones, as a row says them.
    static func options(of probe: any Probe) -> [(String, JSONValue)] {
        let usual = (type(of: probe).init().encoded.members ?? []).map { $0.value.text() }
        let changed = zip(probe.encoded.members ?? [], usual).filter { $0.value.text() != $1 }.map {
            ($0.0.name, $0.0.value)
        }
        return changed.isEmpty ? [] : [("options", .object(changed))]
    }

    /// The row of a score, with what its features are.
    static func row(
        _ score: ProbeScore, _ kind: FeatureInput.Kind, _ features: [String: String], _ context: [(String, JSONValue)]
    ) -> JSONValue {
        let members = (score.row(features: kind.rawValue).members ?? []).map { ($0.name, $0.value) }
        let provenance = features.filter { $0.key != "features" }.sorted { $0.key < $1.key }
        return .object(members + context + provenance.map { ($0.key, JSONValue($0.value)) })
    }
}

/// `pretrain features`: the features themselves.
struct FeaturesCommand: ParsableCommand, SharedByProcesses {
    static let configuration = CommandConfiguration(
        commandName: "features", abstract: "Write frozen features as safetensors, CSV or NumPy's .npy.",
        discussion: """
            Example: pretrain features runs/colormae --data images:pictures --out features.safetensors
            The ending of --out says the form: .safetensors has features, labels, keys and where they come from; .csv has a line a \
            picture: key, label, f0, f1, …; .npy has the features alone, in the order of the keys that the others have.
            With --tokens patch each picture has a feature a patch, [pictures, rows, columns, features], written batch by batch.
            """)

    @Argument(help: "A run's folder, or a safetensors file of an encoder (ours, timm's, Hugging Face's, CLIP's).")
    var target: String

    @Option(help: "The file to write: .safetensors, .csv or .npy.")
    var out: String

    @Option(help: "The part of the source: train or test.")
    var part = DatasetPart.train

    @Option(help: "patch: a feature for each patch in the place of one a picture.")
    var tokens: Tokens?

    @Option(help: "Numbers of --tokens: float32 or float16. (default: float32)")
    var precision: PatchTokenFile.Precision?

    /// What features are of, where they are not of pictures.
    enum Tokens: String, CaseIterable, ExpressibleByArgument {
        case patch
    }

    @Flag(help: "Replace a file that is no file of features.")
    var overwrite = false

    @OptionGroup var input: FeatureInput

    func validate() throws {
        if tokens == nil, precision != nil {
            throw ValidationError("--precision is of the numbers of --tokens patch; features of pictures are float32")
        }
        if tokens != nil, input.pool != nil {
            throw ValidationError(
                "--tokens patch takes patch tokens as they are, so --pool changes nothing; leave it out")
        }
    }

    func run() throws {
        let form = try FeatureFile.Form(of: out)
        if tokens != nil, form == .csv {
            throw RunError(
                .usage,
                "--out \(out.shown): patch tokens have four axes and .csv has two; name a file that ends in .safetensors or .npy"
            )
        }
        let output = try OutputFile(out, form.content, replacing: overwrite)
        let subject = try input.subject(target)
        try output.requireApart(from: [target] + subject.recipe.data.encoded.pathsRead)
        let group = Processes.group
        let log = Processes.log
        for note in subject.notes { log.info("\(target): \(note)") }
        let source = try DataAccess.source(subject.recipe.data.forEvaluation, part)
        let engine = try Machine.engine(threads: input.threads, sharedBy: group.neighbours)
        try input.requireEqualProcesses(
            subject, asked: [out, part.rawValue, tokens?.rawValue ?? "", precision?.rawValue ?? ""], [source],
            on: engine)
        if tokens != nil {
            return try writeTokens(to: output, as: form == .npy ? .npy : .safetensors, subject, source, log, on: engine)
        }
        let table = try input.table(subject, source, on: engine)
        guard group.isFirst else { return }
        try output.write(form.bytes(table, recipe: subject.recipe))
        for note in table.notes { log.info("\(note)") }
        if form == .npy {
            log.info("\(out) has no keys and labels; --out with .csv or .safetensors writes them in the same order")
        }
        try Console.show("\(table.count) x \(table.dimension) features to \(out)")
    }
}

extension FeaturesCommand {
    /// Writes a feature for each patch; says first how many bytes that takes, and refuses a disk without room for them.
    private func writeTokens(
        to output: OutputFile, as form: PatchTokenFile.Form, _ subject: EvaluatedEncoder, _ source: any ImageSource,
        _ log: RunLog, on engine: Engine
    ) throws {
        let features = try input.patchFeatures(subject, on: engine)
        let precision = precision ?? .float32
        let file = PatchTokenFile(
            features, of: source, as: form, precision, metadata: FeatureFile.metadata(recipe: subject.recipe))
        func axes(_ shape: [Int]) -> String { shape.map { "\($0)" }.joined(separator: " x ") }
        func spoken(_ bytes: Double) -> String {
            for (unit, name) in [(0x1p40, "TiB"), (0x1p30, "GiB"), (0x1p20, "MiB")] where bytes >= unit {
                return String(format: "%.1f %@", bytes / unit, name)
            }
            return String(format: "%.0f KiB", (bytes / 1024).rounded(.up))
        }
        log.info(
            "\(out.shown) takes \(spoken(file.bytes)): \(axes(file.shape)) numbers (pictures, rows, columns, features) of "
                + "\(precision.rawValue)")
        try Processes.group.together { try output.requireRoom(file.bytes, spoken: spoken) }
        let progress = WorkProgress()
        let stop = StopSignal()
        defer { progress.end() }
        let written = try orData {
            try file.write(to: output, policy: input.policy, sharedBy: Processes.group) { done in
                // What was written so far is removed.
                if let number = stop.number { throw ExitCode(128 + number) }
                progress.at("patch tokens of pictures", done, source.count)
            }
        }
        progress.end()
        guard Processes.group.isFirst else { return }
        for note in source.ledger.sentences { log.info("\(note)") }
        if let note = FeatureTable.leftOut(written.skipped.map(\.key), of: source.count) { log.info("\(note)") }
        if form == .npy {
            log.info("\(out) has no keys and labels; --out with .safetensors writes them in the same order")
        }
        var shape = file.shape
        shape[0] = written.count
        try Console.show("\(axes(shape)) patch tokens, \(precision.rawValue), to \(out)")
    }
}

/// Refuses an output whose name promises another format than what is written; a name without a suffix promises none.
func requireSuffix(_ suffix: String, of path: String, _ what: String) throws(RunError) {
    let name = path.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return }
    let found = name[name.index(after: dot)...].lowercased()
    let others: Set = [
        "csv", "tsv", "txt", "json", "jsonl", "npy", "npz", "pt", "pth", "bin", "pkl", "h5", "hdf5", "parquet", "mat",
        "png",
        "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "svg", "pdf", "html", "safetensors", "tar", "zip",
    ]
    guard found != suffix, others.contains(found) else { return }
    throw RunError(.usage, "--out \(path.shown): \(what); name a file that ends in .\(suffix)")
}

extension DatasetPart: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}
extension PatchTokenFile.Precision: ExpressibleByArgument {}

/// What an evaluation cannot do as it was asked is a mistake of usage.
func orUsage<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as EvaluationError { throw RunError(.usage, "\(error)") }
}

/// What an evaluation cannot do with what the data are.
func orData<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as EvaluationError { throw RunError(.data, "\(error)") }
}
#endif
