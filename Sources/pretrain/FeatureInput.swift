#if Commands
import ArgumentParser
import Autodiff
import Checkpoints
import Evaluation
import Foundation
import ImageData
import Pretraining
import PretrainingMethods
import ProcessGroups
import RecipeSchema
import VisionTransformers

/// What `probe` and `features` work on: an encoder, images, a pooling.
struct FeatureInput: ParsableArguments {
    /// The kinds of features that a probe compares.
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case pretrained
        case randomInit = "random-init"
        case rawPixels = "raw-pixels"

        var title: String {
            switch self {
            case .pretrained: "pretrained encoder"
            case .randomInit: "the same encoder with initial values"
            case .rawPixels: "raw pixels"
            }
        }
    }

    @Option(help: "Other images: PATH, KIND:PATH or card=NAME:PATH. (default: those of the recipe)")
    var data: String?

    @OptionGroup var labelling: LabelArguments

    @Option(
        help:
            "mean (of the patch tokens), class (token) or last-four (means of the last four layers side by side). (default: what a protocol names, else mean)"
    )
    var pool: Pooling?

    @Option(help: "The block after which tokens are taken, from 1. (default: the last)")
    var layer: Int?

    @Option(help: "Threads to compute with; the result does not depend on them. (default: all processors)")
    var threads: Int?

    @Flag(help: "Refuse a part with a picture that cannot be read. (default: its row is left out and named)")
    var strict = false

    var policy: EvaluationLoader.Policy { strict ? .strict : .skip }

    /// The encoder of a run or file, ours or another's, with the recipe for its pictures.
    func subject(_ target: String) throws -> EvaluatedEncoder {
        var subject = try Self.encoder(target)
        guard subject.hasRecipe || data != nil else {
            throw RunError(
                .usage,
                "\(target) carries no recipe that can be used, so its pictures are unknown; name them with --data")
        }
        if let data {
            subject.recipe.data.source = try SourceArgument.parse(data, keeping: subject.recipe.data.source)
        }
        subject.recipe.data.source = try labelling.applied(to: subject.recipe.data.source)
        return subject
    }

    /// The encoder of a run or file; its recipe is as it was written.
    static func encoder(_ target: String) throws -> EvaluatedEncoder {
        let folder = RunFolder(target)
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: target, isDirectory: &isFolder)
        if !isFolder.boolValue {
            // A file that is a recipe says so; any other may be an encoder.
            let absence = folder.absence
            if !isThere || absence.kind == .usage { throw absence }
        }
        if folder.exists && !FileManager.default.fileExists(atPath: folder.encoderFile) {
            let earlier =
                folder.previous.exists
                ? "; the run that it was to replace stands whole in \(folder.previous.path.quotedForShell)" : ""
            throw RunError(
                .missing,
                "\(target) has no encoder.safetensors yet: no checkpoint was written; train on with: pretrain resume "
                    + target.quotedForShell + earlier)
        }
        return try EvaluatedEncoder(path: target)
    }

    /// The pictures that a probe is fitted on, and those that it is scored on.
    struct Parts {
        var train: any ImageSource
        var test: any ImageSource
        /// Files of the test part that the encoder was pretrained on; nil where no files can be compared.
        var seen: Int?
    }

    /// Both parts, opened, every picture with what the needs of protocols ask for: a label, or a label map.
    func parts(_ subject: EvaluatedEncoder, for needs: [ProbeNeeds]) throws -> Parts {
        let train = try DataAccess.source(subject.recipe.data.forEvaluation, .train)
        guard !needs.contains(.labelMaps) || train.hasLabelMaps else {
            throw RunError(
                .data,
                "these pictures have no label maps, and a protocol needs one of each; name their folder with --maps FOLDER, as in "
                    + "--data images:PATH --maps FOLDER, where FOLDER/a/b.png is the map of PATH/a/b.jpg")
        }
        var parts = Parts(train: train, test: try DataAccess.source(subject.recipe.data.forEvaluation, .test))
        for (name, source) in [("training", parts.train), ("test", parts.test)] {
            guard needs.contains(where: { $0 != .labelMaps }),
                let index = (0..<source.count).first(where: { source.label($0) == nil })
            else { continue }
            throw RunError(
                .data,
                "the picture `\(source.key(index))` of the \(name) part has no label, and a probe needs one for each; name "
                    + "labelled pictures with --data class_folders:PATH, or with --data images:PATH --labels FILE, or write features "
                    + "with pretrain features")
        }
        parts.seen = Self.seen(of: parts.test, by: subject)
        return parts
    }

    /// Files of a part that are among those that an encoder was pretrained on, as its recipe names them; nil where either has no files
    /// of its own, or those of the recipe are not there.
    private static func seen(of part: any ImageSource, by subject: EvaluatedEncoder) -> Int? {
        guard var data = subject.pretrainingData else { return nil }
        // Whole files are compared: their tiles need not be counted.
        data.tiles = nil
        let files = part.filePaths
        guard !files.isEmpty, let trained = try? DataAccess.source(data, .train).filePaths, !trained.isEmpty else {
            return nil
        }
        return files.intersection(trained).count
    }

    /// What protocols judge: the features of a kind, kept in `cache` where there is one.
    func probeSubject(
        _ kind: Kind, _ subject: EvaluatedEncoder, _ parts: Parts, cache: FeatureCache?, on engine: Engine
    ) throws -> ProbeSubject {
        let transform = try DataAccess.evaluationTransform(subject.recipe)
        let made = kind == .pretrained ? (subject.encoder, subject.parameters) : subject.untrained()
        let encoder = kind == .rawPixels ? nil : ProbeSubject.FrozenEncoder(made.0, made.1, transform)
        let digest = encoder.map { _ in made.1.digest } ?? ""
        let judged = ProbeSubject(encoder, train: parts.train, test: parts.test, pooling: pool, on: engine) {
            part, pooling in
            let source = part == .train ? parts.train : parts.test
            func make() throws -> FeatureTable {
                try table(of: kind, encoder, source, transform, pooling, requiresLabels: true, on: engine)
            }
            guard let cache else { return try make() }
            let settings = cacheSettings(subject, source, encoder == nil ? nil : pooling, on: engine)
            let key = FeatureCache.Key(
                what: "\(kind.rawValue)-\(part.rawValue)", encoder: digest, settings: settings)
            return try cache.table(
                key, sharedBy: Processes.group, note: { Console.say("note: \($0)") }, make: make)
        }
        judged.policy = policy
        judged.patches =
            try encoder.map { try patchFeatures($0, on: engine) }
            ?? PatchFeatures(pixelsOf: transform, patchSize: subject.encoder.options.patchSize, engine: engine)
        let progress = WorkProgress()
        judged.onProgress = { what, done, total in
            progress.at(what, done, total)
            if done == total { progress.end() }
        }
        return judged
    }

    /// What decides features besides the encoder; `pooling` is nil where none takes part.
    private func cacheSettings(
        _ subject: EvaluatedEncoder, _ source: any ImageSource, _ pooling: Pooling?, on engine: Engine
    ) -> [String: String] {
        let form = JSONValue.object(
            (subject.recipe.data.encoded.members ?? []).filter { $0.name != "source" }.map { ($0.name, $0.value) })
        var settings = ["pictures": source.fingerprint, "form": form.text(), "strict": "\(strict)"]
        if let pooling {
            settings["pooling"] = pooling.rawValue
            settings["layer"] = layer.map { "\($0)" } ?? "last"
            settings["kernels"] = "\(engine.level)"
        }
        return settings
    }

    /// Features of pictures with digests of what they are made of, kept in `cache` where there is one.
    func digestedTable(
        _ subject: EvaluatedEncoder, _ source: any ImageSource, _ part: DatasetPart, cache: FeatureCache?,
        on engine: Engine
    ) throws -> FeatureTable {
        func make() throws -> FeatureTable {
            let digesting = DigestingSource(source)
            var made = try table(subject, digesting, on: engine)
            made.digests = made.samples(of: source.count).map { digesting.digest($0) ?? "" }
            return made
        }
        guard let cache else { return try make() }
        let key = FeatureCache.Key(
            what: "explored-\(part.rawValue)", encoder: subject.parameters.digest,
            settings: cacheSettings(subject, source, pool ?? .mean, on: engine))
        let kept = try cache.table(key, note: { Console.say("note: \($0)") }, make: make)
        return kept.digests == nil ? try make() : kept
    }

    /// Refuses processes whose features would be of other pictures, or by another encoder; `asked` is what decides them besides.
    func requireEqualProcesses(
        _ subject: EvaluatedEncoder, asked: [String], _ sources: [any ImageSource], on engine: Engine
    ) throws {
        let group = Processes.group
        guard group.count > 1 else { return }
        try ProcessTraits(
            recipe: ([subject.recipe.encoded.text(), "\(pool?.rawValue ?? "") \(layer ?? 0) \(strict)"] + asked).joined(
                separator: "\n"),
            weights: subject.parameters.digest, pictures: sources.map(\.fingerprint).joined(separator: " "),
            kernels: engine.level.rawValue
        ).requireEqual(in: group)
    }

    /// What makes a feature for each patch by a run's or a file's encoder.
    func patchFeatures(_ subject: EvaluatedEncoder, on engine: Engine) throws -> PatchFeatures {
        let transform = try DataAccess.evaluationTransform(subject.recipe)
        return try patchFeatures(.init(subject.encoder, subject.parameters, transform), on: engine)
    }

    private func patchFeatures(_ frozen: ProbeSubject.FrozenEncoder, on engine: Engine) throws -> PatchFeatures {
        try Processes.group.together {
            try orUsage { try PatchFeatures(frozen, layer: layer, engine: engine) }
        }
    }

    /// Features of some pictures by a run's or a file's encoder.
    func table(
        _ subject: EvaluatedEncoder, _ source: any ImageSource, on engine: Engine
    ) throws -> FeatureTable {
        let transform = try DataAccess.evaluationTransform(subject.recipe)
        return try table(
            of: .pretrained, .init(subject.encoder, subject.parameters, transform), source, transform, pool ?? .mean,
            requiresLabels: false, on: engine)
    }

    private func table(
        of kind: Kind, _ encoder: ProbeSubject.FrozenEncoder?, _ source: any ImageSource,
        _ transform: EvaluationTransform, _ pooling: Pooling, requiresLabels: Bool, on engine: Engine
    ) throws -> FeatureTable {
        let group = Processes.group
        return try orUsage {
            guard let encoder else {
                return try SourceFeatures.rawPixels(
                    source, transform: transform, threads: threads ?? 2, policy: policy,
                    memoryLimit: engine.memoryLimit, sharedBy: group)
            }
            let extractor = try group.together {
                try FeatureExtractor(
                    encoder.encoder, encoder.parameters, pooling: pooling, layer: layer, engine: engine)
            }
            let progress = WorkProgress()
            defer { progress.end() }
            let table = try extractor.table(
                of: source, transform, requiresLabels: requiresLabels, policy: policy, sharedBy: group,
                onProgress: { progress.at("\(kind.rawValue) features of pictures", $0, source.count) })
            // Finite weights can still be too large for the numbers that they make.
            guard let place = table.features.firstIndex(where: { !$0.isFinite }) else { return table }
            group.endTogether()
            throw RunError(
                .data,
                "the \(kind.rawValue) features of \(table.keys[place / table.dimension]) are not finite, so this encoder is "
                    + "of no use; nothing is written")
        }
    }
}

extension FeatureTable {
    /// Sentences about both parts; what both tell alike stands once.
    static func notes(train: FeatureTable, test: FeatureTable) -> [String] {
        notes(train: train.notes, test: test.notes)
    }

    /// The same of sentences.
    static func notes(train ofTrain: [String], test ofTest: [String]) -> [String] {
        ofTrain.map { ofTest.contains($0) ? $0 : "training part: \($0)" }
            + ofTest.filter { !ofTrain.contains($0) }.map { "test part: \($0)" }
    }

    /// Sentences about the part that these are features of: what the source tells, and the pictures left out.
    var notes: [String] {
        func list(_ key: String) -> [JSONValue] {
            (provenance[key].flatMap { try? JSONParser.parse([UInt8]($0.utf8)) })?.array ?? []
        }
        let skipped = list("skipped")
        var sentences = list("data_notes").compactMap(\.string)
        if let sentence = Self.leftOut(skipped.map { $0["key"]?.string ?? "" }, of: count + skipped.count) {
            sentences.append(sentence)
        }
        return sentences
    }

    /// A sentence about pictures that could not be read, by their keys; nil where there are none.
    static func leftOut(_ keys: [String], of count: Int) -> String? {
        guard !keys.isEmpty else { return nil }
        let names = keys.prefix(3).map { "`\($0)`" }.joined(separator: ", ")
        return "\(keys.count) of \(count) pictures could not be read and are left out: \(names)"
            + (keys.count > 3 ? ", …" : "")
    }
}

/// Features as a file.
enum FeatureFile {
    /// What tells a safetensors file of features from others.
    static let format = "palimpsest-features"

    /// What every safetensors file of features says.
    static func metadata(recipe: Recipe) -> [String: String] {
        [
            "format": format, "palimpsest": palimpsestVersion, "recipe": recipe.encoded.text(),
            "recipe_digest": recipe.digest,
        ]
    }

    /// The forms of a file of features, by the ending of its name.
    enum Form: String, CaseIterable {
        case safetensors
        case csv
        case npy

        /// The form that a name asks for: safetensors without an ending, as that of a device; an error for other endings.
        init(of path: String) throws(RunError) {
            let name = path.split(separator: "/").last ?? ""
            guard let dot = name.lastIndex(of: "."), dot != name.startIndex else {
                self = .safetensors
                return
            }
            let ending = name[name.index(after: dot)...].lowercased()
            // Some call safetensors by its first letters.
            guard let form = ending == "st" ? .safetensors : Form(rawValue: ending) else {
                throw RunError(
                    .usage,
                    "--out \(path.shown): the ending \(String(name[dot...]).shown) is none of features; name a file that ends in "
                        + Form.allCases.map { ".\($0.rawValue)" }.joined(separator: ", "))
            }
            self = form
        }

        /// How a file that we wrote before is recognised.
        var content: OutputFile.Content {
            switch self {
            case .safetensors: .safetensors(key: "format", value: FeatureFile.format)
            // Tables are edited and annotated: none is replaced without being asked.
            case .csv, .npy: .unmarked
            }
        }

        /// The bytes of the file; of safetensors with where the features come from.
        func bytes(_ table: FeatureTable, recipe: Recipe) -> [UInt8] {
            switch self {
            case .csv: return table.csv
            case .npy: return table.npy
            case .safetensors:
                var table = table
                table.provenance.merge(FeatureFile.metadata(recipe: recipe)) { _, own in own }
                return Safetensors.bytes(of: table.file)
            }
        }
    }
}
#endif
