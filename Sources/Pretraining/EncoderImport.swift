public import Checkpoints
import EncoderFiles
import Foundation
import ImageData
import RecipeSchema
import VisionTransformers

/// Weights of another program as an encoder's file of ours.
public struct EncoderImport: Sendable {
    /// The file.
    public let bytes: [UInt8]
    /// What became of the tensors, and what is known of the pictures, a sentence each.
    public let notes: [String]

    /// Reads a file of timm, Hugging Face, CLIP or DINO, or a folder with one.
    ///
    /// `heads` are its attention heads where no `config.json` says them; `licence` its terms, else what stands beside it.
    public init(_ path: String, heads: Int? = nil, licence: String? = nil) throws {
        let (file, loaded) = try orRunError { () throws(CheckpointError) in
            let file = try EncoderFile(path: path)
            var reading = EncoderReading()
            reading.heads = heads
            return (file, try file.load(on: nil, reading))
        }
        if let heads, let own = file.configuredHeads, own != heads {
            throw RunError(
                .usage,
                "the config.json beside \(file.path) says \(own) attention heads, and \(heads) were asked for: with other heads than it "
                    + "was trained with an encoder gives other features; leave them to the file")
        }
        guard !file.isOwn else {
            throw RunError(.usage, "\(file.path) is an encoder's file of this program already; nothing is to be done")
        }
        let statistics = loaded.statisticsBeside ?? loaded.statistics
        let isPhoto = loaded.encoder.options.channels == 3
        let usual = isPhoto ? Normalization.imageNet : Normalization(mean: [0], deviation: [1])
        var metadata = ["palimpsest": palimpsestVersion, Self.originKey: file.path]
        let terms = licence ?? file.licence
        metadata[EncoderFile.licenceKey] = terms
        metadata.merge(file.metadata.filter { $0.key.hasPrefix(EncoderFile.dataKey + ".") }) { own, _ in own }
        bytes = Safetensors.bytes(
            of: loaded.encoder.file(
                loaded.parameters, mean: statistics?.mean ?? usual.mean,
                deviation: statistics?.deviation ?? usual.deviation, metadata: metadata))
        var notes = [loaded.account.sentence]
        if statistics == nil {
            notes.append(
                isPhoto
                    ? "nothing says how its pictures were normalised; ImageNet's mean and std are taken"
                    : "nothing says how its pictures were normalised; numbers are taken as they are")
        }
        notes.append(
            terms.map { "terms of the weights: \($0)" } ?? "nothing says the terms of the weights; --licence does")
        self.notes = notes
    }

    /// The key of the metadata that names the file that was imported.
    private static let originKey = "imported_from"

    /// The place of the file, looked at before anything is read; without being asked only an earlier import is replaced.
    public static func output(_ path: String, replacing: Bool) throws -> OutputFile {
        try orRunError { () throws(CheckpointError) in
            try OutputFile(path, .safetensors(key: originKey, value: nil), replacing: replacing)
        }
    }
}
