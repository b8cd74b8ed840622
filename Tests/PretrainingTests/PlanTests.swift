import Autodiff
import Foundation
import ImageData
import Optimizers
import Pretraining
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// Plans: what the pictures decide, what is refused, and that the recipe can be trained by.
struct PlanTests {
    private static let cards = DatasetCards(folders: ["datasets"])

    private func request(_ source: any SourceOptions, _ changes: String..., hours: Double = 0.02) -> PlanRequest {
        var request = PlanRequest(source: source, hours: hours)
        request.changes = changes
        return request
    }

    private func plan(_ request: PlanRequest) throws -> (plan: RunPlan, recipe: Recipe) {
        let plan = try request.plan(cards: Self.cards, on: try Engine(threads: 1), log: .silent)
        return (plan, try Recipe.parse(Array(plan.recipe.text(pretty: true).utf8)))
    }

    /// .npy files [height, width, bands] of 8-bit numbers in a folder.
    private func folder(_ shapes: [[Int]]) throws -> (home: TemporaryFolder, source: ImagesSourceOptions) {
        let home = try TemporaryFolder()
        for (number, shape) in shapes.enumerated() {
            let list = shape.map(String.init).joined(separator: ", ")
            let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (\(list)), }"
            let padded = text + String(repeating: " ", count: 117 - text.utf8.count) + "\n"
            let count = shape.reduce(1, *)
            try home.write(
                [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(padded.utf8)
                    + (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ number &* 17) ^ ($0 >> 3)) },
                "\(number).npy")
        }
        var source = ImagesSourceOptions()
        source.path = home.path
        return (home, source)
    }

    @Test func bandsAndSizesComeFromThePictures() throws {
        let (home, source) = try folder((0..<45).map { [20 + $0 % 9, 30, 12] })
        let (plan, recipe) = try plan(request(source, "data.npy_layout=hwc"))
        #expect(recipe.model.channels == 12 && recipe.data.mean?.count == 12)
        // The short side in the middle is 24 pixels: eight patches of three.
        #expect(recipe.data.imageSize == ImageSize(24) && recipe.model.patchSize == 3)
        #expect(recipe.train.batchSize == 32 && recipe.train.epochs >= 1 && recipe.train.maxSteps == nil)
        #expect(plan.seconds <= 72 && plan.seconds > 30, "\(plan.seconds)")
        #expect(plan.choices.allSatisfy { !$0.reason.isEmpty } && plan.choices.contains { $0.origin == .measured })
        withExtendedLifetime(home) {}
    }

    @Test func weightsOfOtherBandsAreABeginning() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let (home, source) = try folder((0..<33).map { _ in [20, 24, 12] })
        var wanted = request(source, "data.npy_layout=hwc", "train.max_steps=1")
        wanted.weights = run.folder.encoderFile
        let (plan, recipe) = try plan(wanted)
        #expect(recipe.model.channels == 12 && recipe.model.width == 16)
        #expect(plan.findings.contains { $0.contains("patch kernel of 3 bands made into 12") }, "\(plan.findings)")
        // The recipe trains from them.
        let normalization = try recipe.data.normalization(channels: 12, cards: Self.cards)
        let job = TrainingJob(
            recipe, in: RunFolder(home.path + "/run"), start: .initialized(from: run.folder.encoderFile),
            engine: try Engine(threads: 1))
        _ = try job.run(
            source: try recipe.data.open(.train, cards: Self.cards),
            transform: recipe.trainingTransform(normalization), stop: nil, log: .silent, onRow: { _ in },
            onProgress: { _ in })
        let log = try String(contentsOfFile: job.folder.logFile, encoding: .utf8)
        #expect(log.contains("patch kernel of 3 bands made into 12: repeated, scaled by 3/12"), "\(log)")
    }

    @Test func aTimeTooShortForAnEpochEndsBefore() throws {
        var source = ProceduralSourceOptions()
        source.count = 1_000_000
        let (plan, recipe) = try plan(request(source))
        #expect(recipe.train.epochs == 1)
        let steps = try #require(recipe.train.maxSteps)
        #expect(steps < 1_000_000 / recipe.train.batchSize && plan.seconds <= 72)
        #expect(plan.choices.contains { $0.reason.contains("not even one fits") })
    }

    @Test func otherMethodsKeepTheirOwnRatesAndMasks() throws {
        var source = ProceduralSourceOptions()
        source.count = 64
        var wanted = request(source)
        wanted.method = "ijepa"
        let (_, recipe) = try plan(wanted)
        let shipped = try RecipeLibrary.read(RecipeLibrary.find("ijepa"))
        #expect(type(of: recipe.method).name == "ijepa" && recipe.mask.encoded == shipped.mask.encoded)
        #expect(recipe.train.learningRate == shipped.train.learningRate)
    }

    @Test func whatCannotBePlannedIsSaid() throws {
        func message(_ request: PlanRequest) throws -> String {
            let error = try #require(throws: (any Error).self) { try plan(request) }
            return "\(error)"
        }
        var source = ProceduralSourceOptions()
        source.count = 64
        #expect(try message(request(source, hours: 0)).contains("allowed is from a minute"))
        #expect(try message(request(source, hours: .nan)).contains("allowed is from a minute"))
        var wanted = request(source)
        wanted.method = "nonsense"
        #expect(try message(wanted).contains("there is no method nonsense; there are mae"))
        wanted.method = "maskalign"
        wanted.changes = ["method.teacher.path=nowhere"]
        #expect(try message(wanted).contains("nowhere"), "its teacher is named, and is not there")
        source.count = 1
        #expect(try message(request(source)).contains("one picture is not enough"))
        let (home, mixed) = try folder([[20, 20, 4], [20, 20, 5], [20, 20, 4]])
        #expect(
            try message(request(mixed, "data.npy_layout=hwc")).contains(
                "different numbers of bands are mixed: 2 of 4, 1 of 5"))
        try home.write([1, 2, 3], "0.npy")
        try home.write([1, 2, 3], "1.npy")
        try home.write([1, 2, 3], "2.npy")
        #expect(try message(request(mixed, "data.npy_layout=hwc")).contains("none of 3 pictures can be read"))
    }

    @Test func whatTheCallerSetsStays() throws {
        var source = ProceduralSourceOptions()
        source.count = 64
        let (plan, recipe) = try plan(request(source, "train.batch_size=16", "model.width=64", "train.epochs=3"))
        #expect(recipe.train.batchSize == 16 && recipe.model.width == 64 && recipe.train.epochs == 3)
        #expect(!plan.choices.contains { ["train.batch_size", "train.epochs"].contains($0.what) })
        #expect(try message(of: "train.batch_size=-1").contains("train.batch_size"))
        #expect(try message(of: "no.such=1").contains("no"))
    }

    @Test func epochsThatAreAskedForMayTakeLongerAndThatIsSaid() throws {
        var source = ProceduralSourceOptions()
        source.count = 64
        let (plan, recipe) = try plan(request(source, "train.epochs=1000000"))
        #expect(recipe.train.epochs == 1_000_000 && plan.findings.contains { $0.contains("more than the 1 min") })
        #expect(recipe.model.width == 128)
    }

    @Test func picturesOfNumbersThatAreNoneRaiseTheLimit() throws {
        let home = try TemporaryFolder()
        let header = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (16, 16), }".utf8)
        let padded = header + [UInt8](repeating: 32, count: 117 - header.count) + [10]
        for place in 0..<24 {
            let numbers = (0..<256).map { place % 3 == 0 && $0 == 7 ? Float.nan : Float(($0 * 7 + place) % 251) / 251 }
            try home.write(
                [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + padded
                    + numbers.flatMap { value in (0..<4).map { UInt8(value.bitPattern >> ($0 * 8) & 255) } },
                "\(place).npy")
        }
        var source = ImagesSourceOptions()
        source.path = home.path
        let (_, recipe) = try plan(request(source))
        #expect(recipe.data.corruptLimit > 1.0 / 3)
    }

    @Test func valuesOfTheFirstFormAndOfTheWeightsModelCanBeSet() throws {
        var source = ProceduralSourceOptions()
        source.count = 64
        let (first, old) = try plan(request(source, "train.warmup_epochs=0.5", "data.mean=[0.4]", "data.std=[0.2]"))
        #expect(old.train.schedule.warmupEpochs == 0.5 && old.data.mean == [0.4])
        #expect(!first.choices.contains { ["train.schedule.warmup_epochs", "data.mean, data.std"].contains($0.what) })
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        var wanted = request(source, "model.drop_path=0.1")
        wanted.weights = run.folder.encoderFile
        let (_, recipe) = try plan(wanted)
        let own = try run.folder.recipe().model
        #expect(recipe.model.dropPath == 0.1 && recipe.model.width == own.width && recipe.model.depth == own.depth)
        #expect(recipe.model.patchSize == own.patchSize && recipe.model.heads == own.heads)
        wanted.changes = ["model.width=32"]
        #expect(throws: (any Error).self, "what training would refuse is refused before the night") { try plan(wanted) }
    }

    private func message(of change: String) throws -> String {
        var source = ProceduralSourceOptions()
        source.count = 64
        let error = try #require(throws: (any Error).self) { try plan(request(source, change)) }
        return "\(error)"
    }

    @Test(arguments: [
        (8, 16), (16, 16), (23, 16), (24, 24), (32, 32), (56, 56), (63, 56), (150, 64), (224, 64), (5000, 64),
    ])
    func imagesAreNoLargerThanThePictures(side: Int, image: Int) {
        let size = PlanRules.size(ofPictures: side)
        #expect(size.image == image && size.image == size.patch * PlanRules.gridSide)
    }

    @Test func theLargestEncoderThatSeesEnoughIsTaken() {
        let enough = PlanRules.fewestSeen
        #expect(PlanRules.encoder([enough, enough - 1, enough - 2]) == 0)
        #expect(PlanRules.encoder([3 * enough, enough, enough - 1]) == 1)
        #expect(PlanRules.encoder([9 * enough, 3 * enough, enough]) == 2)
        #expect(PlanRules.encoder([enough - 1, 2, 1]) == 0)
    }
}
