import Foundation
import ImageData
import Pretraining
import RecipeSchema
import TestSupport
import Testing

struct OnlineProbeTests {
    private static let probes =
        #"probes=[{"protocol": "dino-knn"}, {"protocol": "ridge", "every_epochs": 2, "test_pictures": 5}]"#

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
        // k-NN after each of three epochs, ridge after the second and at the end.
        let found = try rows(with)
        #expect(found.map { $0["protocol"]?.string } == ["dino-knn", "dino-knn", "ridge", "dino-knn", "ridge"])
        #expect(found.map { $0["step"]?.int } == [3, 6, 6, 9, 9])
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
        #expect(try rows(run).count == 4)
    }

    @Test(arguments: [
        (#"probes=[{"protocol": "mae-finetune"}]"#, "allowed are \"dino-knn\""),
        (#"probes=[{"every_epochs": 0}]"#, "every_epochs"),
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
