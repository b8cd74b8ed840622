import Checkpoints
import Foundation
import RecipeSchema
import TestSupport
import Testing

/// Patch tokens and label maps as a user calls for them.
struct DenseFeatureTests {
    @Test func patchTokensAndLabelMapsOfBuiltInPictures() throws {
        let home = try TemporaryFolder()
        func call(_ arguments: [String]) throws -> (code: Int32, text: String) {
            try callProgram(arguments, in: home.path)
        }
        let trained = try call([
            "--recipe", "mae.json", "--run", "run", "--set", "data.source.count=40", "--set",
            "data.source.test_count=12",
            "--set", "model.depth=1", "--set", "model.width=24", "--set", "train.batch_size=8", "--max-steps", "1",
        ])
        #expect(trained.code == 0, "\(trained.text)")

        let tokens = ["features", "run", "--tokens", "patch"]
        let written = try call(tokens + ["--out", "tokens.safetensors"])
        #expect(
            written.code == 0
                && written.text.contains("40 x 8 x 8 x 24 numbers (pictures, rows, columns, features) of float32")
                && written.text.contains("40 x 8 x 8 x 24 patch tokens, float32, to tokens.safetensors"),
            "\(written.text)")
        let file = try Safetensors.read("\(home.path)/tokens.safetensors")
        #expect(file["tokens"]?.shape == [40, 8, 8, 24] && file["labels"]?.count == 40)
        #expect(file.metadata["format"] == "palimpsest-features" && file.metadata["recipe"] != nil)
        #expect(try call(tokens + ["--out", "tokens.safetensors", "--precision", "float16"]).code == 0)
        #expect(try Safetensors.read("\(home.path)/tokens.safetensors")["tokens"]?.dtype == .float16)
        #expect(try call(tokens + ["--out", "tokens.npy", "--part", "test"]).code == 0)
        for (arguments, code, words) in [
            (tokens + ["--out", "t.csv"], Int32(64), "patch tokens have four axes"),
            (tokens + ["--out", "t.npy", "--pool", "mean"], 64, "--pool changes nothing"),
            (
                ["features", "run", "--out", "t.npy", "--precision", "float16"], 64,
                "--precision is of the numbers of --tokens"
            ),
            (tokens + ["--out", "/dev/null"], 73, "is a device or pipe"),
            (tokens + ["--out", "tokens.npy"], 73, "--overwrite"),
            (tokens + ["--out", "run/encoder.safetensors"], 73, "--overwrite"),
            (tokens + ["--out", "t.safetensors", "--layer", "2"], 64, "layer 2 was asked for"),
            (["probe", "run", "--protocol", "seg-knn", "--pool", "mean"], 64, "--pool changes nothing"),
            (["probe", "run", "--protocol", "seg-knn", "--maps", "x"], 64, "have maps of their own"),
        ] {
            let result = try call(arguments)
            #expect(result.code == code && result.text.contains(words), "\(result.code): \(result.text)")
        }
        #expect(try !home.names().contains { $0.hasPrefix("t.") || $0.hasSuffix(".partial") })

        let short = ["--set", "seg-knn.k=[3]", "--set", "seg-logreg.c=[0.1, 1]"]
        let probe = try call(["probe", "run", "--protocol", "seg-knn", "--protocol", "seg-logreg"] + short)
        #expect(
            probe.code == 0 && probe.text.contains("seg-knn, mean IoU") && probe.text.contains("than raw-pixels")
                && probe.text.contains("seg-logreg: IoU of pretrained by class: ground "), "\(probe.text)")
        let rows = try #require(try JSONParser.parse(try home.read("run/probes.json")).array)
        #expect(rows.count == 6 && rows.allSatisfy { $0["mean_iou"]?.double != nil && $0["tokens"]?.string == "patch" })
        #expect(try call(["probe", "run", "--protocol", "seg-knn"] + short.prefix(2)).code == 0)
        #expect(
            try JSONParser.parse(try home.read("run/probes.json")).array?.count == 6, "rows of the same are replaced")

        try lookAtOwnPictures(home)
    }

    /// Files with maps beside them: those of the built-in pictures, and what people do wrong.
    private func lookAtOwnPictures(_ home: TemporaryFolder) throws {
        func call(_ arguments: [String]) throws -> (code: Int32, text: String) {
            try callProgram(arguments, in: home.path)
        }
        let write = ["data", "write", "builtin", "--count", "30", "--test-count", "12"]
        let made = try call(write + ["--out", "pictures", "--maps", "maps"])
        #expect(made.code == 0 && made.text.contains("--data class_folders:pictures --maps maps"), "\(made.text)")
        #expect(try home.names("maps/test/key") == home.names("pictures/test/key"))
        for place in ["pictures2/maps", "pictures2", "."] {
            let nested = try call(write + ["--out", "pictures2", "--maps", place])
            #expect(nested.code == 64, "\(nested.text)")
        }
        #expect(try !home.names().contains { $0.contains("writing") || $0 == "pictures2" })
        let probe = ["probe", "run", "--protocol", "seg-knn", "--set", "seg-knn.k=[3]", "--features", "pretrained"]
        let own = try call(probe + ["--data", "class_folders:pictures", "--maps", "maps"])
        #expect(own.code == 0 && own.text.contains("by class: 0 "), "\(own.text)")
        let flat = try call(probe + ["--data", "images:pictures/train", "--maps", "maps/train", "--split", "0.2"])
        #expect(flat.code == 0 && flat.text.contains("note: split: 24 files"), "\(flat.text)")
        let both = try call(probe + ["--data", "images:pictures", "--maps", "maps", "--protocol", "dino-knn"])
        #expect(both.code == 65 && both.text.contains("has no label"), "\(both.text)")

        // A picture in the place of its map, and a picture without one.
        let colours = try home.read("pictures/test/key/00003.png")
        try home.write(colours, "maps/test/key/00003.png")
        try FileManager.default.removeItem(atPath: home.path + "/maps/train/key/00003.png")
        let faulty = try call(probe + ["--data", "images:pictures", "--maps", "maps"])
        #expect(
            faulty.code == 0 && faulty.text.contains("1 of 12 test pictures are left out")
                && faulty.text.contains("the pixels are RGB colours")
                && faulty.text.contains("passed over 1 picture without a label map (`key/00003.png`)"), "\(faulty.text)"
        )
        let strict = try call(probe + ["--data", "images:pictures", "--maps", "maps", "--strict"])
        #expect(strict.code == 65 && strict.text.contains("RGB colours"), "\(strict.text)")
        for (arguments, words) in [
            (["--data", "images:pictures"], "name their folder with --maps FOLDER"),
            (["--data", "images:pictures", "--maps", "nowhere"], "there is no such folder of label maps"),
            (["--data", "images:pictures", "--maps", "pictures"], "would be read as pictures"),
        ] {
            let result = try call(probe + arguments)
            #expect([65, 69].contains(result.code) && result.text.contains(words), "\(result.text)")
        }
    }
}
