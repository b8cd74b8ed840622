import Foundation
import ImageData
import RecipeSchema
import TestSupport
import Testing

/// `explore` and `anomalies`, as a user calls them, on pictures in folders.
struct WithoutLabelsTests {
    private let home: TemporaryFolder
    init() throws { home = try TemporaryFolder() }

    /// A PNG of 32 x 32 pixels: stripes of a colour of its own; `mark` makes a corner white.
    private func picture(_ number: Int, mark: Bool = false, channels: Int = 3) throws -> [UInt8] {
        var samples: [UInt8] = []
        for y in 0..<32 {
            for x in 0..<32 {
                for channel in 0..<channels {
                    let wave = (x * (1 + number % 5) + y * (1 + number % 3) + 40 * channel + 17 * number) % 97
                    samples.append(mark && y > 22 && x > 22 ? 255 : UInt8(60 + wave))
                }
            }
        }
        return try PNGEncoder.encode(samples, height: 32, width: 32, channels: channels)
    }

    /// A folder with some pictures; the marked ones have a white corner.
    private func folder(_ name: String, _ numbers: Range<Int>, mark: Bool = false) throws {
        try FileManager.default.createDirectory(atPath: "\(home.path)/\(name)", withIntermediateDirectories: true)
        for number in numbers { try home.write(picture(number, mark: mark), "\(name)/\(number).png") }
    }

    private func train(_ more: String...) throws -> (code: Int32, text: String) {
        try callProgram(
            [
                "--recipe", "mae.json", "--run", "run", "--set", "data.source.count=40", "--set", "model.depth=2",
                "--set",
                "train.batch_size=8", "--max-steps", "1", "--quiet",
            ] + more, in: home.path)
    }

    private func call(_ text: String) throws -> (code: Int32, text: String) {
        try callProgram(text.split(separator: " ").map(String.init), in: home.path)
    }

    private func rows(_ file: String) throws -> [JSONValue] {
        let lines = String(decoding: try home.read(file), as: UTF8.self).split(separator: "\n")
        return try lines.map { try JSONParser.parse(String($0)) }
    }

    @Test func picturesAreExploredWithoutLabels() throws {
        try folder("pictures", 0..<30)
        try home.write(picture(4), "pictures/copy-of-4.png")
        try home.write([1, 2, 3], "pictures/broken.png")
        #expect(try train().code == 0)
        let first = try call("explore run --data images:pictures --query copy-of-4.png --query 7.png --clusters 3")
        #expect(first.code == 0, "\(first.text)")
        #expect(first.text.contains("4.png = copy-of-4.png") && first.text.contains("broken.png"), "\(first.text)")
        let sheets = ["clusters.png", "duplicates.png", "neighbours.png", "patches.png", "spectrum.png", "unusual.png"]
        #expect(try home.names("run/explore") == (sheets + ["explore.jsonl"]).sorted())
        let found = try rows("run/explore/explore.jsonl")
        #expect(found.first?["kind"]?.string == "explore" && found.first?["pictures"]?.int == 31)
        func of(_ kind: String) -> [JSONValue] { found.filter { $0["kind"]?.string == kind } }
        #expect(of("sheet").compactMap { $0["file"]?.string }.sorted() == sheets)
        #expect(of("neighbours").map { $0["query"]?.string } == ["copy-of-4.png", "7.png"])
        #expect(of("same").map { $0["keys"]?.array?.compactMap(\.string) } == [["4.png", "copy-of-4.png"]])
        #expect(of("cluster").count == 3 && of("picture").count == 31)
        for sheet in sheets {
            let image = try ImageDecoder().decode(try home.read("run/explore/\(sheet)"), path: sheet).image
            #expect(image.width >= 640 && image.channels == 3)
        }
        // Kept features give the same rows; what is old is gone.
        let before = try home.read("run/explore/explore.jsonl")
        let again = try call(
            "explore run --data images:pictures --query copy-of-4.png --query 7.png --clusters 3 --threads 1 --json")
        #expect(again.code == 0 && again.text.contains("\"kind\": \"spectrum\""))
        #expect(try home.read("run/explore/explore.jsonl") == before)
        try FileManager.default.removeItem(atPath: home.path + "/pictures/copy-of-4.png")
        let fewer = try call("explore run --data images:pictures --close 0")
        #expect(fewer.code == 0 && fewer.text.contains("no picture is there twice"), "\(fewer.text)")
        #expect(try !home.names("run/explore").contains("duplicates.png"))
        // A run that is replaced takes what was found with it; files of others stay.
        try home.write([1], "run/explore/notes.txt")
        #expect(try train("--overwrite").code == 0)
        #expect(try home.names("run/explore") == ["notes.txt"])
    }

    @Test func unlikePicturesAreFound() throws {
        try folder("normal", 0..<30)
        try folder("test/good", 100..<110)
        try folder("test/broken", 110..<118, mark: true)
        #expect(try train().code == 0)
        let found = try call(
            "anomalies run --normal images:normal --test class_folders:test --maps 4 --false-alarms 0.1")
        #expect(found.code == 0 && found.text.contains("the class good is normal: 10 test pictures"), "\(found.text)")
        #expect(found.text.contains("gaussian-npca") && found.text.contains("FPR at 95 % TPR"), "\(found.text)")
        let names = ["anomalies.jsonl", "map-001.png", "map-002.png", "map-003.png", "map-004.png", "worst.png"]
        #expect(try home.names("run/anomalies") == names)
        let rows = try rows("run/anomalies/anomalies.jsonl")
        #expect(rows.first?["normal_class"]?.string == "good" && rows.first?["fitted"]?.int == 21)
        let patches = try #require(rows.first { $0["detector"]?.string == "patches" })
        #expect(try #require(patches["auroc"]?.double) > 0.9 && patches["threshold"]?.double != nil)
        #expect(patches["auroc_interval"]?.array?.count == 2 && patches["fpr_at_95_tpr"]?.double != nil)
        let pictures = rows.filter { $0["kind"]?.string == "picture" }
        #expect(pictures.count == 18 && pictures.count { $0["map"]?.string != nil } == 4)
        #expect(pictures.count { $0["anomalous"]?.bool == true } == 8)
        let fewer = try call(
            "anomalies run --normal images:normal --test images:test --normal-class good --maps 0 --layers 1,2")
        #expect(fewer.code == 64 && fewer.text.contains("have no classes"), "\(fewer.text)")
        let blind = try call("anomalies run --normal images:normal --test images:test --maps 0 --layers 1,2 --json")
        #expect(blind.code == 0 && !blind.text.contains("auroc"), "\(blind.text)")
        #expect(try home.names("run/anomalies") == ["anomalies.jsonl"])
    }

    @Test func whatCannotBeIsSaidBeforeAnyWork() throws {
        try folder("pictures", 0..<12)
        try folder("few", 0..<2)
        try folder("test/a", 0..<2)
        try folder("test/b", 0..<2)
        try FileManager.default.createDirectory(atPath: home.path + "/empty", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: home.path + "/taken", withIntermediateDirectories: true)
        try home.write(Array("mine".utf8), "taken/explore.jsonl")
        try home.write(Array("mine".utf8), "taken/worst.png")
        #expect(try train().code == 0)
        let encoder = "run/encoder.safetensors --data images:pictures"
        let mistakes: [(String, Int32, String)] = [
            ("explore nowhere", 69, "nowhere"),
            ("explore run --data images:empty", 65, "empty"),
            ("explore run --data images:few", 65, "give more"),
            ("explore run --data images:pictures --query cat.png", 64, "no picture of the train part has this name"),
            ("explore run --data images:pictures --query .png", 64, "12 pictures end like this"),
            ("explore run --data images:pictures --count 17", 64, "allowed are 1 to 16"),
            ("explore run --data images:pictures --close 2", 64, "from 0 to 1"),
            ("explore run --data images:pictures --clusters 0", 64, "allowed are 1 to 200"),
            ("explore run --data images:pictures --layer 9", 64, "layers 1 to 2"),
            ("explore run --data images:pictures --out taken", 73, "--overwrite"),
            ("explore run --data images:pictures --out pictures", 73, "name another folder"),
            ("explore run --data images:pictures --out pictures/new", 73, "name another folder"),
            ("explore run --data images:pictures --out far/away", 73, "there is no folder far"),
            ("explore \(encoder)", 64, "name a folder with --out"),
            ("anomalies run --normal images:few --test images:pictures", 65, "at least 10 are needed"),
            ("anomalies run --normal images:nowhere --test images:pictures", 69, "nowhere"),
            ("anomalies run --normal images:pictures --test images:empty", 65, "empty"),
            (
                "anomalies run --normal images:pictures --test class_folders:test --normal-class c", 64,
                "theirs are a, b"
            ),
            ("anomalies run --normal images:pictures --test images:pictures --layers 0", 64, "such as 2,4"),
            ("anomalies run --normal images:pictures --test images:pictures --layers 7", 64, "layers 1 to 2"),
            ("anomalies run --normal images:pictures --test images:pictures --false-alarms 0", 64, "between 0 and 1"),
            ("anomalies run --normal images:pictures --test images:pictures --out taken", 73, "--overwrite"),
            ("anomalies run --normal images:pictures --test images:few --out few", 73, "name another folder"),
        ]
        for (words, code, text) in mistakes {
            let result = try call(words)
            #expect(result.code == code && result.text.contains(text), "\(words): \(result.code) \(result.text)")
        }
        #expect(try home.read("taken/explore.jsonl") == Array("mine".utf8))
        #expect(try !home.names("run").contains("explore") && !home.names("run").contains("anomalies"))
        let same = try call("anomalies run --normal images:pictures --test images:pictures --maps 1")
        #expect(
            same.code == 0 && same.text.contains("they say nothing") && same.text.contains("no threshold"),
            "\(same.text)")
        let file = try call("explore \(encoder) --out found")
        #expect(file.code == 0, "\(file.text)")
        #expect(try home.names("found").contains("explore.jsonl"))
    }
}
