import Foundation
import Palimpsest
import TestSupport
import Testing

/// A strategy that no file of ours knows: the upper or the lower half of the patches.
private struct HalfMasking: MaskingStrategy {
    static let name = "half_of_a_program"
    static let fields: [Field<Self>] = []

    func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        let all = Array(0..<Int32(request.grid.count))
        let orders = request.samples.map { sample -> [Int32] in
            var stream = request.stream(of: sample, random)
            return stream.next() & 1 == 0 ? all : all.reversed()
        }
        return .patches(PatchMask(grid: request.grid, orders: orders, visibleCount: all.count / 2))
    }
}

/// One import and one call train, also by a strategy of a program's own, and what was trained gives features of a picture.
struct LibraryTests {
    private func recipe() -> Recipe {
        var recipe = Recipe()
        recipe.name = "library"
        var source = ProceduralSourceOptions()
        source.count = 32
        source.size = 16
        recipe.data.source = source
        recipe.data.imageSize = ImageSize(16)
        recipe.model.width = 16
        recipe.model.depth = 1
        recipe.model.heads = 2
        recipe.train.batchSize = 8
        recipe.train.maxSteps = 3
        return recipe
    }

    private var cards: DatasetCards {
        DatasetCards(folders: [SharedFiles.packageRoot.appendingPathComponent("datasets").path])
    }

    /// In a process of its own: what is registered stays registered.
    @Test func aProgramTrainsByItsOwnStrategyAndReadsItBack() async {
        await #expect(processExitsWith: .success) {
            try maskingStrategies.register(HalfMasking.self)
            let home = try TemporaryFolder()
            var recipe = LibraryTests().recipe()
            recipe.mask = HalfMasking()
            let engine = try Engine.ofThisMachine(threads: 1)
            let outcome = try TrainingJob.run(
                recipe, in: home.path + "/run", cards: LibraryTests().cards, engine: engine)
            let written = try RunFolder(home.path + "/run").recipe()
            guard outcome == .finished, written.mask is HalfMasking else { exit(2) }
        }
    }

    @Test func whatWasTrainedGivesFeaturesOfAPicture() throws {
        let home = try TemporaryFolder()
        let engine = try Engine.ofThisMachine(threads: 1)
        #expect(try TrainingJob.run(recipe(), in: home.path + "/run", cards: cards, engine: engine) == .finished)
        let run = RunFolder(home.path + "/run")
        #expect(try run.recipe().train.baseLearningRate == 1.5e-4)
        let encoder = try Encoder.load(run.path)
        #expect(encoder.hasRecipe)
        let pixels = (0..<24 * 20 * 3).map { UInt8(truncatingIfNeeded: $0 * 37) }
        let picture = DecodedImage(height: 24, width: 20, channels: 3, samples: .uint8(pixels))
        let features = try encoder.features(of: picture, engine: engine)
        #expect(features.count == 16 && features.allSatisfy(\.isFinite) && Set(features).count > 1)
        try home.write(try PNGEncoder.encode(pixels, height: 24, width: 20, channels: 3), "p.png")
        #expect(try encoder.features(ofFile: home.path + "/p.png", engine: engine) == features)
        #expect(throws: RunError.self) {
            let strange = DecodedImage(
                height: 8, width: 8, channels: 4, samples: .uint8([UInt8](repeating: 1, count: 256)))
            _ = try encoder.features(of: strange, engine: engine)
        }
    }

    /// A picture asked for by itself is made ready as those of a source are: filled, scaled, normalised.
    @Test func aPictureIsScaledAsInTraining() throws {
        let home = try TemporaryFolder()
        let engine = try Engine.ofThisMachine(threads: 1)
        var recipe = recipe()
        recipe.model.channels = 1
        recipe.data.valueRange = .numbers(low: 0, high: 4095)
        recipe.data.missingValue = .number(77)
        recipe.data.mean = [0.5]
        recipe.data.deviation = [0.25]
        var source = ImagesSourceOptions()
        source.path = home.path + "/pictures"
        recipe.data.source = source
        try FileManager.default.createDirectory(atPath: home.path + "/pictures", withIntermediateDirectories: true)
        for place in 0..<8 {
            let header = Array("{'descr': '<u2', 'fortran_order': False, 'shape': (16, 16), }".utf8)
            let padded = header + [UInt8](repeating: 32, count: 117 - header.count) + [10]
            let numbers = (0..<256).map { $0 % 9 == 0 ? 77 : UInt16(($0 * 37 + place * 501) % 4096) }
            try home.write(
                [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + padded
                    + numbers.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }, "pictures/\(place).npy")
        }
        #expect(try TrainingJob.run(recipe, in: home.path + "/run", cards: cards, engine: engine) == .finished)
        let encoder = try Encoder.load(home.path + "/run")
        let data = encoder.recipe.data
        let table = try FeatureExtractor(encoder.encoder, encoder.parameters, engine: engine).table(
            of: try data.open(.train, cards: cards),
            data.evaluationTransform(channels: 1, normalization: data.writtenNormalization), requiresLabels: false)
        for place in 0..<8 {
            let features = try encoder.features(ofFile: "\(home.path)/pictures/\(place).npy", engine: engine)
            #expect(features == Array(table.features[place * 16..<(place + 1) * 16]))
        }
    }

    @Test func whatACallerGetsWrongIsThrown() throws {
        let home = try TemporaryFolder()
        var wrong = recipe()
        wrong.model.heads = 5
        var random = RandomMasking()
        random.ratio = 1.5
        wrong.mask = random
        #expect {
            try TrainingJob.run(wrong, in: home.path + "/run", cards: cards)
        } throws: { ($0 as? Problems)?.list.count == 2 }
        try home.write([1], "mine")
        #expect(throws: RunError.self) { try TrainingJob.run(recipe(), in: home.path, cards: cards) }
        #expect(try home.names() == ["mine"])
    }
}
