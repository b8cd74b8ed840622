import Autodiff
import Checkpoints
import EncoderFiles
import Foundation
import ImageData
import Pretraining
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// A source some of whose pictures cannot be read, and half of whose others have a fault.
private struct FlawedSource: ImageSource {
    static let unreadable: Set<Int> = [3, 8]
    let whole: any ImageSource
    var count: Int { whole.count }
    var labelNames: [String]? { whole.labelNames }
    var fingerprint: String { whole.fingerprint }

    func image(_ index: Int) throws(ImageError) -> DecodedImage {
        if Self.unreadable.contains(index) { throw ImageError(.corrupt, path: key(index), "broken on purpose") }
        var image = try whole.image(index)
        image.fault = index % 2 == 0 ? "scratched" : nil
        return image
    }
    func label(_ index: Int) -> Int? { whole.label(index) }
    func key(_ index: Int) -> String { whole.key(index) }
}

/// A run stopped anywhere and resumed is the run that was never stopped, to the last bit.
struct ResumeTests {
    @Test func whatARunHasMeasuredIsKeptAndNothingElse() {
        var earlier = DataOptions()
        earlier.mean = [0.1]
        earlier.deviation = [0.2]
        var again = DataOptions()
        again.valueRange = .measured
        again.keepMeasured(of: earlier)
        #expect(
            again.valueRange == .measured && again.mean == [0.1], "a range that the run has not is told, not dropped")
        earlier.valueRange = .numbers(low: 0, high: 9)
        again.keepMeasured(of: earlier)
        #expect(again.valueRange == earlier.valueRange)
    }

    static let whole: [String] = {
        guard let run = try? TinyRun(), let recipe = try? TinyRun.recipe(), (try? run.train(recipe)) != nil else {
            return []
        }
        return (try? run.finalDigests()) ?? []
    }()

    @Test func aRunEndsWithItsLastStep() throws {
        let run = try TinyRun()
        #expect(try run.train(try TinyRun.recipe()) == .finished)
        #expect(try run.rows().count { $0.contains("\"kind\": \"step\"") } == 9)
        #expect(try run.rows().count { $0.contains("\"kind\": \"epoch\"") } == 3)
        #expect(try run.finalDigests() == Self.whole)
    }

    @Test(arguments: [1, 2, 3, 5, 8])
    func stoppingAfterAnyStepChangesNoBit(step: Int) throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=\(step)"))
        #expect(try run.train(try TinyRun.recipe(), .resumed) == .finished)
        #expect(try run.finalDigests() == Self.whole)
        let steps = try run.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "step" }
        #expect(steps.compactMap { $0["step"]?.int } == Array(1...9))
    }

    @Test(arguments: [1, 2, 4, 5])
    func picturesFoundUnreadableOrDamagedAreCountedAsIfNeverStopped(step: Int) throws {
        func counts(stoppingAfter steps: [Int]) throws -> (rows: [[Int?]], skipped: Int) {
            let run = try TinyRun()
            for (i, step) in steps.enumerated() {
                let recipe = try TinyRun.recipe("data.corrupt_limit=0.2", "train.max_steps=\(step)")
                try run.train(recipe, i == 0 ? .fresh : .resumed) { FlawedSource(whole: $0) }
            }
            let rows = try run.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "epoch" }
            let skipped = try String(contentsOfFile: run.folder.skippedFile, encoding: .utf8).split(separator: "\n")
            return (rows.map { [$0["unreadable"]?.int, $0["damaged"]?.int] }, skipped.count)
        }
        let whole = try counts(stoppingAfter: [9])
        #expect(whole.skipped == FlawedSource.unreadable.count)
        #expect(whole.rows.last?.first == FlawedSource.unreadable.count)
        #expect(whole.rows.count == 3 && whole.rows.allSatisfy { ($0[1] ?? 0) > 6 })
        let stopped = try counts(stoppingAfter: [step, 9])
        #expect(stopped.rows == whole.rows && stopped.skipped == whole.skipped)
    }

    @Test func stepsThatWereTakenCannotBeTakenBack() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=3"))
        let before = try run.digest("recipe.json")
        let thrown = #expect(throws: RunError.self) {
            try run.train(try TinyRun.recipe("train.max_steps=2"), .resumed)
        }
        #expect(thrown?.description.contains("3 steps already, more than train.max_steps 2") == true)
        #expect(try run.digest("recipe.json") == before)
    }

    @Test func stoppingAtAnEpochAndGoingOnChangesNoBit() throws {
        let run = try TinyRun()
        let recipe = try TinyRun.recipe()
        #expect(try run.train(recipe, untilEpoch: 1) == .reachedEpoch(1))
        #expect(try run.train(recipe, .resumed, untilEpoch: 2) == .reachedEpoch(2))
        #expect(try run.train(recipe, .resumed) == .finished)
        #expect(try run.finalDigests() == Self.whole)
    }

    @Test(arguments: [(1, 3), (2, 0), (3, 1), (7, 2)])
    func threadsChangeNoBit(threads: Int, loaderThreads: Int) throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe(), threads: threads, loaderThreads: loaderThreads)
        #expect(try run.finalDigests() == Self.whole)
    }

    @Test func aDamagedCheckpointIsSkippedAndTheOneBeforeIsUsed() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=5"))
        let damaged = run.folder.path + "/checkpoints/step-00000005/optimizer.safetensors"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: damaged))
        bytes[bytes.count - 3] ^= 1
        try bytes.write(to: URL(fileURLWithPath: damaged))
        try run.train(try TinyRun.recipe(), .resumed)
        #expect(try run.finalDigests() == Self.whole)
        #expect(try run.rows().count { $0.contains("\"kind\": \"step\"") } == 9)
    }

    @Test func otherDataOrAnotherRecipeAreRefused() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        #expect {
            try run.train(try TinyRun.recipe("data.source.count=27"), .resumed)
        } throws: { ($0 as? RunError)?.kind == .usage }
        let recipe = try TinyRun.recipe()
        #expect(try TinyRun.recipe("train.max_steps=4", "log.keep=1").forbiddenChanges(from: recipe) == [])
        let change = try TinyRun.recipe("mask.ratio=0.25").forbiddenChanges(from: recipe)
        #expect(change == ["mask.ratio (0.5 there, 0.25 here)"])
    }

    /// Methods that draw inside the model, and encoders that timm cannot hold.
    @Test(arguments: [
        [#"mask={"strategy":"frequency","radius":3}"#, "model.relative_position_bias=per_block"],
        [#"mask={"strategy":"none"}"#, "method.pretext=denoise", "model.qkv_bias=qv", "model.layer_scale=0.1"],
    ])
    func otherMethodsResumeTheSame(changes: [String]) throws {
        let all = ["method.name=mfm", "method.decoder_depth=0"] + changes
        let recipe = try Recipe.parse(Array(TinyRun.text.utf8), set: all)
        let (whole, halved) = (try TinyRun(), try TinyRun())
        try whole.train(recipe)
        try halved.train(try Recipe.parse(Array(TinyRun.text.utf8), set: all + ["train.max_steps=4"]))
        try halved.train(recipe, .resumed)
        #expect(try whole.finalDigests() == halved.finalDigests())
        let file = try EvaluatedEncoder(path: whole.folder.encoderFile)
        let names = file.encoder.parameterNames(in: file.parameters)
        #expect(names.count == file.parameters.entries.count)
        let stored = try Safetensors.read(whole.folder.encoderFile)
        #expect(stored["blocks.0.attn.qkv.weight"] != nil && !stored.names.contains { $0.hasPrefix("encoder.") })
        #expect((stored.metadata["not_timm"] == nil) == (file.encoder.options.relativePositionBias == .none))
        let trained = try Safetensors.read(whole.folder.path + "/checkpoints/step-00000009/model.safetensors")
        for name in names { #expect(file.parameters[name]?.array == trained["encoder.\(name)"]?.floats(), "\(name)") }
    }

    private static let lut =
        #"method={"name":"lut","decoder_width":8,"decoder_depth":1,"decoder_heads":2,"head_hidden":8"#

    /// Methods that keep running statistics, a slow copy or tokens beside their parameters.
    @Test(arguments: [
        [lut + "}", "train.accumulate=1", "train.batch_size=8"],
        [lut + #","head_norm":"LN","head_activation":"GELU","predictor_depth":1}"#],
        [#"method={"name":"cae","regressor_depth":1,"decoder_depth":1}"#, #"mask={"strategy":"block","ratio":0.5}"#],
        [#"method={"name":"cae","regressor_depth":1,"regressor_width":8,"decoder_heads":2,"init":"rescaled"}"#],
        [
            #"method={"name":"dmtjepa","predictor_width":8,"predictor_depth":1}"#,
            #"mask={"strategy":"multiblock","min_keep":4}"#,
        ],
    ])
    func whatMethodsKeepSurvives(changes: [String]) throws {
        func recipe(_ more: String...) throws -> Recipe {
            try Recipe.parse(Array(TinyRun.text.utf8), set: changes + more)
        }
        let (whole, stopped) = (try TinyRun(), try TinyRun())
        try whole.train(try recipe())
        try stopped.train(try recipe("train.max_steps=2"))
        try stopped.train(try recipe("train.max_steps=7"), .resumed, threads: 2)
        try stopped.train(try recipe(), .resumed)
        #expect(try whole.finalDigests() == stopped.finalDigests())
        let losses = try [whole, stopped].map { run in
            try run.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "step" }
                .map { [$0["loss"]?.double, $0["constant_loss"]?.double, $0["grad_norm"]?.double] }
        }
        #expect(losses[0] == losses[1] && losses[0].count == 9)
    }

    @Test func anotherSeedGivesOtherBits() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("seed=4"))
        #expect(try run.finalDigests() != Self.whole)
    }
}

/// Data are known by content: a run goes on only with the pictures that it was trained on, wherever they lie now.
struct ResumedDataTests {
    private func writePictures(_ folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for number in 0..<12 {
            var stream = UInt64(number) &* 0x9E37_79B9_7F4A_7C15 | 1
            let pixels = (0..<16 * 16 * 3).map { _ -> UInt8 in
                stream = stream &* 6_364_136_223_846_793_005 &+ 1
                return UInt8(stream >> 56)
            }
            let png = try PNGEncoder.encode(pixels, height: 16, width: 16, channels: 3)
            try Data(png).write(to: URL(fileURLWithPath: "\(folder)/p\(number + 10).png"))
        }
        try Data("no picture".utf8).write(to: URL(fileURLWithPath: folder + "/p05.png"))
    }

    private func recipe(_ folder: String, _ more: String...) throws -> Recipe {
        let source = "data.source={\"kind\":\"images\",\"path\":\"\(folder)\"}"
        return try Recipe.parse(
            Array(TinyRun.text.utf8),
            set: [source, "data.corrupt_limit=0.3", "train.batch_size=6", "train.accumulate=1", "train.epochs=4"] + more
        )
    }

    /// The tensors: the recipe beside them names the folder of the pictures.
    private func weights(_ run: TinyRun) throws -> [String: StoredTensor] {
        try run.folder.checkpoints.read(step: 8).model.tensors
    }

    @Test func picturesMayMoveAndUnreadableOnesMayBeGone() throws {
        let (whole, moved) = (try TinyRun(), try TinyRun())
        let (first, second) = (whole.home.path + "/a", moved.home.path + "/elsewhere")
        try writePictures(first)
        try whole.train(try recipe(first))
        try writePictures(moved.home.path + "/b")
        try moved.train(try recipe(moved.home.path + "/b", "train.max_steps=5"))
        #expect(FileManager.default.fileExists(atPath: moved.folder.skippedFile))
        try FileManager.default.moveItem(atPath: moved.home.path + "/b", toPath: second)
        try FileManager.default.removeItem(atPath: second + "/p05.png")
        try moved.train(try recipe(second), .resumed)
        #expect(try weights(whole) == weights(moved))
    }

    @Test func aPictureOfTheSameLengthIsNoticed() throws {
        let run = try TinyRun()
        let folder = run.home.path + "/a"
        try writePictures(folder)
        try run.train(try recipe(folder, "train.max_steps=5"))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/p12.png"))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: folder + "/p12.png"))
        func expectRefusal(_ reason: String) {
            #expect {
                try run.train(try recipe(folder), .resumed)
            } throws: {
                ($0 as? RunError)?.kind == .data && "\($0)".contains("the data are not those")
                    && "\($0)".contains(reason)
            }
        }
        expectRefusal("changed or renamed")
        let count = try run.home.names("a").count
        try FileManager.default.removeItem(atPath: folder + "/p12.png")
        expectRefusal("\(count) pictures then, \(count - 1) now")
    }
}
