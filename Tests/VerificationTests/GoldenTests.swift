import Autodiff
import Checkpoints
import Foundation
import RecipeSchema
import TestSupport
import Testing
import Verification

/// Golden cases: the few that are copied here, so that everybody can run them, and all of the shared folder.
struct GoldenTests {
    static let copied = Verifier.folders(below: SharedFiles.packageRoot.appendingPathComponent("Tests/Golden").path)
    /// The topics whose computations are all known here.
    static let shared: [String] =
        SharedFiles.isPresent
        ? [
            "mae", "colormae", "mfm", "ijepa", "dmtjepa", "lut", "lejepa", "maskalign", "cae", "diagnostics", "data",
            "interop", "evaluation", "simmim", "crossmae", "capi",
        ].flatMap { Verifier.folders(below: SharedFiles.url("golden/" + $0).path) } : []

    private func run(_ folder: String, threads: Int = 2) throws -> GoldenResult {
        Verifier(engine: try Engine(threads: threads)).run(folder: folder)
    }

    /// Cases of each topic, so that none is lost by a walk that overlooks it.
    private static func counts(_ folders: [String]) -> [String: Int] {
        Dictionary(
            folders.map { (($0 as NSString).deletingLastPathComponent as NSString).lastPathComponent }.map { ($0, 1) }
        ) {
            $0 + $1
        }
    }

    @Test func everyCopiedCaseIsFound() {
        #expect(
            Self.counts(Self.copied) == [
                "cae": 5, "capi": 5, "colormae": 5, "crossmae": 3, "data": 3, "diagnostics": 3, "dmtjepa": 2,
                "evaluation": 3, "ijepa": 4,
                "interop": 3, "lejepa": 4, "lut": 2, "mae": 13, "maskalign": 7, "mfm": 4,
                "simmim": 4,
            ])
    }

    @Test(.enabled(if: SharedFiles.isPresent))
    func everySharedCaseIsFound() {
        #expect(
            Self.counts(Self.shared) == [
                "cae": 13, "capi": 11, "colormae": 7, "crossmae": 8, "data": 6, "diagnostics": 6, "dmtjepa": 6,
                "evaluation": 20, "ijepa": 14,
                "interop": 5, "lejepa": 8, "lut": 6, "mae": 20, "maskalign": 16, "mfm": 16,
                "simmim": 8,
            ])
    }

    @Test(arguments: copied)
    func copiedCasePasses(folder: String) throws {
        let result = try run(folder)
        #expect(result.passed, "\(result)")
    }

    @Test(.enabled(if: SharedFiles.isPresent), arguments: shared)
    func sharedCasePasses(folder: String) throws {
        let result = try run(folder)
        #expect(result.passed, "\(result)")
    }

    /// A copy of a case with changes, to see that faults are found.
    private func altered(
        _ name: String, _ change: (inout SafetensorsFile, inout JSONValue) throws -> Void
    ) throws -> GoldenResult {
        let home = try TemporaryFolder()
        let source = SharedFiles.packageRoot.appendingPathComponent("Tests/Golden/\(name)").path
        var tensors = try Safetensors.read(source + "/tensors.safetensors")
        var json = try JSONParser.parse(Array(try Data(contentsOf: URL(fileURLWithPath: source + "/case.json"))))
        try change(&tensors, &json)
        let folder = home.path + "/" + name
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Safetensors.write(tensors, to: folder + "/tensors.safetensors")
        try Data(json.text().utf8).write(to: URL(fileURLWithPath: folder + "/case.json"))
        return try run(folder)
    }

    @Test func aWrongNumberFails() throws {
        let result = try altered("mae/pretrain_rowfirst_ties") { tensors, _ in
            let want = try #require(tensors["grad/blocks.0.mlp.fc1.weight"])
            var numbers = want.floats()
            numbers[7] += 1e-3
            tensors["grad/blocks.0.mlp.fc1.weight"] = StoredTensor(numbers, shape: want.shape)
        }
        #expect(!result.passed && result.worstTensor == "grad/blocks.0.mlp.fc1.weight" && result.worst > 10)
    }

    @Test func aWrongShapeAMissingTensorAndAnUnknownComputationFail() throws {
        let shape = try altered("mae/random_mask") { tensors, _ in
            let want = try #require(tensors["mask"])
            tensors["mask"] = StoredTensor(want.bytes, shape: [want.count])
        }
        #expect(shape.error?.contains("has shape") == true)
        let missing = try altered("mae/random_mask") { _, json in try json.set("expect=[{\"tensor\":\"nothing\"}]") }
        #expect(missing.error?.contains("nothing") == true)
        let unknown = try altered("mae/random_mask") { _, json in try json.set("routine=magic") }
        #expect(unknown.error?.contains("no computation \"magic\"") == true)
        let empty = try altered("mae/random_mask") { _, json in try json.set("expect=[]") }
        #expect(!empty.passed)
    }

    @Test func aStatisticalToleranceNeedsATestOfThatName() throws {
        let result = try altered("mae/random_mask") { _, json in
            try json.set("expect=[{\"tensor\":\"mask\",\"rel\":0,\"abs\":\"statistical\"}]")
        }
        #expect(result.error?.contains("is to be tested statistically and was not") == true)
    }

    @Test func drawsThatAreLeftOverOrMissingFail() throws {
        for count in [288, 290] {
            let result = try altered("ijepa/aux_mask_unbiased") { tensors, _ in
                let draws = try #require(tensors["draw/0/uniforms"]).floats()
                tensors["draw/0/uniforms"] = StoredTensor(Array((draws + [0.5]).prefix(count)), shape: [count])
            }
            #expect(!result.passed)
        }
    }

    @Test func aFolderWithoutAReadableCaseFails() throws {
        let home = try TemporaryFolder()
        try Data("{".utf8).write(to: URL(fileURLWithPath: home.path + "/case.json"))
        #expect(try run(home.path).error != nil)
    }
}
