import Checkpoints
import Foundation
import Pretraining
import TensorBoardEvents
import TestSupport
import Testing

struct EventLogTests {
    private func eventFiles(_ run: TinyRun) throws -> [String] {
        try run.home.names("run").filter { $0.hasPrefix(EventFile.namePrefix) }
    }

    @Test func rowsRecipeAndPicturesAreThereAndChangeNothing() throws {
        let (with, without) = (try TinyRun(), try TinyRun())
        try with.train(try TinyRun.recipe())
        try without.train(try TinyRun.recipe("log.tensorboard=false"))
        // The recipe, which stands in the files, differs; the numbers do not.
        func numbers(_ run: TinyRun) throws -> [UInt8] {
            let checkpoint = try run.folder.checkpoints.read(step: 9)
            var files = [checkpoint.model, checkpoint.optimizer]
            for place in files.indices { files[place].metadata = [:] }
            return files.flatMap { Safetensors.bytes(of: $0) }
        }
        #expect(try numbers(with) == numbers(without))
        #expect(try eventFiles(without).isEmpty)
        let name = try #require(try eventFiles(with).first)
        let text = String(decoding: try with.home.read("run/\(name)"), as: UTF8.self)
        for part in [
            "brain.Event:2", "train/loss", "epoch/seconds", "health/rankme", "recipe/text_summary", "\u{FFFD}PNG",
        ] {
            #expect(text.contains(part), "\(part)")
        }
        #expect(text.contains("pictures/original, seen, predicted") && text.contains("\"name\": \"tiny\""))
        // Nine checkpoints with pictures each.
        #expect(text.components(separatedBy: "pictures/original").count == 10)
    }

    @Test func aResumedRunMakesAFileOfItsOwnAndAReplacedOneLeavesNone() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe(), untilEpoch: 1)
        try run.train(try TinyRun.recipe(), .resumed)
        let both = try eventFiles(run)
        #expect(both.count == 2)
        // Nothing is left to do: nothing is written.
        try run.train(try TinyRun.recipe(), .resumed)
        #expect(try eventFiles(run) == both)
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        #expect(try eventFiles(run).count == 1)
    }
}
