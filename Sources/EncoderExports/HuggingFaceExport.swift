import Autodiff
import EncoderFiles
import ImageMasking
import RecipeSchema
import VisionTransformers

/// Hugging Face's transformers, under the names of version 4: version 5 reads them, too.
enum HuggingFaceExport {
    /// The class that an encoder is one of.
    private enum Model {
        /// With a class token.
        case vit
        /// Without.
        case iJEPA
        /// With a class token, and the decoder of a masked autoencoder.
        case vitMAE(EncoderExport.MAEDecoder)

        var name: String {
            switch self {
            case .vit: "vit"
            case .iJEPA: "ijepa"
            case .vitMAE: "vit_mae"
            }
        }

        var architecture: String {
            switch self {
            case .vit: "ViTModel"
            case .iJEPA: "IJepaModel"
            case .vitMAE: "ViTMAEForPreTraining"
            }
        }
    }

    private static func model(_ export: EncoderExport) -> Model {
        guard export.encoder.options.classToken else { return .iJEPA }
        return export.decoder.map { .vitMAE($0) } ?? .vit
    }

    static func obstacles(_ export: EncoderExport) -> [String] {
        let (options, traits) = (export.encoder.options, export.encoder.traits)
        let name = model(export).architecture
        var obstacles: [String] = []
        if options.layerScale != nil { obstacles.append("\(name) has no layer scale (model.layer_scale)") }
        if traits.registers > 0 { obstacles.append("\(name) has no place for the \(traits.registers) register tokens") }
        if export.encoder.rotary != nil {
            obstacles.append(
                "\(name) has neither rotary positions nor root-mean-square norms (model.position is \"rope\")")
        }
        if options.relativePositionBias != .none {
            obstacles.append("\(name) has no relative position bias (model.relative_position_bias)")
        }
        if traits.hasInputNorm || !traits.hasPatchBias || !traits.hasFinalNorm {
            obstacles.append(
                "\(name) has a bias in the patch embedding, no norm in front of the blocks and one behind them")
        }
        if let range = export.valueRange, range.low != 0 {
            obstacles.append(
                "its image processor divides stored numbers and has no place for data.value_range, which begins at \(range.low)"
            )
        }
        if let fault = options.headsFault { obstacles.append(fault) }
        return obstacles
    }

    static func files(_ export: EncoderExport) -> [ExportedFile] {
        let model = model(export)
        return [
            ExportedFile("model.safetensors", tensors: tensors(export, model), metadata: export.metadata),
            ExportedFile("config.json", config(export, model)),
            ExportedFile("preprocessor_config.json", preprocessor(export)),
        ]
    }

    private static func tensors(_ export: EncoderExport, _ model: Model) -> [(name: String, value: Tensor)] {
        let encoder = export.tensors.flatMap { renamed($0.name, $0.value) }
        guard case .vitMAE(let decoder) = model else { return encoder }
        return encoder.map { ("vit." + $0.name, $0.value) } + decoderTensors(export, decoder)
    }

    /// The tensors of a block behind `blocks.i.`, weight or bias still behind them.
    private static let inner = [
        "norm1": "layernorm_before", "norm2": "layernorm_after", "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense",
    ]

    /// What a tensor of timm's name is called; queries, keys and values are three.
    private static func renamed(_ name: String, _ value: Tensor) -> [(name: String, value: Tensor)] {
        switch name {
        case "cls_token": return [("embeddings.cls_token", value)]
        case "pos_embed": return [("embeddings.position_embeddings", value)]
        case "norm.weight", "norm.bias": return [("layernorm." + ending(name), value)]
        case _ where name.hasPrefix("patch_embed.proj."):
            return [("embeddings.patch_embeddings.projection." + ending(name), value)]
        default: break
        }
        guard name.hasPrefix("blocks.") else { preconditionFailure("no name for \(name)") }
        let parts = name.split(separator: ".")
        return block("encoder.layer.\(parts[1]).", parts.dropFirst(2).joined(separator: "."), value)
    }

    private static func block(_ owner: String, _ own: String, _ value: Tensor) -> [(name: String, value: Tensor)] {
        let end = ending(own)
        if own.hasPrefix("attn.qkv.") {
            let rows = value.shape[0] / 3
            let columns = value.count / value.shape[0]
            return ["query", "key", "value"].enumerated().map { place, part in
                let numbers = Array(value.array[place * rows * columns..<(place + 1) * rows * columns])
                let shape: Shape = value.shape.rank == 2 ? [rows, columns] : [rows]
                return ("\(owner)attention.attention.\(part).\(end)", Tensor(numbers, shape))
            }
        }
        guard let known = inner[String(own.dropLast(end.count + 1))] else { preconditionFailure("no name for \(own)") }
        return [("\(owner)\(known).\(end)", value)]
    }

    private static func ending(_ name: String) -> String { name.hasSuffix(".bias") ? "bias" : "weight" }

    private static func decoderTensors(
        _ export: EncoderExport, _ decoder: EncoderExport.MAEDecoder
    ) -> [(name: String, value: Tensor)] {
        let store = export.parameters
        var tensors: [(name: String, value: Tensor)] = []
        for entry in store.entries {
            guard let value = store[entry.name] else { continue }
            let name = entry.name
            if name == "mask_token" {
                tensors.append(("decoder.mask_token", value))
            } else if name.hasPrefix("decoder_blocks.") {
                let parts = name.split(separator: ".")
                let own = parts.dropFirst(2).joined(separator: ".")
                // Biases of queries and values alone get zeros for the keys.
                if own == "attn.v_bias" { continue }
                if own == "attn.q_bias", let values = store[String(name.dropLast("q_bias".count)) + "v_bias"] {
                    let joined = value.array + [Float](repeating: 0, count: value.count) + values.array
                    tensors += block(
                        "decoder.decoder_layers.\(parts[1]).", "attn.qkv.bias", Tensor(joined, [3 * value.count]))
                    continue
                }
                tensors += block("decoder.decoder_layers.\(parts[1]).", own, value)
            } else if ["decoder_embed.", "decoder_norm.", "decoder_pred."].contains(where: name.hasPrefix) {
                tensors.append(("decoder." + name, value))
            }
        }
        let rows = 1 + export.encoder.grid.count
        let table = PositionTable.sincos(
            grid: export.encoder.grid, width: decoder.size.width, order: export.encoder.options.positionOrder, prefix: 1
        )
        tensors.append(("decoder.decoder_pos_embed", Tensor(table, [1, rows, decoder.size.width])))
        return tensors
    }

    private static func config(_ export: EncoderExport, _ model: Model) -> JSONValue {
        let (options, size) = (export.encoder.options, export.imageSize)
        let isSquare = size.height == size.width
        var members: [(String, JSONValue)] = [
            ("model_type", JSONValue(model.name)), ("architectures", JSONValue([JSONValue(model.architecture)])),
            ("hidden_size", JSONValue(options.width)), ("num_hidden_layers", JSONValue(options.depth)),
            ("num_attention_heads", JSONValue(options.heads)), ("intermediate_size", JSONValue(options.hiddenWidth)),
            ("hidden_act", JSONValue(export.encoder.traits.activation == .gelu ? "gelu" : "quick_gelu")),
            ("hidden_dropout_prob", JSONValue(0.0)), ("attention_probs_dropout_prob", JSONValue(0.0)),
            ("layer_norm_eps", JSONValue(Double("\(export.encoder.traits.epsilon)") ?? 1e-6)),
            (
                "image_size",
                isSquare ? JSONValue(size.height) : JSONValue([JSONValue(size.height), JSONValue(size.width)])
            ),
            ("patch_size", JSONValue(options.patchSize)), ("num_channels", JSONValue(options.channels)),
            ("qkv_bias", JSONValue(options.qkvBias != .none)),
        ]
        if case .vitMAE(let decoder) = model {
            members += [
                ("decoder_hidden_size", JSONValue(decoder.size.width)),
                ("decoder_num_hidden_layers", JSONValue(decoder.size.depth)),
                ("decoder_num_attention_heads", JSONValue(decoder.size.heads)),
                ("decoder_intermediate_size", JSONValue(decoder.hidden)), ("mask_ratio", JSONValue(decoder.maskRatio)),
                ("norm_pix_loss", JSONValue(decoder.normalizesTarget)),
            ]
        }
        return .object(members)
    }

    private static func preprocessor(_ export: EncoderExport) -> JSONValue {
        let (size, statistics) = (export.imageSize, export.statistics)
        func list(_ values: [Double]) -> JSONValue { JSONValue(values.map { JSONValue($0) }) }
        return .object([
            ("image_processor_type", JSONValue("ViTImageProcessor")), ("do_resize", JSONValue(true)),
            ("size", .object([("height", JSONValue(size.height)), ("width", JSONValue(size.width))])),
            ("resample", JSONValue(3)), ("do_rescale", JSONValue(true)),
            ("rescale_factor", JSONValue(1 / (export.valueRange?.high ?? 255))),
            ("do_normalize", JSONValue(true)), ("image_mean", list(statistics.mean)),
            ("image_std", list(statistics.deviation)),
        ])
    }

    static func call(_ export: EncoderExport, folder: String) -> String {
        let prefix = export.encoder.prefix
        let place = python(folder)
        switch model(export) {
        case .vit:
            return """
                from transformers import ViTModel
                model = ViTModel.from_pretrained(\(place), add_pooling_layer=False).eval()
                features = model(pixel_values=images).last_hidden_state[:, \(prefix):].mean(1)  # [B, \(export.encoder.options.width)]
                """
        case .iJEPA:
            return """
                from transformers import IJepaModel
                model = IJepaModel.from_pretrained(\(place), add_pooling_layer=False).eval()
                features = model(pixel_values=images).last_hidden_state.mean(1)  # [B, \(export.encoder.options.width)]
                """
        case .vitMAE:
            return """
                from transformers import ViTMAEForPreTraining
                model = ViTMAEForPreTraining.from_pretrained(\(place)).eval()
                model.config.mask_ratio = 0.0  # every patch is seen
                features = model.vit(pixel_values=images).last_hidden_state[:, 1:].mean(1)  # [B, \(export.encoder.options.width)]
                """
        }
    }
}
