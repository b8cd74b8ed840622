import ArgumentParser
import Autodiff
import Checkpoints
import Evaluation
import Foundation
import ImageData
import Pretraining
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

    @Option(
        help: "mean (of the patch tokens), class (token) or last-four (means of the last four layers side by side).")
    var pool = Pooling.mean

    @Option(help: "The block after which tokens are taken, from 1. (default: the last)")
    var layer: Int?

    @Option(help: "Threads to compute with; the result does not depend on them. (default: all processors)")
    var threads: Int?

    @Flag(help: "Refuse a part with a picture that cannot be read. (default: its row is left out and named)")
    var strict = false

    private var policy: EvaluationLoader.Policy { strict ? .strict : .skip }

    /// The encoder of a run or file, with its recipe.
    func subject(_ target: String) throws -> EncoderFile {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: target, isDirectory: &isFolder) else {
            throw RunError(.missing, "\(target): there is no such run folder or file")
        }
        let path = isFolder.boolValue ? RunFolder(target).encoderFile : target
        guard FileManager.default.fileExists(atPath: path) else {
            throw RunError(
                .missing,
                "\(target) has no encoder.safetensors yet: no checkpoint was written; train on with pretrain resume")
        }
        var file = try EncoderFile(path: path)
        if let data { file.recipe.data.source = try SourceArgument.parse(data, keeping: file.recipe.data.source) }
        return file
    }

    /// Features of the training and the test part.
    func tables(of kind: Kind, _ subject: EncoderFile) throws -> (train: FeatureTable, test: FeatureTable) {
        (
            try table(of: kind, subject, .train, requiresLabels: true),
            try table(of: kind, subject, .test, requiresLabels: true)
        )
    }

    /// Features of one part.
    func table(
        of kind: Kind, _ subject: EncoderFile, _ part: DatasetPart, requiresLabels: Bool
    ) throws -> FeatureTable {
        let source = try DataAccess.source(subject.recipe.data, part)
        let transform = try DataAccess.evaluationTransform(subject.recipe)
        if kind == .rawPixels {
            return try SourceFeatures.rawPixels(source, transform: transform, threads: threads ?? 2, policy: policy)
        }
        let engine = try Machine.engine(threads: threads)
        let (encoder, parameters) =
            kind == .pretrained
            ? (subject.encoder, subject.parameters) : EncoderFile.randomEncoder(subject.recipe)
        do {
            let extractor = try FeatureExtractor(encoder, parameters, pooling: pool, layer: layer, engine: engine)
            return try extractor.table(of: source, transform, requiresLabels: requiresLabels, policy: policy)
        } catch let error as EvaluationError {
            throw RunError(.usage, "\(error)")
        }
    }
}

extension FeatureTable {
    /// Sentences about both parts; what both tell alike stands once.
    static func notes(train: FeatureTable, test: FeatureTable) -> [String] {
        let (ofTrain, ofTest) = (train.notes, test.notes)
        return ofTrain.map { ofTest.contains($0) ? $0 : "training part: \($0)" }
            + ofTest.filter { !ofTrain.contains($0) }.map { "test part: \($0)" }
    }

    /// Sentences about the part that these are features of: what the source tells, and the pictures left out.
    var notes: [String] {
        func list(_ key: String) -> [JSONValue] {
            (provenance[key].flatMap { try? JSONParser.parse([UInt8]($0.utf8)) })?.array ?? []
        }
        let skipped = list("skipped")
        var sentences = list("data_notes").compactMap(\.string)
        if !skipped.isEmpty {
            let names = skipped.prefix(3).compactMap { $0["key"]?.string }.map { "`\($0)`" }.joined(separator: ", ")
            sentences.append(
                "\(skipped.count) of \(count + skipped.count) pictures could not be read and are left out: \(names)"
                    + (skipped.count > 3 ? ", …" : ""))
        }
        return sentences
    }
}

/// Features as a file that says where they come from.
enum FeatureFile {
    static func write(_ table: FeatureTable, recipe: Recipe, to path: String) throws {
        var table = table
        table.provenance["palimpsest"] = palimpsestVersion
        table.provenance["recipe"] = recipe.encoded.text()
        table.provenance["recipe_digest"] = recipe.digest
        try Safetensors.write(table.file, to: path)
    }
}
