import Autodiff
import Checkpoints
import Foundation
import ImageData
import ImageMasking
import Pretraining
import PretrainingMethods
import RandomStreams
import RecipeSchema
import Verification
import VisionTransformers

/// A reader of foreign bytes, and inputs that it accepts.
struct Target: Sendable {
    let name: String
    /// Files to begin with, below `Tests`.
    var files: [String] = []
    /// Texts to begin with.
    var texts: [String] = []
    /// Bytes to begin with.
    var bytes: [[UInt8]] = []
    /// How seeds are damaged.
    var damage = Mutator.Damage.bytes
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

    /// All of them; `work` is a folder for what they need, which exists where one of them is to read, and `tests` the folder of
    /// golden cases.
    static func all(tests: String, work: String) -> [Target] {
        plain + sampleFiles + [checkpoint(in: work + "/checkpoints")] + cases(below: tests)
    }

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
        Target(
            name: "labels",
            texts: [
                "file,label,scene\na.png,cat,1\r\n\"b,c.png\",\"d\"\"og\",2\n\ne.png,,2\n",
                "{\"file\": \"a.png\", \"label\": 3, \"scene\": \"x\"}\n{\"file\": \"e.png\", \"label\": null, \"scene\": \"y\"}\n",
            ]
        ) { bytes, _ in
            let pictures = ["a.png", "b,c.png", "x/e.png"].map { FileName($0) }
            for path in ["labels.csv", "labels.jsonl"] {
                for columns in [LabelFile.Columns(), LabelFile.Columns(group: "scene")] {
                    let file = try? LabelFile(bytes, path: path, columns: columns)
                    _ = try? file?.labelled(pictures, below: "pictures")
                }
            }
        },
        Target(
            name: "label-map",
            files: ["gray1", "gray16", "interlaced_gray8", "palette4_trns"].map { "Fixtures/odd-images/\($0).png" }
        ) { bytes, path in _ = try? LabelMap(png: bytes, path: path) },
        pictures("npy", ["u2", "f8", "fortran", "big-endian", "auto"].map { "\($0).npy" }),
        pictures("tiff-pages", ["pages.tif", "orientation6.tif", "u32-bigtiff.tif"]),
        Target(
            name: "tiff-count", files: ["pages.tif", "u32-bigtiff.tif"].map { "Fixtures/picture-kinds/\($0)" },
            suffix: ".tif"
        ) { _, path in
            let pages = TIFFPageCount(of: FileName(path)).pages
            precondition((1...65_536).contains(pages), "\(pages) pages")
        },
        Target(name: "cifar", files: ["Fixtures/format-samples/cifar100.bin"], suffix: ".bin") { _, path in
            guard let source = try? CIFARSource(files: [path], variant: .cifar100) else { return }
            for index in 0..<min(source.count, 4) { _ = try? source.image(index) }
        },
    ]

    /// Pictures of 16 × 16 in patches of 4, as the readers of teachers and tokens are told.
    private static let context: MethodContext = {
        var encoder = EncoderOptions()
        encoder.width = 16
        return MethodContext(
            encoder: encoder, grid: PatchGrid(rows: 4, columns: 4), random: RandomStream(seed: 0))
    }()

    /// Codebooks, tokens and representations by picture, and teachers.
    private static let sampleFiles: [Target] = [
        Target(
            name: "codebook", files: ["Golden/cae/aux-codebook-tokens/tensors.safetensors"],
            bytes: [
                written(["codebook": StoredTensor((0..<36).map { Float($0 % 7) - 3 }, shape: [3, 12])]),
                written(["codebook": StoredTensor([UInt8](1...24), shape: [2, 12])]),
            ]
        ) { bytes, _ in
            guard let file = try? Safetensors.read(bytes),
                let codebook = try? PatchCodebook(file, path: "codebook", patchValues: 12)
            else { return }
            _ = codebook.tokens(of: Tensor([Float](repeating: 0.5, count: 24), [2, 12]), engine: engine)
        },
        Target(
            name: "tokens", files: ["Golden/cae/aux-token-file/tensors.safetensors"],
            bytes: [
                written(
                    ["a/b.png": StoredTensor([3, 1, 2, 0, 1, 2] as [Int32], shape: [2, 3])],
                    ["format": "palimpsest-tokens", "version": "1", "vocabulary": "4", "grid": "2,3"])
            ]
        ) { bytes, _ in
            guard let read = try? Safetensors.read(bytes), let file = try? TokenFile(read, path: "tokens") else {
                return
            }
            for key in file.keys.prefix(4) { _ = try? file.tokens(of: key, mirrored: true) }
        },
        Target(
            name: "features",
            bytes: [16, 17].map { rows in
                let values = (0..<rows * 3).map { Float($0) }
                return written([
                    "0": StoredTensor(values, shape: [rows, 3]), "1": StoredTensor(values, shape: [rows, 3]),
                ])
            }
        ) { bytes, _ in
            guard let read = try? Safetensors.read(bytes),
                let file = try? FeatureFile(read, path: "features", grid: context.grid)
            else { return }
            for key in file.keys.prefix(4) { _ = try? file.features(of: key, mirrored: true) }
        },
        Target(
            name: "teacher",
            files: [
                "Golden/interop/timm-vit-average/tensors.safetensors",
                "Golden/maskalign/import_hf_clip/tensors.safetensors",
                "Golden/maskalign/import_hf_dinov2/tensors.safetensors",
                "Golden/maskalign/import_mfm/tensors.safetensors",
                "Golden/maskalign/import_openai_clip/tensors.safetensors",
            ], suffix: ".safetensors"
        ) { _, path in
            var options = TeacherOptions()
            options.path = path
            guard let teacher = try? Teacher(options, context) else { return }
            let images = Tensor([Float](repeating: 0.5, count: 768), [1, 3, 16, 16])
            _ = teacher.representations(of: images, engine: engine)
        },
        Target(
            name: "card",
            texts: [
                #"""
                {"name": "tiny", "title": "Tiny", "classes": ["a", "b"], "class_folders": ["n0", "n1"], "image_size": [8, 9],
                 "channels": 3, "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "train_count": 10, "test_count": 5,
                 "licence": "none", "origin": "here", "notes": "é", "files": [{"name": "a.tar", "md5": "00ff"}],
                 "layouts": [{"source": {"kind": "image_folder"}}, {"source": {"kind": "cifar", "variant": "cifar100"}}]}
                """#
            ]
        ) { bytes, _ in
            guard let card = try? DatasetCard.parse(bytes, path: "card.json") else { return }
            _ = (card.normalization, card.classTable)
        },
    ]

    /// A file of tensors.
    private static func written(_ tensors: [String: StoredTensor], _ metadata: [String: String] = [:]) -> [UInt8] {
        var file = SafetensorsFile()
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) { file[name] = tensor }
        file.metadata = metadata
        return Safetensors.bytes(of: file)
    }

    /// One thread: what is tried is the reading.
    private static let engine: Engine = {
        do { return try Engine(threads: 1) } catch { fatalError("\(error)") }
    }()

    /// Golden cases through their routines: damaged texts with whole tensors, and damaged tensors with whole texts. Cases that
    /// take longer, most of them whole training runs, are left out.
    private static func cases(below tests: String) -> [Target] {
        let slow: Set = ["mae/mask_statistics", "mae/initial_values", "maskalign/aux_sampling"]
        let golden = Verifier.folders(below: tests + "/Golden").filter { folder in
            !slow.contains { folder.hasSuffix($0) }
        }.compactMap { try? GoldenCase(folder: $0) }
        // The numbers of an input are those of the case whose text or tensors it shares most of its beginning with.
        let texts = golden.map { Array($0.json.text().utf8) }
        let tensors = golden.map { Safetensors.bytes(of: $0.tensors) }
        return [
            Target(name: "case", bytes: texts, damage: .json) { bytes, _ in
                let like = golden[closest(texts, to: bytes)]
                guard let json = try? JSONParser.parse(bytes),
                    let damaged = try? GoldenCase(folder: like.folder, json: json, tensors: like.tensors)
                else { return }
                _ = Verifier(engine: engine).run(damaged)
            },
            Target(name: "case-tensors", bytes: tensors) { bytes, _ in
                let like = golden[closest(tensors, to: bytes)]
                guard let tensors = try? Safetensors.read(bytes),
                    let damaged = try? GoldenCase(folder: like.folder, json: like.json, tensors: tensors)
                else { return }
                _ = Verifier(engine: engine).run(damaged)
            },
        ]
    }

    /// The place of the whole that bytes share most of their beginning with.
    private static func closest(_ whole: [[UInt8]], to bytes: [UInt8]) -> Int {
        let shared = whole.map { zip($0, bytes).prefix { $0 == $1 }.count }
        return shared.indices.max { shared[$0] < shared[$1] } ?? 0
    }

    /// One of the files of a checkpoint is the input, the others are whole.
    private static func checkpoint(in folder: String) -> Target {
        let checkpoints = CheckpointFolder(folder)
        var model = SafetensorsFile()
        model["weight"] = StoredTensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let state = JSONValue.object([("step", JSONValue(1)), ("recipe", JSONValue("digest"))])
        let written = try? checkpoints.write(
            Checkpoint(step: 1, model: model, optimizer: model, state: state), keep: 1)
        let files = CheckpointFolder.fileNames.map { "\(checkpoints.folder(of: 1))/\($0)" }
        let whole = files.map { [UInt8](FileManager.default.contents(atPath: $0) ?? Data()) }
        return Target(name: "checkpoint", bytes: written == nil ? [] : whole) { bytes, _ in
            // The file whose beginning the input shares most of.
            let place = closest(whole, to: bytes)
            try? Data(bytes).write(to: URL(fileURLWithPath: files[place]))
            _ = try? checkpoints.latest()
            try? Data(whole[place]).write(to: URL(fileURLWithPath: files[place]))
        }
    }
}
