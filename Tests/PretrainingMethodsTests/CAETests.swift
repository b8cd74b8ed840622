import Autodiff
import Checkpoints
import EncoderFiles
import Foundation
import ImageData
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// CAE: what the regressor sees, where gradients stop, where targets come from.
struct CAETests {
    static let grid = PatchGrid(rows: 3, columns: 4)
    static let encoder: EncoderOptions = {
        var options = EncoderOptions()
        options.patchSize = 2
        options.channels = 1
        options.width = 16
        options.depth = 2
        options.heads = 2
        options.qkvBias = .noKey
        options.positionOrder = .rowFirst
        return options
    }()
    static let mask = PatchMask(
        grid: grid, hidden: [(0..<12).map { $0 % 2 == 0 }, (0..<12).map { $0 < 6 }])

    private func images(_ seed: UInt64 = 6) -> Tensor {
        var stream = RandomStream(seed: seed)
        return Tensor((0..<2 * 6 * 8).map { _ in Float(stream.normal()) }, [2, 1, 6, 8])
    }

    private func context() -> MethodContext {
        MethodContext(encoder: Self.encoder, grid: Self.grid, random: RandomStream(seed: 4))
    }

    private func options(_ targets: CAEOptions.Targets = .tokens) -> CAEOptions {
        var options = CAEOptions()
        options.targets = targets
        options.regressorDepth = 1
        options.decoderDepth = targets == .teacher ? 0 : 1
        options.vocabulary = 5
        options.teacherWidth = 8
        return options
    }

    private func set(_ name: String, to value: Float, in method: inout CAE) throws {
        let id = try #require(method.parameters.id(named: name))
        method.parameters.setValue(Tensor(filled: value, method.parameters[id].shape), for: id)
    }

    private func nothingDropped(_ options: CAEOptions) -> CAE.Draws {
        CAE.Draws(options, encoderDepth: Self.encoder.depth) { _, _ in nil }
    }

    private func step(
        _ method: CAE, _ options: CAEOptions, images: Tensor? = nil, draws: CAE.Draws? = nil
    ) throws -> (loss: Float, points: [String: Tensor], gradients: Gradients) {
        let trace = ForwardTrace()
        var tape = Tape(engine: try Engine(threads: 2))
        let result = try method.loss(
            Batch(images: images ?? self.images(), samples: [0, 1]), Self.mask, draws ?? nothingDropped(options),
            StepRequest(trace: trace), on: &tape)
        let value = result.loss.value.item
        return (value, trace.points, tape.gradients(of: result.loss, for: method.parameters))
    }

    private let tokens = CAETarget.tokens((0..<24).map { $0 % 5 })

    /// The network with initial weights, and the same targets for every batch.
    private func cae(_ options: CAEOptions, _ target: CAETarget? = nil) -> CAE {
        CAE(options, context(), given: target ?? tokens)
    }

    @Test func theMiddleNormReplacesTheRegressorsStream() throws {
        let options = options()
        var method = cae(options)
        let block = "regresser.regressor_blocks.0."
        try set(block + "norm2_cross.weight", to: 0, in: &method)
        try set(block + "norm2_cross.bias", to: 0.25, in: &method)
        try set(block + "mlp_cross.fc2.weight", to: 0, in: &method)
        try set("mask_token", to: 3, in: &method)
        let points = try step(method, options).points
        let stream = try #require(points["regressor/block_0"])
        // A residual around the norm would add the mask token.
        #expect(stream.array.allSatisfy { $0 == 0.25 } && stream.shape == [2, 6, 16])
    }

    @Test func visiblePatchesReachThePredictionAndHiddenOnesDoNot() throws {
        let options = options()
        let method = cae(options)
        let before = try step(method, options).points
        var changed = images()
        // Patch 0, hidden in both pictures; then patch 7 of the first picture, visible.
        changed.withUnsafeMutableBuffer { $0[0] += 2 }
        let hidden = try step(method, options, images: changed).points
        #expect(hidden["prediction"]?.array == before["prediction"]?.array)
        #expect(hidden["alignment_target"]?.array != before["alignment_target"]?.array)
        changed = images()
        changed.withUnsafeMutableBuffer { $0[2 * 8 + 6] += 2 }
        let visible = try step(method, options, images: changed).points
        #expect(visible["prediction"]?.array != before["prediction"]?.array)
        #expect(visible["alignment_target"]?.array == before["alignment_target"]?.array)
    }

    @Test func theAlignmentTargetHasNoGradient() throws {
        let options = options()
        var method = cae(options)
        // What the regressor says is a constant, so the encoder is in the loss through the alignment target alone.
        try set("regresser.norm.weight", to: 0, in: &method)
        try set("regresser.norm.bias", to: 0.5, in: &method)
        let (loss, points, gradients) = try step(method, options)
        #expect(try #require(points["loss/align"]).item > 0.1)
        for entry in gradients.entries where entry.name.hasPrefix("encoder.") {
            #expect(gradients[entry.name]?.array.allSatisfy { $0 == 0 } == true, "\(entry.name)")
        }
        try set("encoder.norm.bias", to: 0.3, in: &method)
        #expect(try step(method, options).loss != loss)
    }

    @Test func theAlignmentPassIsDroppedForItself() throws {
        let options = options()
        let method = cae(options)
        var parts: [String] = []
        var draws = CAE.Draws(options, encoderDepth: 2) { part, depth in
            parts.append("\(part) \(depth)")
            return nil
        }
        #expect(parts == ["encoder 2", "alignment 2", "regressor 1", "decoder 1"])
        let before = try step(method, options, draws: draws).points
        draws.alignment = DropPath.factors(rate: 0.5, depth: 2, images: 2) { _, _, image in Float(image) * 0.9 }
        let after = try step(method, options, draws: draws).points
        #expect(after["encoder/output"]?.array == before["encoder/output"]?.array)
        let targets = try (#require(before["alignment_target"]), #require(after["alignment_target"]))
        #expect(targets.0.entries(0..<1).array != targets.1.entries(0..<1).array)
    }

    @Test func aTeacherSeesTheSameCropInItsOwnNormalisation() throws {
        var store = ParameterStore()
        var small = Self.encoder
        small.width = 8
        let teacher = Encoder(small, grid: Self.grid, adding: &store, random: RandomStream(seed: 9))
        var context = context()
        context.mean = [0.2]
        context.deviation = [0.5]
        let recipe = JSONValue.object([
            ("method", .object([("name", JSONValue("mae"))])), ("model", small.encoded),
            (
                "data",
                .object([
                    ("image_size", JSONValue([JSONValue(6), JSONValue(8)])), ("mean", JSONValue([JSONValue(0.6)])),
                    ("std", JSONValue([JSONValue(0.25)])),
                ])
            ),
        ])
        var file = SafetensorsFile(metadata: ["recipe": recipe.text()])
        for (name, value) in teacher.exported(from: store) {
            file[name] = StoredTensor(value.array, shape: Array(value.shape))
        }
        let path = FileManager.default.temporaryDirectory.path + "/teacher-\(UUID().uuidString).safetensors"
        try Safetensors.write(file, to: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = options(.teacher)
        options.teacherWidth = nil
        var source = TeacherSource()
        source.path = path
        options.teacher = source
        var method = try options.makeMethod(context)
        let trace = ForwardTrace()
        let engine = try Engine(threads: 1)
        var tape = Tape(engine: engine)
        let loss = try method.loss(
            Batch(images: images(), samples: [0, 1]), .patches(Self.mask), StepRequest(trace: trace),
            random: RandomStream(seed: 1), on: &tape
        ).loss.value.item
        let target = try #require(trace.points["teacher_target"])
        #expect(target.shape == [2, 13, 8] && loss > 0)
        var quiet = Tape(engine: engine, recording: false)
        let theirs = Tensor(images().array.map { ($0 * 0.5 + 0.2 - 0.6) / 0.25 }, [2, 1, 6, 8])
        let all = teacher(theirs, store, on: &quiet).normed.value.array
        // Class token, then visible patches (1, 3, 5 … of the first picture), then hidden ones (0, 2 …).
        let got = target.array
        for (place, row) in [(0, 0), (1, 2), (2, 4), (7, 1), (8, 3)] {
            for value in 0..<8 { #expect(abs(got[place * 8 + value] - all[row * 8 + value]) < 1e-4) }
        }
        options.teacherWidth = 12
        #expect { try options.makeMethod(context) } throws: {
            "\($0)"
                == "\(path): has tokens of width 8; method.teacher_width is 12, so remove it or set it to 8"
        }
    }

    /// A teacher of another program, of other patches, whose registers are no targets.
    @Test func aForeignFileWithRegistersIsATeacher() throws {
        let home = try TemporaryFolder()
        var small = Self.encoder
        small.patchSize = 4
        small.width = 8
        small.qkvBias = .all
        small.position = .learned
        var traits = EncoderTraits()
        traits.registers = 3
        var store = ParameterStore()
        let teacher = Encoder(small, grid: Self.grid, traits: traits, adding: &store, random: RandomStream(seed: 9))
        var file = SafetensorsFile()
        for (name, value) in teacher.exported(from: store) {
            file[name] = StoredTensor(value.array, shape: Array(value.shape))
        }
        try Safetensors.write(file, to: home.path + "/model.safetensors")
        try home.write(Array(#"{"num_attention_heads": 2}"#.utf8), "config.json")
        var options = options(.teacher)
        var source = TeacherSource()
        source.path = home.path
        options.teacher = source
        var method = try options.makeMethod(context())
        let trace = ForwardTrace()
        let engine = try Engine(threads: 1)
        var tape = Tape(engine: engine)
        _ = try method.loss(
            Batch(images: images(), samples: [0, 1]), .patches(Self.mask), StepRequest(trace: trace),
            random: RandomStream(seed: 1), on: &tape)
        let target = try #require(trace.points["teacher_target"])
        let plain = Normalization(mean: [0], deviation: [1])
        let input = TeacherInput(height: 12, width: 16, from: plain, to: nil)(images(), engine: engine)
        var quiet = Tape(engine: engine, recording: false)
        let all = teacher(input, store, on: &quiet).normed.value
        #expect(target.shape == [2, 13, 8] && all.shape == [2, 16, 8])
        // Class token, visible patches (1, 3 … of the first picture), hidden ones (0, 2 …), and no register.
        for (place, row) in [(0, 0), (1, 5), (2, 7), (7, 4), (8, 6)] {
            #expect(target.array[place * 8..<place * 8 + 8] == all.array[row * 8..<row * 8 + 8])
        }
        #expect(method.notes.first?.contains("taken \(file.names.count) of \(file.names.count) tensors") == true)
    }

    @Test func aTeacherWithoutAClassTokenCannotSuperviseIt() throws {
        var options = options(.teacher)
        let features = CAETarget.features(Tensor(filled: 1, [2, 12, 8]))
        let plain = try step(cae(options, features), options).points
        #expect(plain["teacher_target"]?.shape == [2, 12, 8])
        options.supervise = [.masked, .classToken]
        #expect { try step(cae(options, features), options) } throws: { "\($0)".contains("no class token") }
    }

    /// Every supervised token counts alike, whatever parts were named.
    @Test(arguments: [CAEOptions.TeacherLoss.cosine, .smoothL1])
    func supervisedPartsAreWeightedByTheirTokens(distance: CAEOptions.TeacherLoss) throws {
        var stream = RandomStream(seed: 12)
        let features = CAETarget.features(
            Tensor((0..<2 * 13 * 8).map { _ in Float(stream.normal()) }, [2, 13, 8]))
        func loss(_ parts: [CAEOptions.Part]?, weight: Double = 1) throws -> Double {
            var options = options(.teacher)
            options.supervise = parts
            options.teacherWeight = weight
            options.teacherLoss = distance
            return Double(try step(cae(options, features), options).loss)
        }
        let (cls, visible, masked) = try (loss([.classToken]), loss([.visible]), loss([.masked]))
        #expect(abs(try loss([.masked, .visible]) - (visible + masked) / 2) < 1e-6)
        #expect(abs(try loss([.classToken, .masked]) - (cls + 6 * masked) / 7) < 1e-6)
        #expect(abs(try loss(nil) - (cls + 6 * visible + 6 * masked) / 13) < 1e-6)
        #expect(abs(try loss(nil, weight: 2.5) - 2.5 * loss(nil)) < 1e-6)
    }

    @Test func theLossIsTheMainOneAndTheAlignmentByItsWeight() throws {
        for weight in [0, 0.5, 2] {
            var options = options()
            options.alignWeight = weight
            let (loss, points, _) = try step(cae(options), options)
            let (main, align) = try (#require(points["loss/main"]).item, #require(points["loss/align"]).item)
            #expect(align > 0 && abs(loss - (main + Float(weight) * align)) < 1e-5)
        }
    }

    @Test func optionsThatExcludeEachOtherAreNamed() {
        func faults(_ change: (inout CAEOptions) -> Void) -> [String] {
            var options = CAEOptions()
            change(&options)
            return options.check() + options.faults(encoder: Self.encoder, grid: Self.grid)
        }
        #expect(faults { _ in }.isEmpty)
        #expect(faults { $0.decoderDepth = 0 }.first?.contains("decoder_depth is 0") == true)
        #expect(faults { $0.decoderHeads = 17 }.first?.contains("above the regressor's width 16") == true)
        #expect(faults { $0.targets = .teacher }.first?.contains("needs \"teacher\"") == true)
        #expect(
            faults {
                $0.targets = .teacher
                $0.decoderDepth = 1
            }.first?.contains("no decoder") == true)
    }

    @Test func reconstructionsShowTrueVisiblePatches() throws {
        let options = options(.pixels)
        var method = try options.makeMethod(context())
        let batch = Batch(images: images(), samples: [0, 1])
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let all = try method.loss(
            batch, .patches(Self.mask), StepRequest(wantsImages: true), random: RandomStream(seed: 0), on: &tape
        ).shown
        let shown = try #require(all.first).images.array
        let truth = images().array
        // Patch 7 of the first picture is visible, patch 0 hidden.
        #expect(abs(shown[2 * 8 + 6] - truth[2 * 8 + 6]) < 1e-4 && shown[0] != truth[0])
    }
}

/// Tokens of patches, from a codebook or a file.
struct PatchTokenTests {
    @Test func theNearestRowWinsAndTheFirstOfEquals() throws {
        let codebook = PatchCodebook(Tensor([0, 0, 4, 0, 0, 0, 1, 1], [4, 2]))
        let patches = Tensor([0.1, 0, 3, 1, 1, 0.9, 2, 0], [4, 2])
        #expect(codebook.tokens(of: patches, engine: try Engine(threads: 1)) == [0, 1, 3, 3])
    }

    @Test func kMeansFindsGroupsAndLeavesNoRowEmpty() throws {
        var stream = RandomStream(seed: 2)
        let centres: [[Float]] = [[10, 0], [-10, 0], [0, 10]]
        let values = (0..<90).flatMap { index in centres[index % 3].map { $0 + 0.1 * Float(stream.normal()) } }
        let patches = Tensor(values, [90, 2])
        let engine = try Engine(threads: 1)
        // Whatever patches it starts from: empty rows move to where the distance is largest.
        for seed in 0..<6 as Range<UInt64> {
            let fitted = try #require(
                PatchCodebook(fittedTo: patches, count: 5, random: RandomStream(seed: seed), engine: engine))
            let tokens = fitted.tokens(of: patches, engine: engine)
            #expect(Set(tokens).count == 5)
        }
        let same = Tensor([Float](repeating: 1, count: 8), [4, 2])
        #expect(PatchCodebook(fittedTo: same, count: 3, random: RandomStream(seed: 1), engine: engine)?.count == 3)
        #expect(PatchCodebook(fittedTo: same, count: 5, random: RandomStream(seed: 1), engine: engine) == nil)
    }

    private func file(_ change: (inout SafetensorsFile) -> Void = { _ in }) throws -> TokenFile {
        var file = SafetensorsFile(
            metadata: [
                "format": "palimpsest-tokens", "version": "1", "vocabulary": "9", "grid": "2,3", "image_size": "8,12",
                "tokenizer": "none",
            ])
        file["cat/1.png"] = StoredTensor([0, 1, 2, 3, 4, 8] as [Int32], shape: [2, 3])
        change(&file)
        return try TokenFile(file, path: "t.safetensors")
    }

    private func fault(_ change: (inout SafetensorsFile) -> Void) -> String {
        do {
            _ = try file(change)
            return ""
        } catch { return "\(error)" }
    }

    @Test func aMirroredPictureHasItsColumnsTurnedRound() throws {
        let file = try file()
        #expect(try file.tokens(of: "cat/1.png", mirrored: false) == [0, 1, 2, 3, 4, 8])
        #expect(try file.tokens(of: "cat/1.png", mirrored: true) == [2, 1, 0, 8, 4, 3])
        #expect { try file.tokens(of: "dog", mirrored: false) } throws: {
            "\($0)" == "t.safetensors: has no tokens for the picture \"dog\""
        }
    }

    @Test func wrongFilesSayWhatIsWrong() {
        #expect(
            fault { $0["7"] = StoredTensor([0, 1, 2] as [Int32]) }
                == "t.safetensors: the tokens of \"7\" are I32 of shape [3]; allowed is I32 of [2, 3]")
        #expect(
            fault { $0["7"] = StoredTensor([Int32](repeating: 9, count: 6), shape: [2, 3]) }
                == "t.safetensors: the tokens of \"7\" hold 9; allowed is 0 to 8")
        #expect(
            fault { $0["7"] = StoredTensor([Int64](repeating: 1, count: 6), shape: [2, 3]) }
                .contains("are I64 of shape [2, 3]; allowed is I32"))
        #expect(fault { $0.metadata["version"] = "2" }.contains("\"version\" is \"2\"; a file of tokens has \"1\""))
        #expect(fault { $0.metadata["grid"] = "2" }.contains("must be \"rows,columns\""))
        #expect(fault { $0.metadata["vocabulary"] = "many" }.contains("number of different tokens"))
    }
}
