import Autodiff
import Checkpoints
import EncoderFiles
import Foundation
import ImageMasking
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// What is read of files of every layout.
struct EncoderFileTests {
    private func sameParameters(_ a: ParameterStore, _ b: ParameterStore) -> Bool {
        a.entries.map(\.name) == b.entries.map(\.name) && a.flat.array == b.flat.array
    }

    @Test(arguments: QKVBias.allCases, [RelativePositionKind.none, .perBlock, .shared])
    func whatIsWrittenIsReadBackWithoutItsMethod(bias: QKVBias, relative: RelativePositionKind) throws {
        for owner in ["", "encoder."] {
            let tiny = TinyEncoder {
                $0.options.qkvBias = bias
                $0.options.relativePositionBias = relative
                $0.options.layerScale = 0.1
                $0.traits = EncoderTraits(owner: owner, initialization: .beit)
            }
            let file = tiny.own
            #expect((file.metadata["not_timm"] == nil) == (relative == .none))
            #expect(file["blocks.0.attn.qkv.bias"]?.shape == (bias == .none ? nil : [36]))
            #expect(file["pos_embed"]?.shape == [1, 10, 12] && file["blocks.1.ls2.gamma"]?.shape == [12])
            let loaded = try EncoderFile(file, path: "file").load()
            #expect(loaded.encoder.options.encoded == tiny.options.encoded && loaded.encoder.grid == tiny.grid)
            #expect(loaded.statistics?.mean == [0.4] && loaded.statistics?.deviation == [0.2])
            let original = tiny.made().store
            for entry in loaded.parameters.entries {
                #expect(loaded.parameters[entry.name]?.array == original[owner + entry.name]?.array, "\(entry.name)")
            }
            #expect(loaded.account.taken.count == file.names.count && loaded.account.ignored.isEmpty)
        }
    }

    @Test func unevenHeadsAreReadBackAndCannotGoToTimm() throws {
        let tiny = TinyEncoder { $0.options.heads = 5 }
        #expect(tiny.own.metadata["not_timm"] == "width 12 is not a multiple of heads 5")
        #expect(try EncoderFile(tiny.own, path: "file").load().encoder.options.heads == 5)
    }

    /// Foreign traits are told, too: they come back without anything beside the file.
    @Test func traitsAreInTheFile() throws {
        let tiny = TinyEncoder {
            $0.traits.registers = 2
            $0.traits.hasInputNorm = true
            $0.traits.hasPatchBias = false
            $0.traits.activation = .quickGELU
            $0.traits.epsilon = 1e-5
        }
        let traits = try EncoderFile(tiny.own, path: "file").load().encoder.traits
        #expect(traits.registers == 2 && traits.hasInputNorm && !traits.hasPatchBias)
        #expect(traits.activation == .quickGELU && traits.epsilon == 1e-5 && traits.hasFinalNorm)
    }

    /// Files of earlier versions have a recipe alone, perhaps of a method that nobody knows.
    @Test func oldFilesAreReadByTheirRecipe() throws {
        let tiny = TinyEncoder { $0.options.position = .sincos }
        var file = tiny.own
        file.metadata = [
            "recipe": """
            {"data": {"image_size": 6, "mean": [0.5], "std": [0.25]}, "model": \(tiny.options.encoded.text()),
             "method": {"name": "nobody's"}}
            """
        ]
        let loaded = try EncoderFile(file, path: "file").load()
        #expect(sameParameters(loaded.parameters, tiny.made().store) && loaded.statistics?.mean == [0.5])
        #expect(loaded.encoder.options.position == .sincos)
        // A checkpoint's model file has the encoder among other things, and no table of sines.
        var model = SafetensorsFile(metadata: file.metadata)
        for name in file.names where name != "pos_embed" {
            model["target_encoder.\(name)"] = file[name]
            model["encoder.\(name)"] = StoredTensor([Float](repeating: 0, count: 1))
        }
        model["predictor.weight"] = StoredTensor([Float(1)])
        let target = try EncoderFile(model, path: "file").load()
        #expect(sameParameters(target.parameters, loaded.parameters))
        #expect(target.account.ignored.count == file.names.count && target.account.sentence.contains("its method's"))
    }

    @Test(arguments: [
        (4, ""), (5, ""), (4, "vit."), (5, "vit."), (4, "module.model.vit."),
    ])
    func huggingFacesNamesAreRead(version: Int, prefix: String) throws {
        let tiny = TinyEncoder()
        var file = tiny.huggingFace(version: version, prefix: prefix)
        file["decoder.decoder_embed.weight"] = StoredTensor([Float](repeating: 1, count: 4))
        file["decoder.mask_token"] = StoredTensor([Float](repeating: 1, count: 4))
        let loaded = try EncoderFile(file, path: "file").load(withHeads())
        #expect(sameParameters(loaded.parameters, tiny.made().store))
        #expect(loaded.account.ignored.map(\.reason) == ["a decoder", "a decoder"])
        #expect(
            loaded.account.sentence
                == "taken \(file.names.count - 2) of \(file.names.count) tensors: left 2 (a decoder): "
                + "decoder.decoder_embed.weight, decoder.mask_token")
    }

    @Test func encodersWithoutAClassTokenAreRead() throws {
        let tiny = TinyEncoder { $0.options.classToken = false }
        let loaded = try EncoderFile(tiny.huggingFace(version: 4), path: "file").load(withHeads())
        #expect(sameParameters(loaded.parameters, tiny.made().store))
    }

    @Test func timmsHeadsAreLeftAndSaid() throws {
        var file = TinyEncoder { $0.options.layerScale = 1 }.timm
        file["head.weight"] = StoredTensor([Float](repeating: 1, count: 24), shape: [2, 12])
        file["fc_norm.weight"] = StoredTensor([Float](repeating: 1, count: 12))
        let loaded = try EncoderFile(file, path: "file").load(withHeads())
        #expect(Set(loaded.account.ignored.map(\.reason)) == ["a head", "the norm of a head"])
        #expect(loaded.encoder.options.layerScale != nil && loaded.encoder.options.heads == 2)
    }

    @Test func wrappersAreRemovedFromThoseThatCarryThem() throws {
        let tiny = TinyEncoder()
        var wrapped = SafetensorsFile()
        for name in tiny.timm.names { wrapped["module.teacher.backbone.\(name)"] = tiny.timm[name] }
        let loaded = try EncoderFile(wrapped, path: "file").load(withHeads())
        #expect(sameParameters(loaded.parameters, tiny.made().store))
    }

    @Test func halfPrecisionIsRead() throws {
        let tiny = TinyEncoder()
        var narrow = SafetensorsFile()
        for name in tiny.timm.names {
            guard let tensor = tiny.timm[name] else { continue }
            // The upper half of a float is the same number in bfloat16, cut.
            let bytes = tensor.floats().flatMap { value -> [UInt8] in
                let bits = value.bitPattern >> 16
                return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
            }
            narrow[name] = StoredTensor(dtype: .bfloat16, shape: tensor.shape, bytes: bytes)
        }
        let loaded = try EncoderFile(narrow, path: "file").load(withHeads())
        let (a, b) = (loaded.parameters.flat.array, tiny.made().store.flat.array)
        #expect(zip(a, b).allSatisfy { abs($0 - $1) <= abs($1) / 128 })
    }

    /// The file in a golden case.
    private func golden(_ name: String) throws -> SafetensorsFile {
        let path = SharedFiles.packageRoot.appendingPathComponent("Tests/Golden/maskalign/\(name)").path
        let file = try Safetensors.read(path + "/tensors.safetensors")
        return SafetensorsFile(
            file.names.filter { $0.hasPrefix("state/") }.compactMap { name in
                file[name].map { (name: String(name.dropFirst(6)), tensor: $0) }
            })
    }

    @Test func layoutsBringTheirOwnActivationEpsilonAndStatistics() throws {
        let clip = try EncoderFile(try golden("import_openai_clip"), path: "file").load(withHeads())
        #expect(clip.encoder.traits.activation == .quickGELU && clip.encoder.traits.epsilon == 1e-5)
        #expect(clip.encoder.traits.hasInputNorm && !clip.encoder.traits.hasPatchBias)
        #expect(clip.statistics?.mean == [0.48145466, 0.4578275, 0.40821073])
        let plain = try EncoderFile(try golden("import_mfm"), path: "file").load(withHeads())
        #expect(plain.encoder.traits.activation == .gelu && plain.encoder.traits.epsilon == 1e-6)
        #expect(plain.statistics == nil && plain.account.sentence.contains("left 1 (a decoder): decoder.0.weight"))
    }

    @Test func configurationsDecideOverLayoutsAndReadersOverBoth() throws {
        let clip = try golden("import_openai_clip")
        func load(_ config: String, _ reading: EncoderReading = EncoderReading()) throws -> Encoder {
            try EncoderFile(clip, path: "file", config: try JSONParser.parse(config)).load(reading).encoder
        }
        let config = #"{"vision_config": {"num_attention_heads": 3, "hidden_act": "gelu", "layer_norm_eps": 0.001}}"#
        let read = try load(config)
        #expect(read.options.heads == 3 && read.traits.activation == .gelu && read.traits.epsilon == 0.001)
        let over = try load(
            config,
            withHeads(4) {
                $0.activation = .quickGELU
                $0.epsilon = 0.1
            })
        #expect(over.options.heads == 4 && over.traits.activation == .quickGELU && over.traits.epsilon == 0.1)
        #expect(
            sentence { _ = try load(#"{"hidden_act": "selu"}"#) }
                == #"file: its config.json has hidden_act "selu"; known are "gelu" and "quick_gelu""#)
        for heads in ["0", "-1", "5", "13", "2.5", "9223372036854775807", #""two""#] {
            #expect(sentence { _ = try load(#"{"num_attention_heads": \#(heads)}"#) }.contains("attention heads"))
        }
        #expect(sentence { _ = try load(#"{"layer_norm_eps": 0}"#) }.contains("the ε of its norms is 0"))
    }
}
