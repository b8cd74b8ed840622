import Foundation
import TestSupport
import Testing

/// Masks that follow a frozen encoder from a file.
struct MaskTeacherTests {
    private func recipe(_ name: String, mask: String) -> String {
        """
        {"palimpsest": 1, "name": "\(name)",
         "data": {"source": {"kind": "procedural", "count": 16, "test_count": 8, "size": 16}, "image_size": 16},
         "model": {"patch_size": 4, "width": 16, "depth": 1, "heads": 2}, "mask": \(mask),
         "method": {"name": "mae", "decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2},
         "train": {"batch_size": 8, "epochs": 2, "learning_rate": 0.001}, "log": {"tensorboard": false}}
        """
    }

    /// What a run was trained with is what its pictures are made with: another encoder at the same place is told, as in `resume`.
    @Test func anotherTeacherAtTheSamePlaceIsToldByEveryVerb() throws {
        let home = try TemporaryFolder()
        let random = #"{"strategy": "random", "ratio": 0.5}"#
        try home.write(Array(recipe("teacher", mask: random).utf8), "teacher.json")
        let mask = #"{"strategy": "attention", "ratio": 0.5, "teacher": {"path": "teacher"}}"#
        try home.write(Array(recipe("student", mask: mask).utf8), "student.json")
        func call(_ words: String) throws -> (code: Int32, text: String) {
            try callProgram(words.split(separator: " ").map(String.init), in: home.path)
        }
        #expect(try call("--recipe teacher.json --run teacher --quiet").code == 0)
        #expect(try call("--recipe student.json --run student --quiet").code == 0)
        let verbs = ["masks --recipe student/recipe.json --count 4", "view student --count 2", "resume student"]
        for verb in verbs.dropLast() { #expect(try call(verb).code == 0, "\(verb)") }
        #expect(try call("--recipe teacher.json --run teacher --seed 9 --overwrite --quiet").code == 0)
        for verb in verbs {
            let (code, text) = try call(verb)
            #expect(
                code == 65 && text.contains("mask_teacher_sha256") && text.contains("put the old one back"),
                "\(verb): \(text)")
        }
        // A recipe that is no run's is by nobody's teacher yet, and the report says what it cannot draw.
        #expect(try call("masks --recipe student.json --count 4 --out other.png").code == 0)
        let report = try call("report student")
        let page = try String(contentsOfFile: home.path + "/student/report.html", encoding: .utf8)
        #expect(report.code == 0 && page.contains("mask_teacher_sha256"))
    }
}
