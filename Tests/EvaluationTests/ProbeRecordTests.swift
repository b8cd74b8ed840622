import Checkpoints
import Evaluation
import Foundation
import RecipeSchema
import TestSupport
import Testing

/// `probes.json` is added to: a row a protocol, features, data and settings.
struct ProbeRecordTests {
    private func row(_ name: String, _ accuracy: Double, data: String = "a", pooling: String = "mean") -> JSONValue {
        .object([
            ("protocol", JSONValue(name)), ("features", JSONValue("pretrained")), ("accuracy", JSONValue(accuracy)),
            ("interval", JSONValue([JSONValue(0), JSONValue(1)])), ("chosen", .object([])),
            ("test_data", JSONValue(data)), ("pooling", JSONValue(pooling)),
        ])
    }

    @Test func nothingVanishesAndTheSameIsReplaced() throws {
        let home = try TemporaryFolder()
        let path = home.path + "/probes.json"
        try ProbeRecord(path).add([row("dino-knn", 0.1), row("clip-logreg", 0.2)])
        try ProbeRecord(path).add([
            row("dino-knn", 0.3), row("dino-knn", 0.4, data: "b"), row("dino-knn", 0.5, pooling: "class"),
        ])
        let rows = try #require(try JSONParser.parse(home.read("probes.json")).array)
        #expect(rows.compactMap { $0["accuracy"]?.double } == [0.3, 0.2, 0.4, 0.5])
    }

    @Test func whatOthersAddInTheMeantimeStays() throws {
        let home = try TemporaryFolder()
        let path = home.path + "/probes.json"
        let (one, other) = (try ProbeRecord(path), try ProbeRecord(path))
        try one.add([row("dino-knn", 0.1)])
        try other.add([row("clip-logreg", 0.2)])
        let rows = try #require(try JSONParser.parse(home.read("probes.json")).array)
        #expect(rows.compactMap { $0["protocol"]?.string } == ["dino-knn", "clip-logreg"])
    }

    @Test(arguments: ["{}", "[1]", "half [", "[{\"accuracy\": 1}]"])
    func aFileOfSomethingElseIsLeftAlone(text: String) throws {
        let home = try TemporaryFolder()
        try home.write(Array(text.utf8), "probes.json")
        #expect(throws: CheckpointError.self) { _ = try ProbeRecord(home.path + "/probes.json") }
        #expect(try home.read("probes.json") == Array(text.utf8))
    }
}
