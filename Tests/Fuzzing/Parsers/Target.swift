import Checkpoints
import Foundation
import ImageData
import Pretraining
import RecipeSchema

/// A reader of foreign bytes, and inputs that it accepts.
struct Target: Sendable {
    let name: String
    /// Files to begin with, below `Tests`.
    var files: [String] = []
    /// Texts to begin with.
    var texts: [String] = []
    /// Bytes to begin with.
    var bytes: [[UInt8]] = []
    /// The ending that the reader wants to see.
    var suffix = ""
    /// Reads one input: its bytes, and where they stand in a file. Whatever they are, nothing but an error may come of it.
    let read: @Sendable ([UInt8], String) -> Void

    private static let recipe = """
        {"palimpsest": 1, "name": "tiny", "seed": 3,
         "data": {"source": {"kind": "procedural", "count": 26}, "image_size": 16, "mean": [0.5, 0.5, 0.5]},
         "model": {"patch_size": 4, "width": 16, "depth": 2, "heads": 2}, "mask": {"strategy": "color", "color": "green"},
         "method": {"name": "mae", "decoder_width": 8}, "train": {"epochs": 3, "batch_size": 4}}
        """
    private static let tensors = [
        "Golden/mae/patch_order/tensors.safetensors", "Golden/mae/random_mask/tensors.safetensors",
        "Golden/mfm/aux_schedule/tensors.safetensors", "Golden/diagnostics/ranks/tensors.safetensors",
    ]
    private static let archives = [
        "ustar", "pax_long_name", "gnu_long_name", "json_labels", "base256_size", "class_folders",
    ]

    /// All of them; `work` is a folder for what they need, which exists where one of them is to read.
    static func all(work: String) -> [Target] { plain + [checkpoint(in: work + "/checkpoints")] }

    private static let plain: [Target] = [
        Target(
            name: "json", files: ["Fixtures/format-samples/expected.json", "Golden/mae/keep_counts/case.json"],
            texts: [recipe, #"{"a":[1,-2.5e3,"\u00e9\n",null,true,{"b":{}}]}"#]
        ) { bytes, _ in _ = try? JSONParser.parse(bytes) },
        Target(name: "recipe", texts: [recipe]) { bytes, _ in _ = try? Recipe.parse(bytes) },
        Target(name: "safetensors", files: tensors) { bytes, _ in _ = try? Safetensors.read(bytes) },
        Target(
            name: "encoder",
            files: [
                "Golden/interop/timm-vit-average/tensors.safetensors",
                "Golden/maskalign/import_hf_clip/tensors.safetensors",
                "Golden/maskalign/import_mfm/tensors.safetensors",
            ], suffix: ".safetensors"
        ) { _, path in _ = try? EvaluatedEncoder(path: path) },
        Target(
            name: "tar", files: archives.map { "Fixtures/format-samples/\($0).tar" }, suffix: ".tar"
        ) { _, path in
            guard let source = try? ShardSource(path) else { return }
            for index in 0..<min(source.count, 4) { _ = try? source.image(index) }
        },
        Target(
            name: "tar.gz", files: ["gzip.tar.gz", "gzip_two_members.tar.gz"].map { "Fixtures/format-samples/\($0)" },
            suffix: ".tar.gz"
        ) { _, path in _ = try? ShardSource(path) },
        Target(
            name: "idx", files: ["type08", "type13", "gz_without_suffix"].map { "Fixtures/format-samples/\($0).idx" },
            suffix: ".idx"
        ) { _, path in
            guard let array = try? IDXArray(file: path) else { return }
            for index in 0..<min(array.shape.reduce(1, *), 8) { _ = array.number(index) }
        },
        pictures("npy", ["u2", "f8", "fortran", "big-endian", "auto"].map { "\($0).npy" }),
        pictures("tiff-pages", ["pages.tif", "orientation6.tif", "u32-bigtiff.tif"]),
        Target(name: "cifar", files: ["Fixtures/format-samples/cifar100.bin"], suffix: ".bin") { _, path in
            guard let source = try? CIFARSource(files: [path], variant: .cifar100) else { return }
            for index in 0..<min(source.count, 4) { _ = try? source.image(index) }
        },
    ]

    /// One of the files of a checkpoint is the input, the others are whole.
    private static func checkpoint(in folder: String) -> Target {
        let checkpoints = CheckpointFolder(folder)
        var model = SafetensorsFile()
        model["weight"] = StoredTensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let state = JSONValue.object([("step", JSONValue(1)), ("recipe", JSONValue("digest"))])
        let written = try? checkpoints.write(
            Checkpoint(step: 1, model: model, optimizer: model, state: state), keep: 1)
        let files = CheckpointFolder.fileNames.map { "\(checkpoints.folder(of: 1))/\($0)" }
        let whole = files.map { FileManager.default.contents(atPath: $0) ?? Data() }
        return Target(
            name: "checkpoint", bytes: written == nil ? [] : whole.map { [UInt8]($0) }
        ) {
            bytes, _ in
            // The file whose beginning the input shares most of.
            let place =
                whole.indices.max { a, b in
                    zip(whole[a], bytes).prefix { $0 == $1 }.count < zip(whole[b], bytes).prefix { $0 == $1 }.count
                } ?? 0
            try? Data(bytes).write(to: URL(fileURLWithPath: files[place]))
            _ = try? checkpoints.latest()
            try? whole[place].write(to: URL(fileURLWithPath: files[place]))
        }
    }
}
