import Autodiff
import EncoderFiles
import ImageMasking
import RecipeSchema
import VisionTransformers

/// timm's `VisionTransformer`: its names are ours.
enum TimmExport {
    static func obstacles(_ export: EncoderExport) -> [String] {
        let traits = export.encoder.traits
        var obstacles = [export.encoder.timmObstacle].compactMap { $0 }
        if traits.epsilon != 1e-6 {
            obstacles.append("timm's models have norms with ε = 1e-6; those of this encoder have \(traits.epsilon)")
        }
        if traits.activation != .gelu {
            obstacles.append("timm's plain models have the exact GELU; this encoder has CLIP's quick one")
        }
        if traits.hasInputNorm || !traits.hasPatchBias || !traits.hasFinalNorm {
            obstacles.append(
                "timm's plain models have a bias in the patch embedding, no norm in front of the blocks and one behind them"
            )
        }
        return obstacles
    }

    static func files(_ export: EncoderExport) -> [ExportedFile] {
        [
            ExportedFile("model.safetensors", tensors: tensors(export), metadata: export.metadata),
            ExportedFile("config.json", config(export)),
        ]
    }

    /// timm gives register tokens positions; ours have none, so theirs are zero.
    private static func tensors(_ export: EncoderExport) -> [(name: String, value: Tensor)] {
        let (registers, options) = (export.encoder.traits.registers, export.encoder.options)
        return export.tensors.map { name, value in
            guard name == "pos_embed", registers > 0 else { return (name, value) }
            let width = options.width
            let first = options.classToken ? width : 0
            var rows = value.array
            rows.insert(contentsOf: [Float](repeating: 0, count: registers * width), at: first)
            return (name, Tensor(rows, [1, value.shape[1] + registers, width]))
        }
    }

    /// The keywords of `timm.create_model`, in its order.
    private static func arguments(_ export: EncoderExport) -> [(String, JSONValue)] {
        let (options, traits, size) = (export.encoder.options, export.encoder.traits, export.imageSize)
        var arguments: [(String, JSONValue)] = [
            ("img_size", JSONValue([JSONValue(size.height), JSONValue(size.width)])),
            ("patch_size", JSONValue(options.patchSize)), ("in_chans", JSONValue(options.channels)),
            ("embed_dim", JSONValue(options.width)), ("depth", JSONValue(options.depth)),
            ("num_heads", JSONValue(options.heads)), ("class_token", JSONValue(options.classToken)),
            // The mean of the patch tokens behind the final norm: what this program's probes see.
            ("global_pool", JSONValue("avg")), ("fc_norm", JSONValue(false)),
        ]
        if options.mlpRatio != 4 { arguments.append(("mlp_ratio", JSONValue(options.mlpRatio))) }
        if options.qkvBias == .none { arguments.append(("qkv_bias", JSONValue(false))) }
        if let scale = options.layerScale { arguments.append(("init_values", JSONValue(scale))) }
        if traits.registers > 0 { arguments.append(("reg_tokens", JSONValue(traits.registers))) }
        return arguments
    }

    private static func config(_ export: EncoderExport) -> JSONValue {
        let (options, size, statistics) = (export.encoder.options, export.imageSize, export.statistics)
        func list(_ values: [Double]) -> JSONValue { JSONValue(values.map { JSONValue($0) }) }
        return .object([
            ("architecture", JSONValue("vit_tiny_patch16_224")), ("num_classes", JSONValue(0)),
            ("num_features", JSONValue(options.width)), ("global_pool", JSONValue("avg")),
            ("model_args", .object(arguments(export))),
            (
                "pretrained_cfg",
                .object([
                    (
                        "input_size",
                        JSONValue([JSONValue(options.channels), JSONValue(size.height), JSONValue(size.width)])
                    ),
                    ("mean", list(statistics.mean)), ("std", list(statistics.deviation)),
                    ("interpolation", JSONValue("bicubic")), ("crop_pct", JSONValue(1.0)),
                    ("first_conv", JSONValue("patch_embed.proj")), ("classifier", JSONValue("head")),
                    ("num_classes", JSONValue(0)),
                ])
            ),
        ])
    }

    static func call(_ export: EncoderExport, folder: String) -> String {
        let words = arguments(export).map { "\($0)=\(literal($1))" }.joined(separator: ", ")
        return """
            import timm, safetensors.torch
            model = timm.create_model("vit_tiny_patch16_224", num_classes=0, \(words))
            model.load_state_dict(safetensors.torch.load_file(\(python(folder + "/model.safetensors"))), strict=True)
            features = model.eval()(images)  # [B, \(export.encoder.options.width)]: the mean of the patch tokens behind the final norm
            """
    }

    private static func literal(_ value: JSONValue) -> String {
        if let bool = value.bool { return bool ? "True" : "False" }
        if let list = value.array { return "(" + list.map { $0.text() }.joined(separator: ", ") + ")" }
        return value.text()
    }
}
