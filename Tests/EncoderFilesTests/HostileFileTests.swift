import Autodiff
import Checkpoints
import EncoderFiles
import ImageMasking
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// Files that are broken, or that say what they do not hold: a sentence each, before anything is allocated.
struct HostileFileTests {
    private func loading(_ file: SafetensorsFile, _ reading: EncoderReading = withHeads()) -> String {
        sentence { _ = try EncoderFile(file, path: "file").load(reading) }
    }

    private func changed(_ name: String, _ tensor: StoredTensor?) -> SafetensorsFile {
        var file = TinyEncoder().timm
        file[name] = tensor
        return file
    }

    private func zeros(_ shape: Int...) -> StoredTensor {
        StoredTensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape)
    }

    @Test func tensorsWithoutAPlaceAndMissingOnesAreNamed() {
        let plain = TinyEncoder().timm
        // Without these a file is that of another encoder.
        let parts = ["cls_token", "patch_embed.proj.bias", "norm.weight", "norm.bias"]
        for name in plain.names where !parts.contains(name) {
            #expect(!loading(changed(name, nil)).isEmpty, "\(name)")
        }
        #expect(
            loading(changed("blocks.1.mlp.fc2.bias", nil)).contains("lacks the tensor of \"blocks.1.mlp.fc2.bias\""))
        #expect(loading(changed("norm.bias", nil)).contains("lacks the tensor of \"norm.bias\""))
        #expect(
            loading(changed("module.blocks.1.attn.relative_position_bias_table", zeros(28, 2)))
                .contains("\"module.blocks.1.attn.relative_position_bias_table\" has no place"))
        #expect(
            loading(changed("blocks.0.attn.q_norm.weight", zeros(6))).contains("\"blocks.0.attn.q_norm.weight\" has no")
        )
        #expect(loading(changed("blocks.0.ls2.gamma", zeros(12))).contains("\"blocks.0.ls2.gamma\" has no place"))
        #expect(loading(changed("blocks.00.norm1.bias", zeros(12))).contains("twice"))
        let noise = SafetensorsFile([("weight", StoredTensor([Float(1)]))])
        #expect(loading(noise).contains("no vision transformer that is known"))
        #expect(loading(noise, withHeads { $0.layout = .timm }).contains("\"weight\" has no place"))
    }

    @Test func shapesThatNoEncoderHasAreRefused() {
        let plain = TinyEncoder().timm
        for name in plain.names {
            for shape in [[], [0], [1, 1, 1, 1, 1, 1, 12], [12, 0], [3, 4], [1, 1, 1, 1], [5], [1, 5, 1]] {
                let tensor = StoredTensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape)
                #expect(loading(changed(name, tensor)).hasPrefix("file: "), "\(name) \(shape)")
            }
        }
        let seven = loading(changed("patch_embed.proj.weight", zeros(1, 1, 1, 12, 3, 2, 2)))
        #expect(seven == "file: its tensor \"patch_embed.proj.weight\" has 7 axes; at most 6 are possible")
        for name in ["blocks.9223372036854775807.norm1.bias", "blocks.-1.norm1.bias", "blocks.7.norm1.bias"] {
            #expect(loading(changed(name, zeros(12))).contains("blocks, and the last is number"), "\(name)")
        }
        var integers = TinyEncoder().timm
        integers["norm.bias"] = StoredTensor([Int32](repeating: 1, count: 12))
        #expect(loading(integers).contains("\"norm.bias\" holds I32"))
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func numbersThatAreNoneAreRefused(value: Float) throws {
        let message = loading(changed("norm.bias", StoredTensor([value] + [Float](repeating: 0, count: 11))))
        #expect(message.hasPrefix("file: its tensor \"norm.bias\" has \(value) at place 0"))
        var own = TinyEncoder().own
        own["blocks.1.norm2.weight"] = StoredTensor([Float](repeating: value, count: 12))
        #expect(loading(own, EncoderReading()).contains("\"blocks.1.norm2.weight\" has \(value)"))
        var made = TinyEncoder().made()
        let started = sentence { _ = try EncoderFile(own, path: "file").initialize(&made.store, of: made.encoder) }
        #expect(started.contains("diverged"))
    }

    /// What the metadata say is compared with what is there: no number of theirs sizes anything.
    @Test(arguments: [
        ("model.width", "1048576"), ("model.width", "9223372036854775804"), ("model.depth", "128"),
        ("model.depth", "0"), ("model.patch_size", "9223372036854775807"), ("model.channels", "64"),
        ("model.mlp_ratio", "1e300"), ("model.mlp_ratio", "8"), ("model.heads", "0"), ("model.heads", "13"),
        ("model.heads", "9223372036854775807"), ("model.class_token", "false"), ("model.layer_scale", "0.1"),
        ("model.qkv_bias", "\"none\""), ("model.width", "-4"), ("model.width", "\"wide\""), ("grid", "[65500, 65500]"),
        ("grid", "[9223372036854775807, 2]"), ("grid", "[0, 3]"), ("grid", "[3]"), ("grid", "[9, 1, 1]"),
        ("grid", "[2, 3]"), ("registers", "1024"), ("registers", "-1"), ("eps", "0"), ("eps", "1e300"), ("eps", "-1"),
        ("mean", "[1, 2]"), ("std", "[0]"), ("std", "null"), ("final_norm", "false"), ("input_norm", "true"),
        ("patch_bias", "false"), ("prefix", "\"target_\""), ("activation", "\"relu\""), ("unknown", "1"),
    ])
    func descriptionsThatDoNotFitTheTensorsAreRefused(key: String, value: String) throws {
        var file = TinyEncoder().own
        var json = try JSONParser.parse(try #require(file.metadata["encoder"]))
        if key.hasPrefix("model.") {
            var model = try #require(json["model"])
            model = .object(
                try #require(model.members).map { ($0.name, $0.value) }
                    .filter { "model.\($0.0)" != key } + [(String(key.dropFirst(6)), try JSONParser.parse(value))])
            json = .object(json.members?.map { ($0.name, $0.name == "model" ? model : $0.value) } ?? [])
        } else {
            json = .object(
                (json.members ?? []).map { ($0.name, $0.value) }.filter { $0.0 != key }
                    + [(key, try JSONParser.parse(value))])
        }
        file.metadata["encoder"] = json.text()
        let message = loading(file, EncoderReading())
        #expect(message.hasPrefix("file: "), "\(message)")
    }

    @Test(arguments: ["{}", "[]", "{", "null", #"{"data": {}, "model": {}}"#, #"{"data": 3, "model": 4}"#])
    func metadataThatSayNothingAreRefused(text: String) {
        for key in ["recipe", "encoder"] {
            var file = TinyEncoder().own
            file.metadata = [key: text]
            #expect(loading(file, EncoderReading()).hasPrefix("file: "))
        }
    }

    @Test func oldRecipesOfImpossibleSizesAreRefused() {
        for size in ["65500", "0", "-1", "[6]", "null", "9223372036854775807"] {
            var file = TinyEncoder().own
            file.metadata = [
                "recipe": #"{"data": {"image_size": \#(size)}, "model": \#(TinyEncoder().options.encoded.text())}"#
            ]
            #expect(loading(file, EncoderReading()).hasPrefix("file: "), "\(size)")
        }
    }

    @Test func picklesAreToldApartAndHowToConvertThemIsSaid() throws {
        let home = try TemporaryFolder()
        try home.write([0x80, 4, 0x95, 10, 0, 0, 0, 0, 0, 0, 0, 0x7d], "a.pth")
        try home.write([0x50, 0x4b, 3, 4] + [UInt8](repeating: 0, count: 60), "b.pt")
        try home.write([1, 2, 3], "c.safetensors")
        for name in ["a.pth", "b.pt"] {
            let message = sentence { _ = try EncoderFile(path: "\(home.path)/\(name)") }
            #expect(message.contains("torch.load(\"\(name)\", weights_only=True)") && message.contains("a pickle"))
        }
        #expect(sentence { _ = try EncoderFile(path: home.path + "/c.safetensors") }.contains("has 3 bytes"))
        let nothing = #expect(throws: CheckpointError.self) { try EncoderFile(path: home.path + "/d") }
        #expect(nothing?.kind == .missing && nothing?.reason.contains("no such file or folder") == true)
        #expect(sentence { _ = try EncoderFile(path: home.path) }.contains("neither encoder.safetensors nor"))
        try home.write([0x80], "pytorch_model.bin")
        #expect(sentence { _ = try EncoderFile(path: home.path) }.contains("weights_only=True"))
    }

    @Test func aFolderIsReadWithTheConfigurationBesideTheFile() throws {
        let home = try TemporaryFolder()
        try Safetensors.write(TinyEncoder().huggingFace(version: 4), to: home.path + "/model.safetensors")
        let heads = #"{"num_attention_heads": 3, "layer_norm_eps": 1e-6, "hidden_act": "gelu"}"#
        try home.write(Array(heads.utf8), "config.json")
        #expect(try EncoderFile(path: home.path).load().encoder.options.heads == 3)
        #expect(try EncoderFile(path: home.path + "/model.safetensors").load().encoder.traits.epsilon == 1e-6)
        try home.write(Array("{".utf8), "config.json")
        #expect(sentence { _ = try EncoderFile(path: home.path) }.contains("config.json: is no JSON"))
    }

    @Test func aWidthThatSaysNoHeadsAsksForThem() {
        #expect(
            loading(TinyEncoder().timm, EncoderReading()).contains("put a config.json with \"num_attention_heads\""))
        #expect(loading(TinyEncoder().timm, withHeads(5)).contains("its 5 attention heads do not divide its width 12"))
    }
}
