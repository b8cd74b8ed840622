import Foundation
import RecipeSchema
import TestSupport
import Testing

/// The way of own pictures, as a person goes it: pictures in a folder, a plan, a run.
struct PlanCommandTests {
    @Test func aFolderIsPlannedTrainedAndProbed() throws {
        let home = try TemporaryFolder()
        let write = ["data", "write", "builtin", "--out", "pictures/", "--count", "40", "--test-count", "14"]
        let written = try callProgram(write, in: home.path)
        #expect(written.code == 0 && written.text.contains("40 training and 14 test pictures"), "\(written)")
        #expect(try home.names() == ["pictures"], "nothing is left beside the folder")
        let again = try callProgram(write, in: home.path)
        #expect(again.code == 73 && again.text.contains("pictures is not empty"), "\(again)")
        let plan = [
            "plan", "--data", "images:pictures/train", "--labels", "class_folders:pictures", "--hours", "0.02", "--out",
            "mine.json", "--threads", "1",
        ]
        let planned = try callProgram(plan, in: home.path)
        #expect(planned.code == 0, "\(planned)")
        for part in [
            "40 pictures; 40 looked at", "data.image_size: ", "training will take about 1 min", "wrote mine.json",
        ] {
            #expect(planned.text.contains(part), "\(part): \(planned.text)")
        }
        let refused = try callProgram(plan, in: home.path)
        #expect(refused.code == 73 && refused.text.contains("mine.json: exists; name another file"), "\(refused)")
        let trained = try callProgram(
            ["--recipe", "mine.json", "--set", "train.max_steps=2", "--quiet"], in: home.path)
        #expect(trained.code == 0, "\(trained)")
        let probed = try callProgram(
            ["probe", "runs/mine", "--data", "class_folders:pictures", "--protocol", "dino-knn"], in: home.path)
        #expect(probed.code == 0, "\(probed)")
    }

    @Test func labelsThatCannotBeUsedAreToldBeforeTheNight() throws {
        let home = try TemporaryFolder()
        _ = try callProgram(
            ["data", "write", "builtin", "--out", "pictures", "--count", "12", "--test-count", "6"], in: home.path)
        let plan = ["plan", "--data", "images:pictures/train", "--hours", "0.02", "--out", "mine.json", "--labels"]
        let flat = try callProgram(plan + ["images:pictures/train"], in: home.path)
        #expect(flat.code == 65 && flat.text.contains("has no labels"), "\(flat)")
        let onePart = try callProgram(plan + ["class_folders:pictures/train"], in: home.path)
        #expect(onePart.code != 0 && onePart.text.contains("no test part"), "\(onePart)")
        let other = try callProgram(["data", "write", "cifar10", "--out", "x"], in: home.path)
        #expect(other.code == 64 && other.text.contains("nothing to write called cifar10"), "\(other)")
        #expect(try home.names() == ["pictures"])
    }
}
