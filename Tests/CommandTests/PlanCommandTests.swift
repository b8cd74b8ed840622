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

    /// Tiles through every verb: trained on at random, looked at in a grid. A test part that pretraining saw is told.
    @Test func tilesOfPicturesAreTrainedOnAndLookedAt() throws {
        let home = try TemporaryFolder()
        _ = try callProgram(
            ["data", "write", "builtin", "--out", "pictures", "--count", "40", "--test-count", "14"], in: home.path)
        let recipe = """
            {"palimpsest": 1, "name": "tiles",
             "data": {"source": {"kind": "class_folders", "path": "pictures/train"}, "image_size": 16,
                      "tiles": {"size": 20, "per_image": 2}},
             "model": {"patch_size": 4, "width": 16, "depth": 1, "heads": 2},
             "mask": {"strategy": "random", "ratio": 0.5},
             "method": {"name": "mae", "decoder_width": 16, "decoder_depth": 1, "decoder_heads": 2},
             "train": {"epochs": 1, "batch_size": 16, "warmup_epochs": 0, "max_steps": 2}}
            """
        try home.write(Array(recipe.utf8), "tiles.json")
        func expect(_ arguments: String..., saying words: String) throws {
            let result = try callProgram(arguments, in: home.path)
            #expect(result.code == 0 && result.text.contains(words), "\(arguments): \(result)")
        }
        try expect("--recipe", "tiles.json", "--run", "run", saying: "80 tiles of 20 x 20 pixels from 40 pictures")
        try expect("view", "run", "--count", "2", saying: "reconstructions.png")
        try expect("features", "run", "--out", "f.csv", saying: "from 40 pictures, side by side")
        let csv = String(decoding: try home.read("f.csv"), as: UTF8.self)
        #expect(csv.contains("#y0x20,") && csv.contains("#y20x0,") && !csv.contains("#tile"))
        let whole = try callProgram(
            ["probe", "run", "--protocol", "fewshot-lsr", "--split", "0.2", "--json"], in: home.path)
        #expect(
            whole.code == 0 && whole.text.contains("test pictures were seen, without labels, in pretraining"),
            "\(whole)")
        #expect(!whole.text.contains("\"test_seen_in_pretraining\": 0"))
        let apart = try callProgram(
            ["probe", "run", "--protocol", "fewshot-lsr", "--data", "class_folders:pictures", "--json"], in: home.path)
        #expect(apart.code == 0 && !apart.text.contains("were seen, without labels"), "\(apart)")
        #expect(apart.text.replacing(" ", with: "").contains("\"test_seen_in_pretraining\":0"))
        try expect("data", "check", "images:pictures/train", "--tiles", "20", saying: "from 40 pictures, side by side")
        let plan = try callProgram(
            [
                "plan", "--data", "images:pictures/train", "--hours", "0.02", "--out", "p.json", "--threads", "1",
                "--set",
                "data.tiles={\"size\": 24, \"per_image\": 3}",
            ], in: home.path)
        #expect(plan.code == 0 && plan.text.contains("120 pictures; 120 looked at: 24 pixels high"), "\(plan)")
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
