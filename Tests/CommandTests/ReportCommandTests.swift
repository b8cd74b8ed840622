import Foundation
import TestSupport
import Testing

/// Commands that show what was learned, on a run of some seconds.
struct ReportCommandTests {
    private let home: TemporaryFolder
    private let recipe = """
        {"palimpsest": 1, "name": "small", "data": {"source": {"kind": "procedural", "count": 96, "test_count": 24, "size": 16},
         "image_size": 16}, "model": {"patch_size": 4, "width": 16, "depth": 2, "heads": 2}, "mask": {"strategy": "random"},
         "method": {"name": "mae", "decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2},
         "train": {"epochs": 2, "batch_size": 16, "base_learning_rate": 0.01}, "log": {"every_steps": 2}}
        """

    init() throws {
        home = try TemporaryFolder()
        try home.write(Array(recipe.utf8), "small.json")
    }

    private func expect(_ arguments: String..., code: Int32 = 0, saying words: String = "") throws {
        let result = try callProgram(arguments, in: home.path)
        #expect(
            result.code == code && (words.isEmpty || result.text.contains(words)),
            "\(arguments.joined(separator: " ")): \(result.text)")
    }

    private func text(_ name: String) throws -> String { String(decoding: try home.read(name), as: UTF8.self) }

    @Test func aRunBecomesAPageThatGrowsWithWhatIsMeasured() throws {
        try expect("--recipe", "small.json", "--run", "run", "--quiet")
        try expect("report", "run", saying: "run/report.html")
        #expect(try text("run/report.html").contains("Nobody has measured it yet"))
        try expect("probe", "run", "--protocol", "ridge")
        try expect("diagnose", "run", "--count", "24", "--checkpoints", saying: "max/median")
        try expect("explore", "run", "--count", "2")
        try expect("report", "run")
        let page = try text("run/report.html")
        for words in [
            "ridge", "Largest value over median, in training", "Nearest neighbours", "Eigen-CAM",
            "pretrain --recipe run/recipe.json",
        ] {
            #expect(page.contains(words), "\(words)")
        }
        #expect(!page.contains("Nobody has measured it yet") && !page.contains("cannot be drawn"))
        // What somebody else has put there stays.
        try home.write(Array("mine".utf8), "run/report.html")
        try expect("report", "run", code: 73, saying: "run/report.html")
        try expect("report", "run", "--overwrite", code: 73, saying: "would be replaced")
        try expect("report", "run", "--out", "page.txt", code: 64, saying: ".html")
        try expect("report", "nowhere", code: 69)
        // Pictures that are gone leave a page that says so.
        try expect("report", "run", "--data", "images:gone", "--out", "gone.html")
        #expect(try text("gone.html").contains("cannot be opened"))
    }

    @Test func everyCheckpointCanBeLookedAt() throws {
        try expect("--recipe", "small.json", "--run", "run", "--quiet")
        try expect("view", "run", "--count", "2", saying: "run/pictures/inside.png: picture, patch tokens")
        try expect("view", "run", "--count", "2", "--step", "6", "--out", "a.png", saying: "after step 6")
        try expect(
            "view", "run", "--count", "2", "--sheet", "inside", "--out", "b.png",
            saying: "Eigen-CAM; pictures of the test")
        try expect(
            "view", "run", "--count", "2", "--sheet", "neighbours",
            saying: "run/pictures/neighbours.png: picture, neighbour 1, neighbour 2")
        for name in ["a.png", "b.png", "run/pictures/inside.png", "run/pictures/neighbours.png"] {
            #expect(try home.read(name).starts(with: [0x89, 0x50, 0x4E, 0x47]))
        }
        try expect("view", "run", "--step", "5", code: 69, saying: "there are those of 6, 12")
        try expect("view", "run", "--sheet", "outside", code: 64, saying: "neighbours")
        // A damaged one is passed over, and that is said.
        try home.write([1, 2, 3], "run/checkpoints/step-00000012/model.safetensors")
        try expect("view", "run", "--count", "2", saying: "checkpoint of step 12 is skipped")
        try expect("diagnose", "run", "--count", "8", "--checkpoints", saying: "checkpoint of step 12 is skipped")
        try expect("report", "run")
        #expect(try text("run/report.html").contains("checkpoint of step 12 is skipped"))
    }

    @Test func anAtlasIsOnePageOrAFolderForTensorBoard() throws {
        try expect("--recipe", "small.json", "--run", "run", "--quiet")
        try expect("atlas", "run", saying: "run/atlas.html: 96 pictures")
        let first = try home.read("run/atlas.html")
        let page = String(decoding: first, as: UTF8.self)
        #expect(page.contains("Atlas of 96 pictures") && page.contains("\"labels\"") && !page.contains("http://"))
        // What is ours is replaced, with the same bytes: nothing is drawn at random.
        try expect("atlas", "run", "--threads", "1", "--no-cache")
        #expect(try home.read("run/atlas.html") == first)
        try expect("atlas", "run", "--format", "embedding-projector", saying: "tensorboard --logdir")
        let rows = try text("run/projector/metadata.tsv").split(separator: "\n")
        #expect(rows.count == 97 && rows[0] == "name\tcluster\tunusual\tlabel")
        #expect(rows.allSatisfy { $0.split(separator: "\t", omittingEmptySubsequences: false).count == 4 })
        let vectors = try text("run/projector/features.tsv").split(separator: "\n")
        #expect(vectors.count == 96 && vectors.allSatisfy { $0.split(separator: "\t").count == 16 })
        #expect(try text("run/projector/projector_config.pbtxt").contains("single_image_dim: 16"))
        #expect(try home.read("run/projector/sprite.png").starts(with: [0x89, 0x50, 0x4E, 0x47]))
        try expect("atlas", "run", "--format", "embedding-projector")
        try home.write(Array("mine".utf8), "run/projector/projector_config.pbtxt")
        try expect("atlas", "run", "--format", "embedding-projector", code: 73)
        #expect(try text("run/projector/projector_config.pbtxt") == "mine")
        try home.write(Array("mine".utf8), "mine.html")
        try expect("atlas", "run", "--out", "mine.html", code: 73, saying: "--overwrite")
        #expect(try text("mine.html") == "mine")
        try expect("atlas", "run/encoder.safetensors", code: 64, saying: "name one with --out")
    }

    /// The built-in pictures as files are data, though we drew them.
    @Test func noSheetReplacesAPicture() throws {
        try expect(
            "data", "write", "builtin", "--out", "d", "--maps", "m", "--count", "6", "--test-count", "6")
        for name in ["d/train/fish/00000.png", "m/train/fish/00000.png"] {
            let before = try home.read(name)
            try expect("masks", "--recipe", "small.json", "--out", name, code: 73, saying: "--overwrite")
            #expect(try home.read(name) == before)
        }
        for _ in 0..<2 { try expect("masks", "--recipe", "small.json", "--out", "masks.png") }
    }

    @Test func aStopLeavesNothingOfPicturesThatWereToBeWritten() throws {
        let process = Process()
        process.executableURL = CommandTests.program
        process.arguments = ["data", "write", "builtin", "--out", "big", "--count", "100000"]
        process.currentDirectoryURL = URL(fileURLWithPath: home.path)
        process.standardError = Pipe()
        try process.run()
        while try home.names().allSatisfy({ !$0.hasPrefix("big") }), process.isRunning { usleep(10_000) }
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == 143 && process.terminationReason == .exit)
        #expect(try home.names() == ["small.json"])
    }

    @Test func seedsStandTogetherAndRunsArePaired() throws {
        for (run, change) in [("a", "seed=0"), ("b", "seed=1"), ("c", "mask.ratio=0.5")] {
            try expect("--recipe", "small.json", "--run", run, "--set", change, "--quiet")
            try expect("probe", run, "--protocol", "ridge")
        }
        try expect("compare", "a", "b", "c", "--out", "compare.html", saying: "small, 2 seeds")
        let page = try text("compare.html")
        for words in ["mask.ratio", "seeds ±", "McNemar p", "Curves"] { #expect(page.contains(words), "\(words)") }
        try expect("compare", "a", "a", code: 64, saying: "named twice")
        // The same seed again is no further seed, and scores that cannot be read are told.
        try FileManager.default.copyItem(atPath: home.path + "/a", toPath: home.path + "/copy")
        let twice = try callProgram(["compare", "a", "copy"], in: home.path)
        #expect(twice.code == 0 && !twice.text.contains("seeds"), "\(twice.text)")
        try home.write(Array("{".utf8), "copy/probes.json")
        try expect("compare", "a", "copy", saying: "copy: probes.json cannot be read")
        // Scores on other data have columns of their own, which say of what.
        try expect("probe", "a", "--protocol", "ridge", "--features", "pretrained", "--data", "procedural")
        try expect("compare", "a", "b", saying: "ridge, procedural, test ")
        try expect("compare", "a", "nowhere", code: 69)
    }

    @Test func aSweepGoesOnAndLeavesAloneWhatIsDone() throws {
        let sweep = ["sweep", "small.json", "--grid", "mask.ratio=0.5,0.75", "--run", "s", "--protocol", "ridge"]
        func run(_ more: String..., code: Int32 = 0, saying words: String) throws {
            let result = try callProgram(sweep + more, in: home.path)
            #expect(result.code == code && result.text.contains(words), "\(result.text)")
        }
        try run("--dry-run", saying: "ratio-0.75_seed-0")
        #expect(try !home.names().contains("s"))
        try run("--jobs", "2", saying: "s/compare.html")
        #expect(try text("s/compare.html").contains("ridge"))
        let before = try home.read("s/ratio-0.5_seed-0/encoder.safetensors")
        try run(saying: "2 of 2 runs are done already")
        #expect(try home.read("s/ratio-0.5_seed-0/encoder.safetensors") == before)
        try run("--seeds", "2", code: 64, saying: "another sweep")
        // A run whose rows are gone from some step on is finished, and ends with the same weights.
        let rows = try text("s/ratio-0.5_seed-0/metrics.jsonl").split(separator: "\n")
        try FileManager.default.removeItem(atPath: home.path + "/s/ratio-0.5_seed-0/checkpoints/step-00000012")
        try home.write(
            Array(rows.filter { !$0.contains("\"epoch\": 2,") }.joined(separator: "\n").utf8),
            "s/ratio-0.5_seed-0/metrics.jsonl")
        try run(saying: "1 of 2 runs are done already")
        #expect(try home.read("s/ratio-0.5_seed-0/encoder.safetensors") == before)
    }

    /// Nobody would stop what goes on behind a sweep that was killed.
    @Test func whatASweepHasStartedEndsWithIt() throws {
        let sweep = Process()
        sweep.executableURL = CommandTests.program
        sweep.arguments = [
            "sweep", "small.json", "--seeds", "2", "--jobs", "2", "--run", "s", "--set", "train.epochs=100000",
        ]
        sweep.currentDirectoryURL = URL(fileURLWithPath: home.path)
        (sweep.standardOutput, sweep.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try sweep.run()
        let folder = URL(fileURLWithPath: home.path).resolvingSymlinksInPath().path
        func waitForProcesses(_ count: Int) -> Bool {
            for _ in 0..<1200 {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
                let places = names.filter { Int($0) != nil }.compactMap {
                    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/cwd")
                }
                if places.count(where: { $0 == folder }) == count { return true }
                usleep(100_000)
            }
            return false
        }
        // The sweep and what it has started.
        #expect(waitForProcesses(3))
        kill(sweep.processIdentifier, SIGKILL)
        sweep.waitUntilExit()
        #expect(waitForProcesses(0))
    }

    @Test func fineTuningStandsBesideTrainingFromScratch() throws {
        try expect("--recipe", "small.json", "--run", "run", "--quiet")
        try expect(
            "finetune", "run", "--labels", "50%,100%", "--draws", "2", "--set", "epochs=1", "--set", "batch_size=8",
            saying: "Does pretraining help on these pictures?")
        #expect(try text("run/probes.json").contains("low-shot 50 % mae-finetune"))
        try expect("finetune", "run", "--labels", "0%", code: 64, saying: "above 0 %")
        try expect("finetune", "run", "--set", "epoch=1", code: 64, saying: "epochs")
    }
}
