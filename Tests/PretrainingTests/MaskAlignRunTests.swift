import Checkpoints
import Foundation
import Pretraining
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

/// Chains of runs: a pretrained encoder becomes the teacher of the next.
struct MaskAlignRunTests {
    private func recipe(_ teacher: String, _ changes: String...) throws -> Recipe {
        let text = """
            {"palimpsest": 1, "name": "student", "seed": 3,
             "data": {"source": {"kind": "procedural", "count": 26, "test_count": 10, "size": 16}, "image_size": 16,
                      "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
             "model": {"patch_size": 4, "width": 16, "depth": 2, "heads": 2},
             "mask": {"strategy": "attention", "ratio": 0.6},
             "method": {"name": "maskalign", "loss_layers": "top2", "teacher": {"path": "\(teacher)"}},
             "train": {"epochs": 3, "batch_size": 4, "accumulate": 2, "learning_rate": 0.01, "warmup_epochs": 0.5},
             "log": {"every_steps": 1, "keep": 10, "checkpoint_every_steps": 1}}
            """
        return try Recipe.parse(Array(text.utf8), set: changes)
    }

    private func origins(_ run: TinyRun) throws -> [String: String] {
        try Safetensors.read(run.folder.path + "/checkpoints/step-00000009/model.safetensors").metadata
    }

    @Test func aStudentOfAnEarlierRunResumesToTheSameBits() throws {
        let (teacher, whole, halved) = (try TinyRun(), try TinyRun(), try TinyRun())
        try teacher.train(try TinyRun.recipe())
        try whole.train(try recipe(teacher.folder.path))
        try halved.train(try recipe(teacher.folder.path, "train.max_steps=4"), threads: 2)
        try halved.train(try recipe(teacher.folder.path), .resumed)
        #expect(try whole.finalDigests() == halved.finalDigests())
        #expect(try origins(whole)["teacher"] == teacher.folder.path)
        #expect(try origins(whole)["teacher_sha256"]?.count == 64)
        let losses = try whole.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "epoch" }
            .compactMap { $0["loss"]?.double }
        #expect(losses.count == 3 && losses[2] < losses[0])
        // The student is an encoder like any other, and may teach in its turn.
        let next = try TinyRun()
        try next.train(try recipe(whole.folder.path, "train.max_steps=1"))
    }

    @Test func anotherTeacherAtTheSamePlaceIsRefused() throws {
        let (teacher, student) = (try TinyRun(), try TinyRun())
        try teacher.train(try TinyRun.recipe("train.max_steps=1"))
        try student.train(try recipe(teacher.folder.path, "train.max_steps=4"))
        try teacher.train(try TinyRun.recipe(), .resumed)
        let thrown = #expect(throws: RunError.self) {
            try student.train(try recipe(teacher.folder.path), .resumed)
        }
        #expect(thrown?.description.contains("was trained with teacher_sha256") == true)
    }

    /// CAE's targets from a file: with another file at the same place a run would silently be another one.
    @Test func anotherCodebookAtTheSamePlaceIsRefused() throws {
        let run = try TinyRun()
        func write(_ shift: Float) throws {
            var file = SafetensorsFile(metadata: ["format": "palimpsest-codebook", "version": "1"])
            let rows = (0..<4 * 48).map { Float($0 % 7) - 3 + shift * Float($0 % 3) }
            file["codebook"] = StoredTensor(rows, shape: [4, 48])
            try run.home.write(Safetensors.bytes(of: file), "codebook.safetensors")
        }
        func recipe(_ changes: String) throws -> Recipe {
            try TinyRun.recipe(
                "mask={\"strategy\": \"random\", \"ratio\": 0.5}",
                "method={\"name\": \"cae\", \"targets\": \"tokens\", \"regressor_depth\": 1, \"decoder_depth\": 1, \"tokens\": "
                    + "{\"source\": \"codebook\", \"path\": \"\(run.home.path)/codebook.safetensors\"}}",
                "train.accumulate=1", changes)
        }
        try write(0)
        try run.train(try recipe("train.max_steps=2"))
        try run.train(try recipe("train.max_steps=3"), .resumed)
        try write(1)
        let thrown = #expect(throws: RunError.self) { try run.train(try recipe("train.max_steps=4"), .resumed) }
        #expect(
            thrown?.description.contains("was trained with codebook_sha256") == true, "\(thrown?.description ?? "")")
    }

    /// The encoder that I-JEPA evaluates is its target encoder, whichever file of the run is named; it has no class token.
    @Test func aTargetEncoderTeachesFromEveryFileOfItsRun() throws {
        let teacher = try TinyRun()
        try teacher.train(try JointEmbeddingRunTests.recipe("ijepa"))
        var digests: Set<String> = []
        for path in ["", "/encoder.safetensors", "/checkpoints/step-00000009"] {
            let student = try TinyRun()
            try student.train(try recipe(teacher.folder.path + path))
            digests.insert(try #require(try origins(student)["teacher_sha256"]))
        }
        #expect(digests.count == 1)
    }

    @Test func aTeacherOfAnotherGridIsResizedUnlessItsPositionsAreRelative() throws {
        let teacher = try TinyRun()
        try teacher.train(try TinyRun.recipe("train.max_steps=1"))
        let student = try TinyRun()
        try student.train(try recipe(teacher.folder.path, "data.image_size=24", "train.max_steps=1"))
        let relative = try TinyRun()
        try relative.train(
            try TinyRun.recipe(
                "method.name=mfm", "method.decoder_depth=0", #"mask={"strategy":"frequency","radius":3}"#,
                "model.relative_position_bias=shared", "train.max_steps=1"))
        try TinyRun().train(try recipe(relative.folder.path, "train.max_steps=1"))
        let thrown = #expect(throws: MethodError.self) {
            try TinyRun().train(try recipe(relative.folder.path, "data.image_size=24"))
        }
        #expect(thrown?.description.contains("its relative positions are those of 4x4 patches") == true)
    }

    private func faults(_ changes: String...) throws -> [String] {
        var json = try JSONParser.parse(try recipe("somewhere").encoded.text())
        for change in changes { try json.set(change) }
        do {
            _ = try Recipe.parse(Array(json.text().utf8))
            return []
        } catch {
            return (error as? Problems)?.list.map(\.message) ?? ["\(error)"]
        }
    }

    @Test func whatCannotWorkIsRefusedBeforeAnyImageIsRead() throws {
        #expect(try faults().isEmpty)
        #expect(try faults("method.teacher.path=\"\"").first?.hasPrefix("teacher.path is missing") == true)
        #expect(try faults("model.drop_path=0.1").first?.contains("set method.drop_path instead") == true)
        #expect(try faults("method.loss_layers=last").first?.contains("\"topK\" with K ≥ 1") == true)
        #expect(
            try faults("method.teacher.layout=own", "method.teacher.heads=3").first?.contains("remove them") == true)
        #expect(
            try faults("method={\"name\":\"mae\"}") == [
                "\"attention\" needs the importance of each patch, which method \"mae\" does not know; name a frozen encoder that "
                    + "does as mask.teacher.path, or take a method that does: \"maskalign\""
            ])
    }
}
