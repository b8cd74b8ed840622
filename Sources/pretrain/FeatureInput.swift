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

    /// The encoder of a run or file, with its recipe.
    func subject(_ target: String) throws -> EncoderFile {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: target, isDirectory: &isFolder) else {
            throw RunFolder(target).absence
        }
        if !isFolder.boolValue && !target.hasSuffix(".safetensors") { throw Self.noEncoder(target) }
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

    /// The error of a file that is neither a run nor an encoder.
    private static func noEncoder(_ target: String) -> RunError {
        let absence = RunFolder(target).absence
        if absence.kind == .usage { return absence }
        return RunError(
            .data, "\(target) is no encoder: give a run's folder, or a file whose name ends in .safetensors")
    }

    /// The pictures that a probe is fitted on, and those that it is scored on.
    struct Parts {
        var train: any ImageSource
        var test: any ImageSource
    }

    /// Both parts, opened, every picture with a label.
    func labelledParts(_ subject: EncoderFile) throws -> Parts {
        let parts = Parts(
            train: try DataAccess.source(subject.recipe.data, .train),
            test: try DataAccess.source(subject.recipe.data, .test))
        for (name, source) in [("training", parts.train), ("test", parts.test)] {
            guard let index = (0..<source.count).first(where: { source.label($0) == nil }) else { continue }
            throw RunError(
                .data,
                "the picture `\(source.key(index))` of the \(name) part has no label, and a probe needs one for each; name "
                    + "labelled pictures with --data class_folders:PATH, or write features with pretrain features")
        }
        return parts
    }

    /// Features of the training and the test part.
    func tables(
        of kind: Kind, _ subject: EncoderFile, _ parts: Parts
    ) throws -> (train: FeatureTable, test: FeatureTable) {
        (
            try table(of: kind, subject, parts.train, requiresLabels: true),
            try table(of: kind, subject, parts.test, requiresLabels: true)
        )
    }

    /// Features of some pictures.
    func table(
        of kind: Kind, _ subject: EncoderFile, _ source: any ImageSource, requiresLabels: Bool
    ) throws -> FeatureTable {
        let transform = try DataAccess.evaluationTransform(subject.recipe)
        if kind == .rawPixels {
            return try SourceFeatures.rawPixels(source, transform: transform, threads: threads ?? 2)
        }
        let engine = try Machine.engine(threads: threads)
        let (encoder, parameters) =
            kind == .pretrained
            ? (subject.encoder, subject.parameters) : EncoderFile.randomEncoder(subject.recipe)
        do {
            let extractor = try FeatureExtractor(encoder, parameters, pooling: pool, layer: layer, engine: engine)
            return try extractor.table(of: source, transform, requiresLabels: requiresLabels)
        } catch let error as EvaluationError {
            throw RunError(.usage, "\(error)")
        }
    }
}

/// Features as a file that says where they come from.
enum FeatureFile {
    static func bytes(_ table: FeatureTable, recipe: Recipe) -> [UInt8] {
        var table = table
        table.provenance["palimpsest"] = palimpsestVersion
        table.provenance["recipe"] = recipe.encoded.text()
        table.provenance["recipe_digest"] = recipe.digest
        return Safetensors.bytes(of: table.file)
    }
}

extension FeatureTable {
    /// Refuses features that no program can use.
    func requireFinite(of target: String) throws(RunError) {
        guard let place = features.firstIndex(where: { !$0.isFinite }) else { return }
        throw RunError(
            .data,
            "the features of \(target) are not finite (\(features[place]) in row \(place / dimension)), so nothing is written; "
                + "the encoder diverged or its file is damaged: use an earlier checkpoint")
    }
}
