import Autodiff
import Checkpoints
import EncoderFiles
import ImageMasking
import RandomStreams
import VisionTransformers

/// An encoder small enough for tests, with numbers everywhere, and its files.
struct TinyEncoder {
    var options = EncoderOptions()
    var traits = EncoderTraits()
    var grid = PatchGrid(rows: 3, columns: 3)

    /// Patches of 2 pixels, width 12, two blocks and heads, trained positions.
    init(_ change: (inout TinyEncoder) -> Void = { _ in }) {
        options.patchSize = 2
        options.width = 12
        options.depth = 2
        options.heads = 2
        options.position = .learned
        change(&self)
    }

    /// The encoder with random numbers in all parameters, biases and norms too.
    func made(seed: UInt64 = 5) -> (encoder: Encoder, store: ParameterStore) {
        var store = ParameterStore()
        let encoder = Encoder(options, grid: grid, traits: traits, adding: &store, random: RandomStream(seed: seed))
        var random = RandomStream(seed: seed)
        for id in store.ids {
            let shape = store.entry(id).shape
            store.setValue(Tensor((0..<shape.elementCount).map { _ in 0.5 * Float(random.normal()) }, shape), for: id)
        }
        return (encoder, store)
    }

    /// Its file as this program writes it.
    var own: SafetensorsFile {
        let (encoder, store) = made()
        return encoder.file(store, mean: [0.4], deviation: [0.2])
    }

    /// The same tensors without a word about them.
    var timm: SafetensorsFile {
        var file = own
        file.metadata = [:]
        return file
    }

    /// Under the names of transformers 4 or 5, with `prefix` in front.
    func huggingFace(version: Int, prefix: String = "") -> SafetensorsFile {
        let timm = timm
        var file = SafetensorsFile()
        for name in timm.names {
            guard let tensor = timm[name] else { continue }
            let parts = name.split(separator: ".").map(String.init)
            guard parts.count > 2, parts[0] == "blocks" else {
                let outer = [
                    "cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings",
                    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
                    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
                    "norm.weight": "layernorm.weight", "norm.bias": "layernorm.bias",
                ]
                file[prefix + (outer[name] ?? name)] = tensor
                continue
            }
            let block = prefix + (version == 4 ? "encoder.layer.\(parts[1])." : "layers.\(parts[1]).")
            let (stem, end) = (parts[2..<parts.count - 1].joined(separator: "."), parts[parts.count - 1])
            if stem == "attn.qkv" {
                let names =
                    version == 4
                    ? ["query", "key", "value"].map { "attention.attention.\($0)" }
                    : ["q", "k", "v"].map { "attention.\($0)_proj" }
                let values = tensor.floats()
                let third = values.count / 3
                for (index, part) in names.enumerated() {
                    file["\(block)\(part).\(end)"] = StoredTensor(
                        Array(values[index * third..<(index + 1) * third]),
                        shape: [tensor.shape[0] / 3] + tensor.shape.dropFirst())
                }
                continue
            }
            let inner = [
                "norm1": ["layernorm_before", "layernorm_before"], "norm2": ["layernorm_after", "layernorm_after"],
                "attn.proj": ["attention.output.dense", "attention.o_proj"],
                "mlp.fc1": ["intermediate.dense", "mlp.fc1"], "mlp.fc2": ["output.dense", "mlp.fc2"],
            ]
            file["\(block)\(inner[stem]?[version - 4] ?? stem).\(end)"] = tensor
        }
        return file
    }
}

/// The reading of a file whose width says no heads.
func withHeads(_ heads: Int = 2, _ change: (inout EncoderReading) -> Void = { _ in }) -> EncoderReading {
    var reading = EncoderReading()
    reading.heads = heads
    change(&reading)
    return reading
}

/// The sentence of what a body throws; empty where it throws nothing.
func sentence(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return error is CheckpointError ? "\(error)" : "not a CheckpointError: \(error)"
    }
}
