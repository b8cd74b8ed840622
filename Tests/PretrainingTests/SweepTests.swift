import Foundation
import ImageData
import Pretraining
import TestSupport
import Testing

struct SweepTests {
    private func recipe(_ home: TemporaryFolder) throws -> String {
        try home.write(Array(TinyRun.text.utf8), "tiny.json")
        return home.path + "/tiny.json"
    }

    @Test func theGridHasAllCombinationsAndSeeds() throws {
        let home = try TemporaryFolder()
        let sweep = try Sweep(
            recipe: recipe(home), set: ["train.epochs=1"],
            grid: ["mask.ratio=0.5,0.75", "data.crop_scale=[0.2,1],null"],
            seeds: 2)
        #expect(sweep.members.count == 8 && sweep.recipes.count == 8)
        #expect(Set(sweep.members.map(\.name)).count == 8)
        #expect(sweep.members[0].name == "ratio-0.5_crop_scale--0.2-1-_seed-3")
        #expect(sweep.members[1].name == "ratio-0.5_crop_scale--0.2-1-_seed-4")
        #expect(sweep.recipes.allSatisfy { $0.train.epochs == 1 })
        #expect(sweep.recipes.map(\.seed) == [3, 4, 3, 4, 3, 4, 3, 4])
        #expect(sweep.recipes[2].data.cropScale == nil && sweep.recipes[0].data.cropScale != nil)
        let same = try Sweep(
            recipe: recipe(home), set: ["train.epochs=1"],
            grid: ["mask.ratio=0.5,0.75", "data.crop_scale=[0.2,1],null"],
            seeds: 2)
        #expect(same.digest == sweep.digest)
        #expect(try Sweep(recipe: recipe(home), set: [], grid: ["mask.ratio=0.5"], seeds: 1).digest != sweep.digest)
    }

    @Test(arguments: [
        ("mask.ratio", "expected KEY=VALUE"), ("=1,2", "expected KEY=VALUE"), ("mask.ratio=0.5,,1", "a value is empty"),
        ("mask.ratio=0.5,0.5", "given twice"), ("seed=1,2", "--seeds"),
    ])
    func whatIsNoAxisIsToldInASentence(axis: String, words: String) throws {
        let home = try TemporaryFolder()
        let error = try #require(throws: RunError.self) {
            try Sweep(recipe: recipe(home), set: [], grid: [axis], seeds: 1)
        }
        #expect("\(error)".contains(words), "\(error)")
    }

    @Test func aRecipeOfTheGridThatHasFaultsEndsItBeforeAnythingRuns() throws {
        let home = try TemporaryFolder()
        let error = try #require(throws: (any Error).self) {
            try Sweep(recipe: recipe(home), set: [], grid: ["mask.ratio=0.5,1.5"], seeds: 1)
        }
        #expect("\(error)".contains("mask.ratio"), "\(error)")
        let many = (0..<101).map { "\($0)" }.joined(separator: ",")
        let large = try #require(throws: RunError.self) {
            try Sweep(recipe: recipe(home), set: [], grid: ["train.epochs=\(many)"], seeds: 100)
        }
        #expect("\(large)".contains("at most 10000"))
    }

    @Test func onlyTheSameSweepGoesOnInAFolder() throws {
        let home = try TemporaryFolder()
        let sweep = try Sweep(recipe: recipe(home), set: [], grid: ["mask.ratio=0.5,0.75"], seeds: 1)
        let folder = SweepFolder(home.path + "/sweep/")
        do {
            let lock = try folder.claim(sweep)
            let error = try #require(throws: RunError.self) { try folder.claim(sweep) }
            #expect(error.kind == .inUse)
            withExtendedLifetime(lock) {}
        }
        _ = try folder.claim(sweep)
        let other = try Sweep(recipe: recipe(home), set: [], grid: ["mask.ratio=0.5"], seeds: 1)
        let error = try #require(throws: RunError.self) { try folder.claim(other) }
        #expect("\(error)".contains("holds another sweep"))
        // A folder with anything else is left alone.
        try FileManager.default.createDirectory(atPath: home.path + "/mine", withIntermediateDirectories: true)
        try home.write([1], "mine/note.txt")
        let foreign = try #require(throws: RunError.self) { try SweepFolder(home.path + "/mine").claim(sweep) }
        #expect("\(foreign)".contains("note.txt"))
        #expect(try home.names("mine") == ["note.txt"])
        #expect(folder.run(sweep.members[1]).path == home.path + "/sweep/ratio-0.75_seed-3")
    }
}
