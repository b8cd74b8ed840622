import Foundation
import RecipeSchema
import TestSupport
import Testing

/// Sentences for what people type.
struct MessageTests {
    private typealias Ending = (code: Int32, errors: String, output: String)

    private func pretrain(_ arguments: String..., text: String? = nil) throws -> Ending {
        try pretrain(all: arguments, text: text)
    }

    private func pretrain(all arguments: [String], text: String? = nil) throws -> Ending {
        let home = try TemporaryFolder()
        if let text { try Data(text.utf8).write(to: URL(fileURLWithPath: home.path + "/mine.json")) }
        let process = Process()
        process.executableURL = CommandTests.program
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: home.path)
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let sentence = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, sentence, text)
    }

    @Test(arguments: [
        ("pretrain", "did you mean `pretrain train`?"), ("evaluate", "did you mean `pretrain probe`?"),
        ("probee", "did you mean `pretrain probe`?"), ("zzzzzz", "the verbs are plan, train, resume, probe"),
        ("colormae.json", "to train by a recipe: pretrain --recipe colormae.json"),
    ])
    func anUnknownVerbIsToldTheRightOne(verb: String, hint: String) throws {
        let result = try pretrain(verb, "runs/x")
        #expect(result.code == 64 && result.errors.contains(hint), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test(arguments: [
        ["probe", "colormae.json"], ["resume", "mae.json"], ["features", "mae.json", "--out", "x.safetensors"],
    ])
    func aRecipeIsNoRun(arguments: [String]) throws {
        let result = try pretrain(
            arguments[0], arguments[1], arguments.count > 2 ? "--out=x.safetensors" : "--threads=1")
        #expect(result.code == 64 && result.errors.contains("is a recipe, not a run"), "\(result.errors)")
    }

    @Test(arguments: [
        (["--set", "seed=1", "--seed", "2"], "seed is given twice: --set seed=1 and --seed 2"),
        (["--set", "train.max_steps=9", "--max-steps", "1"], "train.max_steps is given twice"),
        (["--seed", "-1"], "seed"), (["--max-steps", "-1"], "max_steps"), (["--run", ""], "--run is empty"),
    ])
    func valuesThatCannotBeMeantAreRefused(arguments: [String], words: String) throws {
        let process = try pretrain(all: ["--recipe", "mae.json"] + arguments)
        #expect(process.code == 64 && process.errors.contains(words), "\(process.errors)")
        #expect(!process.errors.contains("Missing value"))
    }

    @Test(arguments: ["x.h5", "x.parquet", "folder.csv/x.v2"])
    func featuresHaveThreeFormsAndSaySo(out: String) throws {
        let result = try pretrain("features", "nothere", "--out", out)
        let words = "is none of features; name a file that ends in .safetensors, .csv, .npy"
        #expect(
            result.code == 64
                && result.errors.contains("--out \(out): the ending .\(out.split(separator: ".").last ?? "") \(words)"))
    }

    @Test func helpListsTheProtocols() throws {
        let help = try pretrain("probe", "--help").output
        #expect(help.contains("dino-knn: Weighted k nearest") && help.contains("mae-linprobe:"))
    }

    @Test func aRateThatIsLeftOutIsShown() throws {
        let text = #"{"palimpsest": 1, "name": "a", "train": {"batch_size": 512}}"#
        let check = try pretrain("recipes", "check", "mine.json", text: text)
        #expect(check.code == 0, "\(check.errors)")
        #expect(check.output.contains("peak learning rate 0.0003: the default base rate 0.00015 for 256 images"))
        let shown = try JSONParser.parse(try pretrain("recipes", "show", "mine.json", text: text).output)
        #expect(shown["train"]?["base_learning_rate"]?.double == 1.5e-4)
    }

    @Test func aCommentAndAMarkAreNamed() throws {
        for (text, words) in [
            ("{\"a\": 1 // x\n}", "found a comment"), ("\u{FEFF}{}", "byte-order mark"), ("{\"a\": 1,}", "comma"),
        ] {
            let result = try pretrain("recipes", "check", "mine.json", text: text)
            #expect(result.code == 64 && result.errors.contains("mine.json: line 1") && result.errors.contains(words))
        }
    }

    @Test func whatIsNoFileIsNotRead() throws {
        let result = try pretrain("recipes", "check", "/dev/zero")
        #expect(result.code == 64 && result.errors.contains("is no regular file"))
    }

    @Test func casesWithoutARoutineAreCountedByThemselves() throws {
        let home = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: home.path + "/case", withIntermediateDirectories: true)
        let text = #"{"topic": "nothing", "routine": "unheard of", "name": "x", "tensors": {}, "expected": []}"#
        try Data(text.utf8).write(to: URL(fileURLWithPath: home.path + "/case/case.json"))
        let result = try pretrain("verify", home.path)
        #expect(result.output.contains("0 passed, 0 failed, 1 cannot be run here"), "\(result.output)")
        // Nothing was verified.
        #expect(result.code == 1)
        let golden = SharedFiles.packageRoot.appendingPathComponent("Tests/Golden/mae/patch_order").path
        let both = try pretrain("verify", home.path, golden, "--json")
        #expect(both.code == 0 && both.errors.contains("1 passed, 0 failed, 1 cannot be run here"), "\(both)")
        let row = try JSONParser.parse(String(both.output.prefix { $0 != "\n" }))
        #expect(row["passed"]?.bool == false && row["runnable"]?.bool == false && row["error"] != nil)
    }

    @Test func oneUnitOfMemory() throws {
        let facts = try JSONParser.parse(try pretrain("doctor", "--json").output)
        for key in ["memory", "memory_available", "disk_free"] {
            #expect(facts[key]?.string?.hasSuffix(" MiB") == true, "\(key)")
        }
    }
}
