import Foundation
import ImageMasking
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

/// The built program as a user calls it: exit codes and what stands where.
struct CommandTests {
    struct Result {
        var code: Int32
        var output: String
        var errors: String
    }

    static let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("pretrain")

    private func pretrain(_ arguments: String...) throws -> Result { try call(arguments) }

    private func call(_ arguments: [String]) throws -> Result {
        let files = try TemporaryFolder()
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: files.path)
        let paths = ["output", "errors"].map { files.path + "/" + $0 }
        for path in paths { try Data().write(to: URL(fileURLWithPath: path)) }
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[0]))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[1]))
        try process.run()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus, output: try String(contentsOfFile: paths[0], encoding: .utf8),
            errors: try String(contentsOfFile: paths[1], encoding: .utf8))
    }

    @Test func recipesAreFoundFromAnyFolder() throws {
        let result = try pretrain("recipes", "list")
        #expect(result.code == 0 && result.output.contains("cifar10/colormae.json: method mae, mask color"))
    }

    @Test func usageAndRecipeFaultsEndWith64AndSayEverything() throws {
        let result = try pretrain("--recipe", "colormae.json", "--set", "mask.ration=1", "--set", "train.epochs=0")
        #expect(result.code == 64 && result.output.isEmpty)
        #expect(
            result.errors.contains("did you mean \"ratio\"?")
                && result.errors.contains("allowed is an integer from 1 to 1000000"))
        #expect(try pretrain("--recipe", "colorme.json").errors.contains("did you mean colormae.json?"))
        #expect(try pretrain("probe").code == 64)
        #expect(try pretrain("probe", "/nowhere", "--protocol", "magic").code == 64)
    }

    @Test func missingThingsHaveTheirOwnCodes() throws {
        for verb in ["probe", "resume", "view"] {
            let result = try pretrain(verb, "/nowhere")
            #expect(result.code == 69, "\(verb): \(result.output) \(result.errors)")
        }
        let data = try pretrain("--recipe", "mae.json", "--data", "images:/nowhere", "--run", "run")
        #expect(data.code == 69 && data.errors.contains("/nowhere"), "\(data.code): \(data.errors)")
        // Below a file nothing can be made, whoever asks.
        let file = SharedFiles.packageRoot.appendingPathComponent("Package.swift").path
        let place = try pretrain("--recipe", "mae.json", "--run", "\(file)/run")
        #expect(place.code == 73 && place.errors.contains("Package.swift/run cannot be used"), "\(place.errors)")
    }

    @Test func aShortRunCanBeTrainedResumedViewedAndProbed() throws {
        let home = try TemporaryFolder()
        let run = home.path + "/run"
        let small = [
            "--set", "data.source.count=160", "--set", "data.source.test_count=40", "--set", "model.depth=1", "--set",
            "train.batch_size=16", "--set", "train.warmup_epochs=0", "--set", "log.every_steps=1",
        ]
        func train(_ more: String...) throws -> Result {
            let process = ["--recipe", "colormae.json", "--run", run, "--json"] + small + more
            return try call(process)
        }
        let first = try train("--max-steps", "3")
        #expect(first.code == 0, "\(first.errors)")
        let rows = try first.output.split(separator: "\n").map { try JSONParser.parse(String($0)) }
        let steps = rows.filter { $0["kind"]?.string == "step" }
        let checks = rows.filter { $0["kind"]?.string == "health" }
        #expect(steps.count == 3 && steps.allSatisfy { $0["loss"]?.double != nil })
        #expect(checks.map { $0["step"]?.int } == [0, 3] && checks.allSatisfy { $0["rankme"]?.double != nil })
        #expect(try train().code == 73)
        #expect(try train("--resume", "--max-steps", "5").code == 0)
        #expect(try pretrain("view", run, "--count", "2").code == 0)
        let probe = try pretrain("probe", run, "--protocol", "dino-knn", "--json")
        #expect(probe.code == 0, "\(probe.errors)")
        let scores = try probe.output.split(separator: "\n").map { try JSONParser.parse(String($0)) }
        #expect(scores.map { $0["features"]?.string } == ["pretrained", "random-init", "raw-pixels"])
        let files = try FileManager.default.contentsOfDirectory(atPath: run)
        for file in ["recipe.json", "metrics.jsonl", "encoder.safetensors", "probes.json", "log.txt", "pictures"] {
            #expect(files.contains(file), "\(file)")
        }
        let features = home.path + "/features.safetensors"
        #expect(try pretrain("features", run, "--out", features, "--part", "test").code == 0)
        #expect(FileManager.default.fileExists(atPath: features))
    }

    @Test func verifyPassesOnTheCopiedCasesAndFailsWithOne() throws {
        let golden = SharedFiles.packageRoot.appendingPathComponent("Tests/Golden/mae").path
        let result = try pretrain("verify", golden, "--json")
        #expect(result.code == 0, "\(result.output)")
        #expect(try pretrain("verify", "/nowhere").code == 64)
        #expect(try pretrain("doctor", "--json").output.contains("\"instruction_set\""))
    }

    /// A recipe on a few small built-in pictures, written to a folder.
    private func recipe(_ strategy: String, _ method: String, in home: TemporaryFolder) throws -> String {
        let path = home.path + "/recipe.json"
        let text = """
            {"palimpsest": 1, "name": "look", "data": {"source": {"kind": "procedural", "count": 64}, "image_size": 32},
             "model": {"patch_size": 4, "width": 16, "depth": 1, "heads": 2, "drop_path": 0}, "method": {\(method)},
             "mask": {"strategy": \(strategy)}, "train": {"batch_size": 16, "learning_rate": 0.001}}
            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// The strategies that choose patches, each with a method that takes its masks: what a recipe's rules say of the pair.
    private static let pairs = maskingStrategies.filter { [.patches, .blocks].contains($0.kind) }.map { strategy in
        let method = pretrainingMethods.first {
            $0.masks.contains(strategy.kind) && (!strategy.needsImportance || $0.providesImportance)
        }
        return (strategy.name, method?.name, strategy.needsImportance)
    }
    /// Options for the few whose defaults do not suit 8 x 8 patches.
    private static let strategyOptions = ["multiblock": ", \"min_keep\": 4"]
    private static let methodOptions = ["maskalign": ", \"drop_path\": 0, \"loss_layers\": \"mean\""]

    @Test(arguments: pairs)
    func everyStrategyCanBeLookedAt(strategy: String, method: String?, needsTeacher: Bool) throws {
        let method = try #require(method, "no method takes the masks of \(strategy)")
        let home = try TemporaryFolder()
        let picture = home.path + "/masks.png"
        let path = try recipe(
            "\"\(strategy)\"\(Self.strategyOptions[strategy] ?? "")",
            "\"name\": \"\(method)\"\(Self.methodOptions[method] ?? "")", in: home)
        var arguments = ["masks", "--recipe", path, "--json", "--count", "40", "--output", picture]
        if needsTeacher {
            let teacher = try TemporaryFolder()
            let other = try recipe("\"random\"", "\"name\": \"mae\"", in: teacher)
            #expect(try pretrain("--recipe", other, "--run", home.path + "/run", "--max-steps", "1").code == 0)
            arguments += [
                "--set", "method.teacher.path=\"\(home.path)/run\"", "--set", "method.teacher.layout=\"own\"",
            ]
        }
        let result = try call(arguments)
        #expect(result.code == 0, "\(result.errors)")
        let row = try JSONParser.parse(result.output)
        #expect(row["images"]?.int == 40 && row["visible_share"]?.array?.count == 8)
        #expect(try Data(contentsOf: URL(fileURLWithPath: picture)).prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
    }

    @Test func masksOfFrequenciesCanBeLookedAtAndAWrongPairIsRefused() throws {
        let home = try TemporaryFolder()
        let frequencies = "\"frequency\", \"radius\": 3"
        let picture = home.path + "/masks.png"
        let fitting = try recipe(frequencies, "\"name\": \"mfm\"", in: home)
        let result = try pretrain("masks", "--recipe", fitting, "--stats", "--count", "40", "--output", picture)
        #expect(result.code == 0 && result.output.contains("25 of 1024 frequencies stay"), "\(result.output)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: picture)).prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
        let wrong = try pretrain("masks", "--recipe", try recipe(frequencies, "\"name\": \"mae\"", in: home))
        #expect(wrong.code == 64 && wrong.errors.contains("cannot use \"frequency\""))
    }

    @Test func theSchemaIsJSON() throws {
        let schema = try JSONParser.parse(try pretrain("recipes", "schema").output)
        #expect(schema["properties"]?["mask"]?["oneOf"]?.array?.count == maskingStrategies.count)
    }
}

/// Outputs that cannot be written: an exit code of their own and a sentence, never a trap and never success.
struct StreamTests {
    private static let verbs = [
        "recipes list", "recipes show mae.json", "recipes check mae.json", "recipes schema", "doctor", "doctor --json",
        "--help", "--version", "masks --recipe mae.json --stats --count 8", "probe --help",
    ]

    /// Runs the program in a shell, so that its streams can be what a shell makes of them.
    private func run(_ verb: String, _ redirection: String) throws -> (code: Int32, errors: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "'\(CommandTests.program.path)' \(verb) \(redirection)"]
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test(arguments: verbs, [">/dev/full", ">&-"])
    func aStandardOutputThatTakesNothingEndsWith74(verb: String, redirection: String) throws {
        let result = try run(verb, redirection)
        #expect(result.code == 74, "\(result.errors)")
        #expect(result.errors.hasPrefix("error: standard output cannot be written: "))
    }

    @Test(arguments: ["2>/dev/full", "2>&-", ">&- 2>&-", "<&- 2>&-"])
    func aStandardErrorThatTakesNothingKeepsTheCode(redirection: String) throws {
        #expect(try run("--recipe nothere.json", redirection).code == 64)
        #expect(try run("probe nothere", redirection).code == 69)
    }

    @Test func aReaderThatGoesAwayIsNoSuccess() throws {
        let program = "{ '\(CommandTests.program.path)' recipes schema; echo code $? >&2; }"
        #expect(try run("--version >/dev/null; \(program)", "| (exec <&-; sleep 0.3)").errors.contains("code 74"))
    }
}
