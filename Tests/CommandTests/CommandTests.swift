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

    /// A class folder a name, with one picture, or none where the name ends with a slash.
    private func dataSet(_ classes: [String]) throws -> TemporaryFolder {
        let home = try TemporaryFolder()
        // One RGB pixel.
        let picture = Data(
            base64Encoded:
                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mMQaPgAAAIkAYFRbDfIAAAAAElFTkSuQmCC")
        for name in classes {
            let folder = "\(home.path)/\(name)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if !name.hasSuffix("/") { try picture?.write(to: URL(fileURLWithPath: "\(folder)/1.png")) }
        }
        return home
    }

    @Test func dataCheckSaysWhatIsPassedOverAndWhichPartIsTheTestPart() throws {
        let home = try dataSet(["train/a", "train/b", "val/a", "val/b", "test"])
        try Data([1]).write(to: URL(fileURLWithPath: home.path + "/train/a/x.gif"))
        let text = try pretrain("data", "check", "class_folders:" + home.path)
        #expect(text.code == 0 && text.output.contains("  note: passed over 1 picture of formats that are not read"))
        #expect(text.output.contains("  note: test part: the folder `val`"))
        #expect(text.output.contains("  note: the folder `test` has no class folders"))
        let rows = try pretrain("data", "check", "class_folders:" + home.path, "--json").output.split(separator: "\n")
        let skipped = try JSONParser.parse(String(try #require(rows.first)))["skipped"]?.array?.first
        #expect(skipped?["reason"]?.string == "other-format" && skipped?["count"]?.int == 1)
        #expect(skipped?["examples"]?.array?.first?.string == "a/x.gif")
    }

    @Test func dataCheckEndsWith65WhereAPartCannotBeUsed() throws {
        let home = try dataSet(["train/a", "train/b", "test/a", "test/b/"])
        let result = try pretrain("data", "check", "class_folders:" + home.path)
        #expect(result.code == 65 && result.output.hasPrefix("train: 2 pictures"))
        #expect(result.errors.contains("no pictures in the class folders `b`"))
    }

    @Test func aNumberOfThreadsThatNoMachineHasIsRefused() throws {
        for threads in ["0", "9223372036854775807"] {
            let result = try pretrain("data", "check", "builtin", "--threads", threads)
            #expect(result.code == 64 && result.errors.contains("allowed are 1 to 1024"), "\(result.errors)")
        }
    }

    @Test func pictureThatCannotBeReadIsLeftOutOfTheView() throws {
        let home = try dataSet(["a", "b", "c", "d"])
        for name in ["a", "b", "c"] {
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(home.path)/\(name)/1.png"))
        }
        let run = home.path + "/run"
        let trained = try pretrain(
            "--recipe", "mae.json", "--run", run, "--set", "data.source.count=40", "--set", "model.depth=1", "--set",
            "train.batch_size=8", "--max-steps", "1")
        #expect(trained.code == 0, "\(trained.errors)")
        let view = try pretrain("view", run, "--data", "images:" + home.path, "--count", "2")
        #expect(view.code == 0 && view.errors.contains("a/1.png is left out"), "\(view.errors)")
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(home.path)/d/1.png"))
        let none = try pretrain("view", run, "--data", "images:" + home.path, "--count", "2")
        #expect(none.code == 65 && none.errors.contains("none of the 4 pictures can be read"), "\(none.errors)")
    }

    @Test func anArgumentThatIsNoTextIsRefused() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \"$0\" features run --out \"$(printf 'o\\377.csv')\"", Self.program.path]
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 64 && text.contains("argument 4 is not UTF-8"), "\(text)")
    }

    @Test func aPipeIsNoPicture() throws {
        let home = try TemporaryFolder()
        #expect(mkfifo(home.path + "/x.jpg", 0o644) == 0)
        let result = try pretrain("data", "inspect", home.path + "/x.jpg")
        #expect(result.code == 65 && result.output.contains("not a regular file"))
    }

    @Test func bracesThatTheShellSpreadOutAreExplained() throws {
        let result = try pretrain("--recipe", "mae.json", "--data", "shards:x-000.tar", "shards:x-001.tar")
        #expect(result.code == 64 && result.errors.contains("put them in quotes"))
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

    /// Every strategy that hides something and that some method takes as it is, with the first such method.
    static let pairs: [(strategy: String, method: String)] = maskingStrategies.compactMap { strategy in
        guard strategy.kind != .nothing else { return nil }
        let method = pretrainingMethods.first {
            $0.init().needs.masks.contains(strategy.kind)
                && ($0.init().needs.providesImportance || !strategy.needsImportance)
        }
        return method.map { (strategy.name, $0.name) }
    }

    @Test func everyStrategyButNoneIsLookedAt() {
        #expect(Self.pairs.count == maskingStrategies.count { $0.kind != .nothing })
    }

    @Test(arguments: pairs)
    func everyStrategyCanBeLookedAt(strategy: String, method: String) throws {
        let home = try TemporaryFolder()
        let picture = home.path + "/masks.png"
        let file = try recipe("\"\(strategy)\"", "\"name\": \"\(method)\"", in: home)
        var arguments = ["masks", "--recipe", file, "--json", "--count", "40", "--out", picture]
        // The published blocks need more cells than 8 x 8.
        arguments += ["--set", "data.image_size=64"]
        if maskingStrategies.named(strategy)?.needsImportance == true {
            let teacher = try TemporaryFolder()
            let other = try recipe("\"random\"", "\"name\": \"mae\"", in: teacher)
            #expect(
                try pretrain(
                    "--recipe", other, "--run", home.path + "/run", "--max-steps", "1", "--set", "data.image_size=64"
                )
                .code == 0)
            arguments += [
                "--set", "method.teacher.path=\"\(home.path)/run\"", "--set", "method.teacher.layout=\"own\"", "--set",
                "method.drop_path=0", "--set", "method.loss_layers=mean",
            ]
        }
        let result = try call(arguments)
        #expect(result.code == 0, "\(result.errors)")
        let row = try JSONParser.parse(result.output)
        #expect(row["strategy"]?.string == strategy && row["picture"]?.string == picture)
        let shares = row["visible_share"]?.array
        #expect(shares == nil || (shares?.count == 16 && row["images"]?.int == 40))
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
        #expect(result.errors.contains("error: standard output cannot be written: "))
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
