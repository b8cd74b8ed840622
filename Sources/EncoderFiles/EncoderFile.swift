public import Checkpoints
import Foundation
public import RecipeSchema

/// A file of an encoder, ours or timm's, Hugging Face's, CLIP's: found and read, not yet taken apart.
///
/// `load` makes the encoder that it holds; `initialize` gives its tensors to a model that is there already. Both account for
/// every tensor. Faults are `CheckpointError`s, a sentence each.
public struct EncoderFile: Sendable {
    /// The file, as it was found.
    public let path: String
    /// Its tensors and strings.
    let file: SafetensorsFile
    /// What a `config.json` beside the file says of the encoder.
    private(set) var config: JSONValue?
    /// What Hugging Face's `preprocessor_config.json` or timm's `pretrained_cfg` say of its images.
    private(set) var images: JSONValue?

    /// Reads a file, or the one in a folder that is a run, a checkpoint or a download.
    public init(path: String) throws(CheckpointError) {
        let place = try Self.found(path)
        let file: SafetensorsFile
        do throws(CheckpointError) {
            file = try Safetensors.read(place)
        } catch  where error.kind == .invalid {
            throw Self.pickleFault(place) ?? error
        }
        self.init(file, path: place)
        // What this program wrote says all itself.
        guard !isOwn else { return }
        let found = try Self.json("config.json", beside: place)
        config = found?["vision_config"] ?? found
        images = try Self.json("preprocessor_config.json", beside: place) ?? found?["pretrained_cfg"]
    }

    /// A file that has been read; `path` is for errors, `config` the `config.json` beside it.
    public init(_ file: SafetensorsFile, path: String, config: JSONValue? = nil) {
        self.file = file
        self.path = path
        self.config = config?["vision_config"] ?? config
        images = config?["pretrained_cfg"]
    }

    /// Where a file of ours keeps the terms of weights that came from elsewhere.
    public static let licenceKey = "licence"

    /// Where a file that left this program and came back keeps how stored numbers become those that the encoder sees, beside mean and
    /// deviation: rows of a recipe's `data`, as JSON, behind this word and a dot.
    public static let dataKey = "palimpsest_data"

    /// Attention heads as a `config.json` beside the file says them; nil where none does.
    public var configuredHeads: Int? { (config?["num_attention_heads"] ?? config?["model_args"]?["num_heads"])?.int }

    /// The terms of the weights, as the file or timm's `config.json` beside it says them; nil where nothing does.
    public var licence: String? { file.metadata[Self.licenceKey] ?? images?["license"]?.string }

    /// Strings about the file, such as the recipe that made it.
    public var metadata: [String: String] { file.metadata }

    /// Whether this program wrote it.
    public var isOwn: Bool { file.metadata[EncoderDescription.key] != nil || file.metadata["recipe"] != nil }

    private static func found(_ path: String) throws(CheckpointError) -> String {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CheckpointError(
                .missing, path: path, "there is no such file or folder; correct the path, or train the encoder first"
            )
        }
        guard isFolder.boolValue else { return path }
        for name in ["encoder.safetensors", "model.safetensors"] where manager.fileExists(atPath: "\(path)/\(name)") {
            return "\(path)/\(name)"
        }
        for name in ["pytorch_model.bin", "open_clip_pytorch_model.bin", "model.safetensors.index.json"]
        where manager.fileExists(atPath: "\(path)/\(name)") {
            let advice =
                name.hasSuffix(".json")
                ? "a model in several files is not read; save it as one model.safetensors" : pickleAdvice(name)
            throw CheckpointError(.invalid, path: "\(path)/\(name)", advice)
        }
        throw CheckpointError(
            .missing, path: path,
            "the folder holds neither encoder.safetensors nor model.safetensors; name a run that has finished an epoch, "
                + "a checkpoint, or a file")
    }

    /// Why a file that is no safetensors file is a pickle, in a zip or bare; nil where it is none.
    private static func pickleFault(_ path: String) -> CheckpointError? {
        // The reader has seen that it is a regular file.
        guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? handle.close() }
        let start = [UInt8]((try? handle.read(upToCount: 4)) ?? Data())
        let isZip = start == [0x50, 0x4b, 0x03, 0x04]
        guard isZip || start.first == 0x80 else { return nil }
        return CheckpointError(.invalid, path: path, pickleAdvice(path))
    }

    private static func pickleAdvice(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let stem = name.split(separator: ".").first.map(String.init) ?? "model"
        return
            "this is a PyTorch file (a pickle), which can run code when it is opened and is not read; convert it once in "
            + "Python: safetensors.torch.save_file(torch.load(\"\(escaped(name))\", weights_only=True), "
            + "\"\(escaped(stem)).safetensors\"), and take its [\"model\"] or [\"state_dict\"] where the tensors are in there"
    }

    /// A JSON file in the folder of a file; nil where there is none.
    private static func json(_ name: String, beside path: String) throws(CheckpointError) -> JSONValue? {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let place = "\(folder.isEmpty ? "/" : folder)/\(name)"
        var status = stat()
        guard stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        guard status.st_size < 1 << 24, let bytes = FileManager.default.contents(atPath: place) else {
            throw CheckpointError(.unreadable, path: place, "cannot be read, or has 16 MiB and more")
        }
        do {
            return try JSONParser.parse(Array(bytes))
        } catch {
            throw CheckpointError(.invalid, path: place, "is no JSON: \(error); correct it, or move it away")
        }
    }
}
