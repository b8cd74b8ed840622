import Autodiff
import Checkpoints
import Foundation
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// The student, and what the loss leaves alone.
struct MaskAlignTests {
    static let grid = PatchGrid(rows: 3, columns: 4)

    private func context() -> MethodContext {
        var encoder = EncoderOptions()
        encoder.patchSize = 4
        encoder.width = 16
        encoder.depth = 2
        encoder.heads = 2
        return MethodContext(encoder: encoder, grid: Self.grid, random: RandomStream(seed: 4))
    }

    private func batch() -> Batch {
        var stream = RandomStream(seed: 6)
        let numbers = (0..<3 * 3 * 12 * 16).map { _ in Float(stream.normal()) }
        return Batch(images: Tensor(numbers, [3, 3, 12, 16]), samples: [3, 1, 4])
    }

    private func plan(_ importance: [Float]?) throws -> MaskPlan {
        try AttentionMasking().plan(
            MaskRequest(grid: Self.grid, samples: [3, 1, 4], importance: importance), random: RandomStream(seed: 5))
    }

    @Test(arguments: [(true, 0), (true, 2), (false, 0)])
    func aStepLeavesIdleWeightsAsTheyAre(classToken: Bool, registers: Int) throws {
        let home = try TemporaryFolder()
        var options = MaskAlignOptions()
        options.teacher = try TinyTeacher(depth: 3, registers: registers, classToken: classToken).options(in: home)
        options.lossLayers = .mid(1)
        let engine = try Engine(threads: 1)
        var method = try options.makeMethod(context())
        let importance = try #require(try method.importance(of: batch(), engine: engine))
        #expect(importance.count == 36 && importance.allSatisfy { $0 > 0 && $0 < 1 })
        if !classToken {
            // What patches give is what patches get.
            for image in 0..<3 { #expect(abs(importance[image * 12..<image * 12 + 12].reduce(0, +) - 1) < 1e-5) }
        }
        let before = method.parameters
        var tape = Tape(engine: engine)
        let request = StepRequest(random: RandomStream(seed: 7))
        let result = try method.loss(batch(), try plan(importance), request, on: &tape)
        let gradients = tape.gradients(of: result.loss, for: method.parameters)
        let groups = ParameterGroup.each(of: method.parameters, treatment: method.treatment(of:))
        var optimizer = AdamW(for: method.parameters, groups)
        optimizer.update(
            &method.parameters, gradients, StepSettings(learningRate: 0.01, weightDecay: 0.5), on: engine)
        for entry in before.entries {
            let isIdle =
                entry.name.hasPrefix("norm.")
                || (entry.name.hasPrefix("distill_heads.") && !entry.name.hasPrefix("distill_heads.1."))
            #expect((method.parameters[entry.name]?.array == before[entry.name]?.array) == isIdle, "\(entry.name)")
        }
        // Rows of blocks that do not count belong to the matrix: no gradient, and no decay either.
        let mixing = try #require(method.parameters["distill_weights"]?.array)
        #expect(mixing[0] == 0.5 && mixing[1] == 0.5 && mixing[2] != 0.5 && mixing[4] == 0.5)
    }

    @Test func lookingAtTheTeacherForMasksFirstChangesNothing() throws {
        let home = try TemporaryFolder()
        var options = MaskAlignOptions()
        options.teacher = try TinyTeacher().options(in: home)
        let engine = try Engine(threads: 1)
        func loss(asking: Bool, other: Bool) throws -> Float {
            var method = try options.makeMethod(context())
            if other {
                var images = batch().images
                images.withUnsafeMutableBuffer { $0[5] += 1 }
                _ = try method.importance(of: Batch(images: images, samples: [3, 1, 4]), engine: engine)
            }
            if asking { _ = try method.importance(of: batch(), engine: engine) }
            var tape = Tape(engine: engine)
            let request = StepRequest(random: RandomStream(seed: 7))
            let plan = try plan([Float](repeating: 1, count: 36))
            return try method.loss(batch(), plan, request, on: &tape).loss.value.item
        }
        let plain = try loss(asking: false, other: false)
        #expect(try loss(asking: true, other: false) == plain && loss(asking: false, other: true) == plain)
    }

    @Test func depthsThatDoNotMatchAreRefusedWhereBlocksArePaired() throws {
        let home = try TemporaryFolder()
        var options = MaskAlignOptions()
        options.teacher = try TinyTeacher(depth: 3).options(in: home)
        for fusion in [AlignmentFusion.linear, .simple] {
            options.fusion = fusion
            let thrown = #expect(throws: MethodError.self) { try options.makeMethod(context()) }
            #expect(thrown?.description.contains("it has 3 blocks, and method.fusion") == true)
        }
        options.fusion = nil
        options.lossLayers = .top(4)
        let thrown = #expect(throws: MethodError.self) { try options.makeMethod(context()) }
        #expect(thrown?.description.contains("too few for method.loss_layers \"top4\"") == true)
    }

    @Test func weightsOfLayersAreReadAndAddUpToOne() {
        for text in ["mean", "out", "linear_decay", "top1", "top4", "mid0", "mid3"] {
            let layers = LossLayers(text)
            #expect(layers?.text == text)
            #expect(abs((layers?.weights(of: 4)?.reduce(0, +) ?? 0) - 1) < 1e-12)
        }
        for text in ["", "top", "top0", "top-1", "mid", "mid1x", "last", "top 3"] { #expect(LossLayers(text) == nil) }
        #expect(LossLayers.mid(4).weights(of: 4) == nil && LossLayers.linearDecay.weights(of: 1) == nil)
        var problems: [Problem] = []
        #expect(LossLayers.decode(JSONValue("last"), at: "$.x", &problems) == nil)
        #expect(problems.first?.message.hasPrefix("found a string \"last\", allowed is \"mean\"") == true)
    }
}

/// Files of teachers from elsewhere.
struct TeacherFileTests {
    static let grid = PatchGrid(rows: 3, columns: 3)

    /// The file in a golden case.
    private func file(_ name: String) throws -> SafetensorsFile {
        let path = SharedFiles.packageRoot.appendingPathComponent("Tests/Golden/maskalign/\(name)").path
        let golden = try Safetensors.read(path + "/tensors.safetensors")
        return SafetensorsFile(
            golden.names.filter { $0.hasPrefix("state/") }.compactMap { name in
                golden[name].map { (name: String(name.dropFirst(6)), tensor: $0) }
            })
    }

    private func read(
        _ file: SafetensorsFile, config: String? = nil, _ change: (inout TeacherOptions) -> Void = { _ in }
    ) throws -> (weights: TeacherWeights, traits: TeacherWeights.Traits, normalization: Normalization?) {
        var options = TeacherOptions()
        options.path = "file"
        change(&options)
        return try TeacherFile(file, options, config: try config.map { try JSONParser.parse($0) })
            .foreign(on: Self.grid)
    }

    @Test func layoutsBringTheirOwnActivationAndEpsilon() throws {
        let clip = try read(try file("import_openai_clip"))
        #expect(clip.traits.activation == .quickGELU && clip.traits.epsilon == 1e-5 && clip.traits.heads == nil)
        #expect(clip.normalization?.mean == [0.48145466, 0.4578275, 0.40821073])
        let plain = try read(try file("import_mfm"))
        #expect(plain.traits.activation == .gelu && plain.traits.epsilon == 1e-6 && plain.normalization == nil)
    }

    @Test func configurationsDecideOverLayoutsAndRecipesOverBoth() throws {
        let config = #"{"vision_config": {"num_attention_heads": 3, "hidden_act": "gelu", "layer_norm_eps": 0.001}}"#
        let clip = try file("import_openai_clip")
        let read = try read(clip, config: config)
        #expect(read.traits.heads == 3 && read.traits.activation == .gelu && read.traits.epsilon == 0.001)
        let over = try self.read(clip, config: config) {
            $0.heads = 4
            $0.activation = .quickGELU
            $0.epsilon = 0.1
        }
        #expect(over.traits.heads == 4 && over.traits.activation == .quickGELU && over.traits.epsilon == 0.1)
        let thrown = #expect(throws: MethodError.self) { try self.read(clip, config: #"{"hidden_act": "selu"}"#) }
        #expect(
            thrown?.description
                == #"file: its config.json has hidden_act "selu"; known are "gelu" and "quick_gelu""#)
    }

    @Test func prefixesOfWrappersAreRemovedFromThoseThatCarryThem() throws {
        let plain = try file("import_mfm")
        var wrapped = SafetensorsFile()
        for name in plain.names { wrapped["module.teacher.backbone.\(name)"] = plain[name] }
        let (a, b) = (try read(plain).weights.tensors, try read(wrapped).weights.tensors)
        #expect(a.count == b.count && a.allSatisfy { b[$0.key]?.array == $0.value.array })
    }

    @Test func halfPrecisionIsRead() throws {
        let plain = try file("import_mfm")
        var narrow = SafetensorsFile()
        for name in plain.names {
            guard let tensor = plain[name] else { continue }
            // The upper half of a float is the same number in bfloat16, cut.
            let bytes = tensor.floats().flatMap { value -> [UInt8] in
                let bits = value.bitPattern >> 16
                return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
            }
            narrow[name] = StoredTensor(dtype: .bfloat16, shape: tensor.shape, bytes: bytes)
        }
        let (a, b) = (try read(plain).weights.tensors, try read(narrow).weights.tensors)
        for (name, value) in a {
            let other = try #require(b[name]?.array)
            #expect(zip(value.array, other).allSatisfy { abs($0 - $1) <= abs($0) / 128 }, "\(name)")
        }
    }

    @Test func tensorsWithoutAPlaceAndMissingOnesAreNamed() throws {
        var extra = try file("import_mfm")
        extra["encoder.blocks.1.attn.relative_position_bias_table"] = StoredTensor([Float](repeating: 0, count: 4))
        let thrown = #expect(throws: MethodError.self) { try read(extra) }
        #expect(thrown?.description.contains("\"blocks.1.attn.relative_position_bias_table\" has no place") == true)
        var short = TinyTeacher().file
        short["blocks.1.mlp.fc2.bias"] = nil
        let weights = try TeacherFile(short, TeacherOptions()).foreign(on: TinyTeacher().grid)
        var encoder = EncoderOptions()
        encoder.patchSize = 2
        let context = MethodContext(encoder: encoder, grid: TinyTeacher().grid, random: RandomStream(seed: 0))
        let traits = TeacherWeights.Traits(heads: 2, activation: .gelu, epsilon: 1e-6)
        let missing = #expect(throws: MethodError.self) {
            _ = try Teacher(weights.weights, traits, normalization: nil, context)
        }
        #expect(missing?.description.contains("it lacks the tensor of \"blocks.1.mlp.fc2.bias\"") == true)
        let noise = SafetensorsFile([("weight", StoredTensor([Float(1)]))])
        #expect(throws: MethodError.self) { try read(noise) }
        #expect(throws: MethodError.self) { try read(noise) { $0.layout = .timm } }
        let unknown = #expect(throws: MethodError.self) { try MaskAlignOptions().makeMethod(context) }
        #expect(unknown?.description.contains("there is no such file or folder") == true)
    }

    /// Without a class token there may be a row for it or none: the network is the same.
    @Test(arguments: [PatchGrid(rows: 3, columns: 3), PatchGrid(rows: 2, columns: 5)])
    func encodersWithoutAClassTokenAreReadWithItsRowOrWithout(grid: PatchGrid) throws {
        let file = TinyTeacher(classToken: false, grid: grid).file
        var tensors: [String: Tensor] = [:]
        for name in file.names { tensors[name] = file[name].map { Tensor($0.floats(), Shape($0.shape)) } }
        let table = try #require(tensors["pos_embed"])
        let bare = try TeacherWeights(canonical: tensors, patches: grid.count)
        tensors["pos_embed"] = Tensor([Float](repeating: 0, count: 12) + table.array, [1, 1 + grid.count, 12])
        let padded = try TeacherWeights(canonical: tensors, patches: grid.count)
        #expect(bare.tensors["pos_embed"]?.array == padded.tensors["pos_embed"]?.array)
        #expect(bare.tensors["pos_embed"]?.shape == [1, 1 + grid.count, 12])
        let traits = TeacherWeights.Traits(heads: 2, activation: .gelu, epsilon: 1e-6)
        var encoder = EncoderOptions()
        encoder.patchSize = 2
        let context = MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 0))
        // What stands in the row of a token that is not there is never read.
        tensors["pos_embed"] = Tensor([Float](repeating: 7, count: 12) + table.array, [1, 1 + grid.count, 12])
        let strange = try TeacherWeights(canonical: tensors, patches: grid.count)
        let images = Tensor((0..<grid.count * 12).map { Float($0 % 5) }, [1, 3, 2 * grid.rows, 2 * grid.columns])
        let engine = try Engine(threads: 1)
        let layers = try [bare, strange].map { weights in
            try Teacher(weights, traits, normalization: nil, context)
                .view(of: images, wantsImportance: false, engine: engine).layers.map(\.array)
        }
        #expect(layers[0] == layers[1] && layers[0].count == 2)
        tensors["pos_embed"] = Tensor([Float](repeating: 0, count: 8 * 12), [1, 8, 12])
        #expect(throws: MethodError.self) { try TeacherWeights(canonical: tensors, patches: grid.count) }
    }

    /// Rows of registers between those of class token and patches are added to the registers.
    @Test func positionsOfRegistersGoToTheRegisters() throws {
        var tiny = TinyTeacher(registers: 4)
        tiny.grid = Self.grid
        var file = tiny.file
        let plain = try #require(file["pos_embed"]).floats()
        let tokens = try #require(file["reg_token"]).floats()
        let rows = (0..<48).map { Float($0) }
        file["pos_embed"] = StoredTensor(Array(plain[..<12]) + rows + plain[12...], shape: [1, 14, 12])
        let weights = try read(file).weights.tensors
        #expect(weights["pos_embed"]?.array == plain && weights["pos_embed"]?.shape == [1, 10, 12])
        #expect(weights["reg_token"]?.array == zip(tokens, rows).map { $0 + $1 })
    }
}
