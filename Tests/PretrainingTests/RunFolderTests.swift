import Checkpoints
import Foundation
import ImageData
import Pretraining
import RecipeSchema
import TestSupport
import Testing

/// Nothing is deleted, replaced or made that is not the run's own, and a start that fails leaves all as it was.
struct RunFolderTests {
    /// Every file below a folder with its bytes, the lock and the log left out: both may be written while nothing is lost.
    private func content(_ folder: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init() {
            guard name != "lock", let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
            found[name] = data
        }
        return found
    }

    private func write(_ text: String, _ path: String) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    @Test(arguments: [false, true])
    func aFolderOfSomethingElseIsRefusedAndUntouched(overwrites: Bool) throws {
        let run = try TinyRun()
        // What a run makes too, by its names, but nobody's run.
        for name in ["pictures/cat.png", "recipe.json", "checkpoints/step-00000001/model.safetensors", "notes.txt"] {
            try write(name, run.folder.path + "/" + name)
        }
        let before = try content(run.folder.path)
        #expect {
            try run.train(try TinyRun.recipe(), overwrites: overwrites)
        } throws: { error in
            (error as? RunError)?.kind == .cannotCreate && "\(error)".contains("not a run and not empty")
                && "\(error)".contains("\"checkpoints\"")
        }
        #expect(try content(run.folder.path) == before && before.count == 4)
        #expect(!FileManager.default.fileExists(atPath: run.folder.path + "/lock"))
    }

    @Test func overwritingRemovesOnlyWhatARunMakes() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=3"))
        for name in ["mine.txt", "pictures/cat.png", "checkpoints/note.txt", "checkpoints/step-00000003/extra"] {
            try write(name, run.folder.path + "/" + name)
        }
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        let names = Set(try content(run.folder.path).keys)
        #expect(names.isSuperset(of: ["mine.txt", "pictures/cat.png", "checkpoints/note.txt"]))
        #expect(names.contains("checkpoints/step-00000003/extra"))
        #expect(!names.contains("checkpoints/step-00000003/model.safetensors"))
        #expect(names.contains("checkpoints/step-00000002/model.safetensors"))
        #expect(!names.contains { $0.hasPrefix("previous-run") })
    }

    /// What commands add to a run is theirs by what is in it, not by its name.
    @Test func overwritingLeavesWhatIsOursByNameAlone() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        let foreign = [
            "report.html", "atlas.html", "diagnose.jsonl", "probes.json", "pictures/reconstructions.png",
            "pictures/inside.png", "pictures/neighbours.png", "anomalies/map-999.png", "anomalies/anomalies.jsonl",
            "explore/neighbours.png",
            "projector/features.tsv", "projector/sprite.png", "events.out.tfevents.1.other",
        ]
        for name in foreign { try write("somebody's", run.folder.path + "/" + name) }
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let left = try content(run.folder.path)
        for name in foreign { #expect(left[name] == Data("somebody's".utf8), "\(name)") }
        #expect(!left.keys.contains { $0.hasPrefix("checkpoints/step-00000002") })
    }

    @Test func overwritingRemovesWhatCommandsHaveAdded() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        let sheet = try PNGEncoder.encode([1, 2, 3], height: 1, width: 1, channels: 3, marked: true)
        let added: [(String, Data)] = [
            ("report.html", Data("<!DOCTYPE html>\n<!-- Palimpsest -->\n".utf8)),
            ("diagnose.jsonl", Data("{\"features\": 1}".utf8)), ("probes.json", Data("[{\"protocol\": \"p\"}]".utf8)),
            ("pictures/inside.png", Data(sheet)), ("pictures/neighbours.png", Data(sheet)),
            ("anomalies/worst.png", Data(sheet)),
            ("projector/sprite.png", Data(sheet)),
            ("explore/explore.jsonl", Data("{\"kind\": \"explore\"".utf8)),
        ]
        for (name, data) in added {
            try write("", run.folder.path + "/" + name)
            try data.write(to: URL(fileURLWithPath: run.folder.path + "/" + name))
        }
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let left = Set(try content(run.folder.path).keys)
        #expect(left.isDisjoint(with: added.map(\.0)), "\(left.intersection(added.map(\.0)))")
        // That of the earlier run is gone; within a second both have one name.
        #expect(left.count { $0.hasPrefix("events.out") } == 1)
        for folder in ["anomalies", "projector", "explore", "previous-run"] {
            #expect(!FileManager.default.fileExists(atPath: run.folder.path + "/" + folder), "\(folder)")
        }
    }

    /// Faults that are found at different places of a start, from the recipe's numbers to the first step.
    @Test(arguments: [
        ["train.batch_size=20"], ["method={\"name\":\"maskalign\",\"teacher\":{\"path\":\"/nowhere\"}}"],
        ["data.source.count=1"],
        [
            "train.learning_rate=1e30", "train.base_learning_rate=null", "train.warmup_epochs=0",
            "train.clip_norm=null",
            "log.checkpoint_every_steps=null", "train.accumulate=1",
        ],
    ])
    func aStartThatFailsLeavesTheEarlierRunWhole(changes: [String]) throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        let before = try content(run.folder.path)
        #expect(throws: (any Error).self) {
            try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: changes))
        }
        #expect(try content(run.folder.path) == before)
    }

    @Test func aFailedStartWithoutAnEarlierRunLeavesNothing() throws {
        let run = try TinyRun()
        #expect(throws: (any Error).self) { try run.train(try TinyRun.recipe("train.batch_size=20")) }
        #expect(throws: (any Error).self) { try run.train(try TinyRun.recipe(), .initialized(from: "/nowhere.st")) }
        #expect(try run.home.names().isEmpty)
    }

    @Test func aRunIsNotReplacedByOneThatReadsIt() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let before = try content(run.folder.path)
        #expect {
            try run.train(try TinyRun.recipe(), .initialized(from: run.folder.path + "/../run/encoder.safetensors"))
        } throws: { "\($0)".contains("is part of the run") && ($0 as? RunError)?.kind == .usage }
        #expect(try content(run.folder.path) == before)
    }

    /// A process killed between setting a run aside and the new one's first checkpoint.
    @Test func aRunThatWasSetAsideIsThereUntilTheNewOneHasACheckpoint() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        let earlier = try content(run.folder.path).filter { $0.key != "log.txt" }
        let manager = FileManager.default
        let aside = run.folder.previous.path
        try manager.createDirectory(atPath: aside, withIntermediateDirectories: true)
        for name in try manager.contentsOfDirectory(atPath: run.folder.path)
        where name != "lock" && name != "previous-run" {
            try manager.moveItem(atPath: "\(run.folder.path)/\(name)", toPath: "\(aside)/\(name)")
        }
        // The interrupted start is found to be one, refused, and given back by the next that fails.
        #expect {
            try run.train(try TinyRun.recipe(), overwrites: false)
        } throws: { ($0 as? RunError)?.kind == .cannotCreate }
        #expect(throws: (any Error).self) {
            try run.train(
                try TinyRun.recipe(
                    "train.learning_rate=1e30", "train.base_learning_rate=null", "train.warmup_epochs=0",
                    "train.clip_norm=null", "log.checkpoint_every_steps=null"))
        }
        #expect(try content(run.folder.path).filter { $0.key != "log.txt" } == earlier)
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        #expect(!manager.fileExists(atPath: aside))
    }

    @Test func aDiskWithoutRoomForACheckpointIsTold() throws {
        let folder = RunFolder(try TemporaryFolder().path + "/not/there/yet")
        try folder.requireSpace(1)
        let error = #expect(throws: RunError.self) { try folder.requireSpace(1 << 60) }
        #expect(error?.kind == .cannotCreate && error?.description.contains("a checkpoint of this run takes") == true)
    }

    /// A folder with a recipe is not a run: whoever goes on with it has nothing replaced.
    @Test func aFolderWithARecipeIsNotGoneOnWith() throws {
        let run = try TinyRun()
        try FileManager.default.createDirectory(atPath: run.folder.path, withIntermediateDirectories: true)
        try write(TinyRun.text, run.folder.recipeFile)
        try write("mine", run.folder.encoderFile)
        let before = try content(run.folder.path)
        let error = #expect(throws: RunError.self) { try run.train(try TinyRun.recipe(), .resumed) }
        #expect(error?.description.contains("is no run") == true)
        #expect(try content(run.folder.path) == before)
    }

    /// A process killed after any of the moves that set a run aside, or give it back: the marker goes last either way.
    @Test(arguments: [true, false])
    func aRunThatIsHalfSetAsideIsPutTogetherAgain(whileGivingBack: Bool) throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let whole = try content(run.folder.path)
        let manager = FileManager.default
        let marker = "palimpsest-run.json"
        let names = whole.keys.filter { $0 != marker }.sorted() + [marker]
        for count in 1...names.count {
            // What is aside when that many moves were made, or were still to be made.
            for name in whileGivingBack ? names.suffix(count) : names.prefix(count) {
                let (from, to) = ("\(run.folder.path)/\(name)", "\(run.folder.previous.path)/\(name)")
                let folder = (to as NSString).deletingLastPathComponent
                try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try manager.moveItem(atPath: from, toPath: to)
            }
            if !run.folder.exists {
                let error = try #require(throws: RunError.self) { try run.folder.recipe() }
                #expect("\(error)".contains("pretrain resume \(run.folder.path) puts them back"))
            }
            try run.folder.recoverInterrupted()
            #expect(try content(run.folder.path) == whole)
            #expect(!manager.fileExists(atPath: run.folder.previous.path))
        }
    }

    @Test func aReplacedRunGoesWhenTheNewOneHasACheckpointAndStaysWhenItNeverBegan() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let whole = try content(run.folder.path)
        func setAside(_ copies: Bool) throws {
            let manager = FileManager.default
            try manager.createDirectory(atPath: run.folder.previous.path, withIntermediateDirectories: true)
            for name in try run.home.names("run") where name != "lock" && name != "previous-run" {
                let (from, to) = ("\(run.folder.path)/\(name)", "\(run.folder.previous.path)/\(name)")
                if copies {
                    try manager.copyItem(atPath: from, toPath: to)
                } else {
                    try manager.moveItem(atPath: from, toPath: to)
                }
            }
        }
        // The new run has a marker and nothing else: it never began.
        try setAside(false)
        try write("{}", run.folder.markerFile)
        try run.folder.recoverInterrupted()
        #expect(try content(run.folder.path) == whole)
        // The new run has a checkpoint: the old one was to go.
        try setAside(true)
        #expect(try run.train(try TinyRun.recipe("train.max_steps=1"), .resumed) == .nothingLeft(step: 1, of: 1))
        #expect(!FileManager.default.fileExists(atPath: run.folder.previous.path))
    }

    @Test func aStartThatWasKilledBeforeItsRecipeIsNoRun() throws {
        let run = try TinyRun()
        try FileManager.default.createDirectory(atPath: run.folder.path, withIntermediateDirectories: true)
        try write("{}", run.folder.markerFile)
        try write("half", run.folder.path + "/.recipe.json.1234.partial")
        try run.train(try TinyRun.recipe("train.max_steps=1"), overwrites: false)
        #expect(run.folder.checkpoints.steps() == [1])
    }

    @Test func checkpointsThatAKillKeptFromBeingRemovedGoAtTheNextStart() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=3"))
        #expect(run.folder.checkpoints.steps() == [1, 2, 3])
        try run.train(try TinyRun.recipe("train.max_steps=3", "log.keep=2"), .resumed)
        #expect(run.folder.checkpoints.steps() == [2, 3])
    }

    @Test func resumeMayChangeWhatNoStepDependsOnAndWritesIt() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        try run.train(try TinyRun.recipe("train.max_steps=4", "log.keep=7", "data.corrupt_limit=0.5"), .resumed)
        let recipe = try run.folder.recipe()
        #expect(recipe.train.maxSteps == 4 && recipe.log.keep == 7)
        #expect(recipe.data.corruptLimit == 0.5)
        #expect(try run.train(try TinyRun.recipe("train.max_steps=4"), .resumed) == .nothingLeft(step: 4, of: 4))
        #expect(try run.train(try TinyRun.recipe(), .resumed, untilEpoch: 1) == .nothingLeft(step: 4, of: 9))
        // A cosine over other epochs would have given other rates to the steps already taken.
        #expect {
            try run.train(try TinyRun.recipe("train.epochs=5"), .resumed)
        } throws: { "\($0)".contains("train.epochs (3 there, 5 here)") && "\($0)".contains("--init-from") }
    }

    @Test func moreEpochsOfAConstantRateGoOnBitForBit() throws {
        func recipe(_ epochs: Int) throws -> Recipe {
            try TinyRun.recipe("train.epochs=\(epochs)", "train.schedule=constant")
        }
        let (whole, longer) = (try TinyRun(), try TinyRun())
        try whole.train(try recipe(3))
        try longer.train(try recipe(1))
        try longer.train(try recipe(3), .resumed)
        #expect(try whole.finalDigests() == longer.finalDigests())
    }

    @Test func anEncoderThatAKillKeptBackIsWrittenAtTheNextStart() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let old = try run.digest("encoder.safetensors")
        let stale = try Data(contentsOf: URL(fileURLWithPath: run.folder.encoderFile))
        try run.train(try TinyRun.recipe(), .resumed)
        let last = try run.digest("encoder.safetensors")
        #expect(old != last)
        try stale.write(to: URL(fileURLWithPath: run.folder.encoderFile))
        try write("half", run.folder.path + "/.encoder.safetensors.1234.partial")
        #expect(try run.train(try TinyRun.recipe(), .resumed) == .nothingLeft(step: 9, of: 9))
        #expect(try run.digest("encoder.safetensors") == last)
        #expect(!(try run.home.names("run")).contains { $0.hasSuffix(".partial") })
    }

    @Test func rowsOfAStartThatNeverCameToACheckpointAreTakenBack() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        try FileManager.default.removeItem(atPath: run.folder.checkpoints.path)
        try run.train(try TinyRun.recipe("train.max_steps=2"), .resumed)
        let starts = try run.rows().filter { $0.contains("\"kind\": \"health\", \"step\": 0") }
        #expect(starts.count == 1)
    }

    @Test func weightsThatAreNotFiniteAreNeverACheckpoint() throws {
        let run = try TinyRun()
        #expect {
            try run.train(
                try TinyRun.recipe(
                    "train.learning_rate=1e38", "train.base_learning_rate=null", "train.warmup_epochs=0",
                    "train.clip_norm=null", "train.max_steps=1"))
        } throws: { ($0 as? RunError)?.kind == .diverged && "\($0)".contains("not finite after step 1") }
        #expect(run.folder.checkpoints.steps().isEmpty)
    }

    @Test(arguments: ["step=2", "step=-1", "epoch_steps=2", "epoch_damaged=-1", "unreadable={\"77\": \"x\"}"])
    func aSealedStateThatContradictsItselfIsASentence(change: String) throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let folder = run.folder.checkpoints
        var checkpoint = try folder.read(step: 1)
        try checkpoint.state.set(change)
        try folder.write(checkpoint, keep: 1)
        #expect {
            try run.train(try TinyRun.recipe(), .resumed)
        } throws: { ($0 as? RunError)?.kind == .data && "\($0)".contains("state.json") }
    }
}
