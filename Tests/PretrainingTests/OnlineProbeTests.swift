import Checkpoints
import Foundation
import ImageData
import Pretraining
import RandomStreams
import RecipeSchema
import TestSupport
import Testing

struct OnlineProbeTests {
    private static let probes =
        #"probes=[{"protocol": "dino-knn"}, {"protocol": "ridge", "every_epochs": 2, "test_pictures": 5}, {"protocol": "online-linear", "every_steps": 2, "every_epochs": 3}]"#
    private static let head = #"probes=[{"protocol": "online-linear", "every_steps": 2}]"#

    private func rows(_ run: TinyRun) throws -> [JSONValue] {
        try run.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "probe" }
    }

    @Test(arguments: ["mae", "ijepa", "dmtjepa"])
    func theRunHasTheSameBitsWithAndWithoutProbes(method: String) throws {
        func trained(_ changes: String...) throws -> TinyRun {
            let text =
                method == "mae" ? TinyRun.text : try JointEmbeddingRunTests.recipe(method).encoded.text()
            let run = try TinyRun()
            try run.train(try Recipe.parse(Array(text.utf8), set: changes), threads: 2)
            return run
        }
        let (with, without) = (try trained(Self.probes), try trained())
        #expect(try with.finalDigests() == without.finalDigests())
        #expect(try rows(without).isEmpty)
        // k-NN after each of three epochs, ridge after the second and at the end, the head that learned along at the end.
        let found = try rows(with)
        #expect(
            found.map { $0["protocol"]?.string } == [
                "dino-knn", "dino-knn", "ridge", "dino-knn", "ridge", "online-linear",
            ])
        #expect(found.map { $0["step"]?.int } == [3, 6, 6, 9, 9, 9])
        #expect(found.last?["chosen"]?["steps"]?.int == 4)
        for row in found {
            #expect(row["test"]?.int == (row["protocol"]?.string == "ridge" ? 5 : 10) && row["train"]?.int == 26)
            #expect((0...1).contains(row["accuracy"]?.double ?? -1))
        }
    }

    @Test func probesMayComeAndGoWhenARunIsResumed() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe(), untilEpoch: 1)
        try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: [Self.probes]), .resumed)
        let plain = try TinyRun()
        try plain.train(try TinyRun.recipe())
        #expect(
            try run.digest("checkpoints/step-00000009/model.safetensors")
                == plain.digest("checkpoints/step-00000009/model.safetensors"))
        #expect(try rows(run).count == 5)
    }

    @Test func aHeadThatLearnsAlongGoesOnWhereItStood() throws {
        func trained(_ recipe: Recipe, stops: Int?, forgetting: Bool = false) throws -> TinyRun {
            let run = try TinyRun()
            if let stops {
                try run.train(recipe, untilEpoch: stops)
                if forgetting { try FileManager.default.removeItem(atPath: run.folder.onlineHeads) }
                try run.train(recipe, .resumed, threads: 2)
            } else {
                try run.train(recipe)
            }
            return run
        }
        func scores(_ run: TinyRun) throws -> [[JSONValue?]] {
            try rows(run).map { [$0["step"], $0["accuracy"], $0["chosen"]] }
        }
        let recipe = try Recipe.parse(Array(TinyRun.text.utf8), set: [Self.head, "log.keep=2"])
        let file = "online/step-00000009.safetensors"
        let whole = try trained(recipe, stops: nil)
        let stopped = try trained(recipe, stops: 1)
        #expect(try stopped.digest(file) == whole.digest(file))
        #expect(try scores(stopped) == scores(whole))
        // One file a checkpoint, and no more.
        #expect(try whole.home.names("run/online") == ["step-00000008.safetensors", "step-00000009.safetensors"])
        let forgetful = try trained(recipe, stops: 1, forgetting: true)
        #expect(try forgetful.digest(file) != whole.digest(file))
        #expect(try rows(forgetful).last?["chosen"]?["steps"]?.int == 3)
        #expect(try forgetful.finalDigests() == whole.finalDigests())
        // A run that replaces it takes them along, and leaves what somebody else has put there.
        try whole.home.write([1], "run/online/step-00000001.safetensors")
        try whole.train(try TinyRun.recipe())
        #expect(try whole.home.names("run/online") == ["step-00000001.safetensors"])
        #expect(try !stopped.home.names("run/online").isEmpty)
        try stopped.train(try TinyRun.recipe())
        #expect(try !stopped.home.names("run").contains("online"))
    }

    /// A number in a file must not trap where steps are counted.
    @Test(arguments: [Int64.max, -1]) func whatAHeadCannotGoOnWithIsLeftAlone(steps: Int64) throws {
        let run = try TinyRun()
        let recipe = try Recipe.parse(Array(TinyRun.text.utf8), set: [Self.head])
        try run.train(recipe, untilEpoch: 1)
        let path = run.folder.onlineHeads + "/step-00000003.safetensors"
        var file = try Safetensors.read(path)
        file["0.steps"] = StoredTensor([steps])
        try run.home.write(Safetensors.bytes(of: file), "run/online/step-00000003.safetensors")
        try run.train(recipe, .resumed)
        // It learns anew after steps 4, 6 and 8.
        #expect(try rows(run).last?["chosen"]?["steps"]?.int == 3)
    }

    /// Dark and light pictures, with noise.
    @Test func aHeadThatLearnsAlongLearns() throws {
        let run = try TinyRun()
        var stream = RandomStream(seed: 4)
        for (part, number) in ["train", "test"].flatMap({ part in (0..<24).map { (part, $0) } }) {
            let level: Float = number % 2 == 0 ? 40 : 130
            let folder = "pictures/\(part)/\(number % 2 == 0 ? "dark" : "light")"
            try FileManager.default.createDirectory(
                atPath: "\(run.home.path)/\(folder)", withIntermediateDirectories: true)
            let pixels = (0..<3 * 256).map { _ in UInt8(level + 80 * stream.uniform()) }
            try run.home.write(
                PNGEncoder.encode(pixels, height: 16, width: 16, channels: 3), "\(folder)/\(number).png")
        }
        let probe =
            #"{"protocol": "online-linear", "every_steps": 1, "every_epochs": 20, "source": "class_folders:\#(run.home.path)/pictures"}"#
        try run.train(
            try Recipe.parse(
                Array(TinyRun.text.utf8),
                set: ["probes=[\(probe)]", "train.epochs=20", "log.checkpoint_every_steps=null"]), threads: 2)
        let accuracy = try #require(try rows(run).last?["accuracy"]?.double)
        #expect(accuracy > 0.9, "\(accuracy)")
    }

    @Test(arguments: [
        (#"probes=[{"protocol": "mae-finetune"}]"#, "allowed are \"dino-knn\""),
        (#"probes=[{"every_epochs": 0}]"#, "every_epochs"), (#"probes=[{"every_steps": 4}]"#, "of online-linear alone"),
        (#"probes={"protocol": "ridge"}"#, "list of at most 16 objects"), (#"probes=[{"sauce": 1}]"#, "sauce"),
    ])
    func whatIsNoProbeIsToldWithItsPlace(change: String, words: String) throws {
        let error = try #require(throws: (any Error).self) { try Recipe.parse(Array(TinyRun.text.utf8), set: [change]) }
        #expect("\(error)".contains(words), "\(error)")
    }

    @Test func picturesWithoutLabelsAreToldBeforeTheFirstStep() throws {
        let home = try TemporaryFolder()
        try home.write(
            PNGEncoder.encode([UInt8](repeating: 3, count: 3 * 64), height: 8, width: 8, channels: 3), "a.png")
        let run = try TinyRun()
        let error = try #require(throws: RunError.self) {
            try run.train(
                try Recipe.parse(
                    Array(TinyRun.text.utf8), set: ["probes=[{\"source\": \"images:\(home.path)\"}]"]))
        }
        #expect("\(error)".hasPrefix("probes[0]: "), "\(error)")
        #expect(try !run.home.names().contains("run"))
    }
}
