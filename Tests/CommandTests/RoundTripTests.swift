import Foundation
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

/// What is written can be read, for every method of the catalogue and any number of channels: a run is resumed, viewed, probed,
/// described, checked, and begun anew from its own encoder.
struct RoundTripTests {
    private static let channels = [1, 2, 3, 4, 12]
    private static let size = 16

    /// IDX files of pictures of some channels, and of labels where they are wanted, for both parts.
    private func writeData(channels: Int, labelled: Bool, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func header(_ sizes: [Int]) -> [UInt8] {
            [0, 0, 8, UInt8(sizes.count)] + sizes.flatMap { size in [24, 16, 8, 0].map { UInt8(size >> $0 & 255) } }
        }
        for (part, count) in [("train", 32), ("t10k", 16)] {
            let side = Self.size
            let pixels = (0..<count * side * side * channels).map {
                UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7)
            }
            try Data(header([count, side, side, channels]) + pixels).write(
                to: URL(fileURLWithPath: "\(folder)/\(part)-images-idx3-ubyte"))
            guard labelled else { continue }
            try Data(header([count]) + (0..<count).map { UInt8($0 % 2) }).write(
                to: URL(fileURLWithPath: "\(folder)/\(part)-labels-idx1-ubyte"))
        }
    }

    private func recipe(_ method: String, channels: Int, teacher: String?) -> String {
        let own = teacher.map { ", \"teacher\": {\"path\": \"\($0)\"}" } ?? ""
        return """
            {"palimpsest": 1, "name": "small", "data": {"source": {"kind": "idx", "path": "data"}, "image_size": 16},
             "model": {"patch_size": 2, "width": 16, "depth": 2, "heads": 2, "channels": \(channels)},
             "method": {"name": "\(method)"\(own)\(smallParts(of: method, depth: 1))},
             "train": {"batch_size": 8, "learning_rate": 0.001, "epochs": 50, "max_steps": 2}, "log": {"every_steps": 1}}
            """
    }

    @Test(arguments: pretrainingMethods.map { $0.name }, channels)
    func everyMethodReadsBackWhatItWrote(method: String, channels: Int) throws {
        let home = try TemporaryFolder()
        let labelled = channels % 2 == 1
        try writeData(channels: channels, labelled: labelled, to: home.path + "/data")
        func expect(_ arguments: String..., code: Int32 = 0, saying words: String = "") throws {
            let result = try callProgram(arguments, in: home.path)
            #expect(
                result.code == code && (words.isEmpty || result.text.contains(words)),
                "\(arguments.joined(separator: " ")): \(result.text)")
        }
        var teacher: String?
        if method == "maskalign" {
            try home.write(Array(recipe("mae", channels: channels, teacher: nil).utf8), "teacher.json")
            try expect("--recipe", "teacher.json", "--run", "teacher", "--quiet")
            teacher = "teacher"
        }
        try home.write(Array(recipe(method, channels: channels, teacher: teacher).utf8), "recipe.json")
        let next = labelled ? "next: pretrain probe run" : "next: pretrain explore run"
        try expect("--recipe", "recipe.json", "--run", "run", saying: next)
        try expect("resume", "run", "--set", "train.max_steps=3", saying: "finished")
        try expect("resume", "run", saying: "at its end")
        try expect("recipes", "check", "run/recipe.json", saying: "no fault")
        try expect("view", "run", "--count", "2", saying: "original")
        try expect("report", "run", saying: "run/report.html")
        if channels >= 4 {
            try expect("view", "run", "--bands", "3,2,1", saying: "bands 3, 2 and 1 are red, green and blue")
            try expect(
                "view", "run", "--bands", "3,\(channels)", code: 64,
                saying: "one or three numbers from 0 to \(channels - 1)")
        }
        try expect("features", "run", "--out", "f.safetensors", saying: "32 x 16 features")
        try expect("features", "run/encoder.safetensors", "--out", "f.st", saying: "32 x 16 features")
        if labelled {
            try expect("probe", "run", "--protocol", "fewshot-lsr", saying: "fewshot-lsr")
        } else {
            try expect("probe", "run", code: 65, saying: "label")
        }
        try expect(
            "--recipe", "recipe.json", "--run", "again", "--init-from", "run/encoder.safetensors", saying: "taken")
    }
}

extension RoundTripTests {
    /// A hint at the end of a run works when it is pasted.
    @Test func withoutATestPartTheHintIsNoProbe() throws {
        let home = try TemporaryFolder()
        try writeData(channels: 1, labelled: true, to: home.path + "/data")
        for name in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
            try FileManager.default.removeItem(atPath: "\(home.path)/data/t10k-\(name)")
        }
        try home.write(Array(recipe("mae", channels: 1, teacher: nil).utf8), "recipe.json")
        let trained = try callProgram(["--recipe", "recipe.json", "--run", "run"], in: home.path)
        #expect(trained.code == 0 && trained.text.contains("next: pretrain explore run"), "\(trained.text)")
        #expect(trained.text.contains("(no probe: ") && !trained.text.contains("pretrain probe"), "\(trained.text)")
    }
}

/// What one command wrote is not what another may replace.
struct OutputTests {
    @Test func featuresReplaceFeaturesAndNeverAnEncoder() throws {
        let home = try TemporaryFolder()
        let run = home.path + "/a run"
        func call(_ arguments: [String]) throws -> (code: Int32, text: String) {
            try callProgram(arguments, in: home.path)
        }
        func pretrain(_ arguments: String...) throws -> (code: Int32, text: String) { try call(arguments) }
        let trained = try pretrain(
            "--recipe", "mae.json", "--run", run, "--set", "data.source.count=40", "--set", "model.depth=1", "--set",
            "train.batch_size=8", "--max-steps", "1")
        #expect(trained.code == 0 && trained.text.contains("next: pretrain probe '\(run)'"), "\(trained.text)")
        let encoder = try home.read("a run/encoder.safetensors")
        // Into a pipe, by the name that leads to it.
        let piped = try pretrain("features", run, "--out", "/dev/stdout")
        #expect(piped.code == 0 && piped.text.contains("palimpsest-features"), "\(piped.text.prefix(300))")
        for out in ["encoder.safetensors", "checkpoints/step-00000001/model.safetensors"] {
            let result = try pretrain("features", run, "--out", "\(run)/\(out)")
            #expect(result.code == 73 && result.text.contains("--overwrite"), "\(result.text)")
        }
        #expect(try home.read("a run/encoder.safetensors") == encoder)
        for _ in 0..<2 { #expect(try pretrain("features", run, "--out", "f.safetensors").code == 0) }
        // Somebody may have written into a table, and an array has no mark: neither is replaced without being asked.
        for name in ["f.csv", "f.npy"] {
            #expect(try pretrain("features", run, "--out", name).code == 0)
            #expect(try pretrain("features", run, "--out", name).code == 73)
        }
        let again = try pretrain("features", run, "--out", "f.npy", "--overwrite")
        #expect(again.code == 0 && again.text.contains("f.npy has no keys and labels"), "\(again.text)")
        let lines = String(decoding: try home.read("f.csv"), as: UTF8.self).split(separator: "\n")
        let (head, first) = (lines[0].split(separator: ","), lines[1].split(separator: ","))
        #expect(lines.count == 41 && head.prefix(3) == ["key", "label", "f0"] && first.count == head.count)
        let array = try home.read("f.npy")
        let numbers = lines.dropFirst().flatMap {
            $0.split(separator: ",").dropFirst(2).compactMap { Float($0)?.bitPattern }
        }
        let stored = stride(from: array.count - 4 * numbers.count, to: array.count, by: 4).map { place in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(array[place + $1]) << (8 * $1) }
        }
        #expect(numbers.count == 40 * (head.count - 2) && stored == numbers)
        #expect((array.count - 4 * numbers.count) % 64 == 0)

        // Labels and a split from the command line.
        try FileManager.default.createDirectory(atPath: home.path + "/photos", withIntermediateDirectories: true)
        let header = Array("{'descr': '|u1', 'fortran_order': False, 'shape': (65, 8, 3), }\n".utf8)
        for place in 0..<20 {
            let pixels = (0..<1560).map { UInt8(truncatingIfNeeded: $0 * (place % 2 == 0 ? 7 : 31) + place) }
            try home.write(
                [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + pixels, "photos/\(place).npy")
        }
        let rows = (0..<20).map { "\($0).npy,\($0 % 2 == 0 ? "cat" : "dog")\n" }.joined()
        try home.write(Array("file,label\n\(rows)".utf8), "labels.csv")
        let labelled = ["--data", "images:photos", "--labels", "labels.csv", "--split", "0.3"]
        let written = try call(
            ["features", run, "--part", "test", "--out", "t.csv"] + labelled)
        let test = String(decoding: try home.read("t.csv"), as: UTF8.self).split(separator: "\n")
        #expect(written.code == 0 && test.count == 7 && test.count { $0.contains(".npy,cat,") } == 3, "\(written.text)")
        let probe = try call(["probe", run, "--protocol", "fewshot-lsr"] + labelled)
        #expect(
            probe.code == 0 && probe.text.contains("note: split: 14 files in the training part"), "\(probe.text)")
        let check = try pretrain("data", "check", "images:photos", "--labels", "labels.csv", "--split", "0.3")
        #expect(
            check.code == 0 && check.text.contains("class 0 cat: 7") && check.text.contains("class 1 dog: 3"),
            "\(check.text)")
        for (arguments, words) in [
            (["--data", "images:photos"], "--labels FILE --split 0.2"),
            (["--data", "images:photos", "--labels", "labels.csv"], "give data.source.split"),
            (["--labels", "labels.csv"], "name the folder as images:FOLDER"),
            (["--data", "images:photos", "--labels", "labels.csv", "--split", "2"], "data.source.split.test: found 2"),
            (["--data", "images:photos", "--split", "0.2"], "split belongs to labels"),
            (["--data", "images:photos", "--labels", "labels.csv", "--split-group", "x"], "needs a split"),
            (["--split", "0.2"], "the source is of kind `procedural`"),
        ] {
            let result = try call(["probe", run] + arguments)
            #expect([64, 65].contains(result.code) && result.text.contains(words), "\(result.text)")
        }
    }
}
