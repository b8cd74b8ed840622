import Autodiff
import Checkpoints
import EncoderFiles
import Evaluation
import Foundation
import ImageData
import ImageMasking
import Pretraining
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// Encoders from files, with and without a recipe, and files as the beginning of a run.
struct EvaluatedEncoderTests {
    /// How a signal ends the look at features: the one who listens throws, and no further picture is read.
    @Test func whoListensCanEndTheFeatures() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let encoder = try EvaluatedEncoder(path: run.folder.path)
        let data = encoder.recipe.data
        let extractor = try FeatureExtractor(encoder.encoder, encoder.parameters, engine: try Engine(threads: 1))
        var seen: [Int] = []
        #expect(throws: CancellationError.self) {
            try extractor.table(
                of: try data.open(.train, cards: DatasetCards(folders: [])),
                data.evaluationTransform(channels: 3, normalization: data.writtenNormalization), requiresLabels: false,
                batch: 4,
                onProgress: { done in
                    seen.append(done)
                    if done >= 8 { throw CancellationError() }
                })
        }
        #expect(seen == [4, 8])
    }

    /// A file under timm's names that says nothing about itself: 4 x 4 patches of 4 pixels, width 64.
    private func foreign(in home: TemporaryFolder, depth: Int = 2, channels: Int = 3) throws -> String {
        var options = EncoderOptions()
        options.width = 64
        options.heads = 1
        options.depth = depth
        options.channels = channels
        options.position = .learned
        var store = ParameterStore()
        let encoder = Encoder(
            options, grid: PatchGrid(rows: 4, columns: 4), adding: &store, random: RandomStream(seed: 1))
        var file = SafetensorsFile()
        for (name, value) in encoder.exported(from: store) {
            file[name] = StoredTensor(value.array, shape: Array(value.shape))
        }
        try Safetensors.write(file, to: home.path + "/model.safetensors")
        return home.path
    }

    @Test func aForeignFileBringsTheSizeOfItsImagesAndIsNormalisedAsPhotographs() throws {
        let home = try TemporaryFolder()
        let read = try EvaluatedEncoder(path: try foreign(in: home))
        #expect(!read.hasRecipe && read.recipe.data.imageSize == ImageSize(16))
        #expect(read.recipe.data.mean == Normalization.imageNet.mean)
        #expect(read.recipe.model.encoded == read.encoder.options.encoded && read.encoder.options.heads == 1)
        let (network, values) = read.untrained()
        #expect(network.options.encoded == read.encoder.options.encoded)
        #expect(values.entries.map(\.name) == read.parameters.entries.map(\.name))
        #expect(values["blocks.0.mlp.fc1.weight"]?.array != read.parameters["blocks.0.mlp.fc1.weight"]?.array)
        try home.write(
            Array(#"{"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.5, 0.25]}"#.utf8), "preprocessor_config.json")
        let told = try EvaluatedEncoder(path: home.path).recipe.data
        #expect(told.mean == [0.5, 0.4, 0.3] && told.deviation == [0.5, 0.5, 0.25])
        let gray = try TemporaryFolder()
        #expect(try EvaluatedEncoder(path: try foreign(in: gray, channels: 2)).recipe.data.mean == nil)
    }

    /// What a run leaves needs neither its method nor its recipe.
    @Test func filesOfARunSayWhatTheirEncoderIs() throws {
        for recipe in [try TinyRun.recipe(), try JointEmbeddingRunTests.recipe("ijepa")] {
            let run = try TinyRun()
            try run.train(recipe)
            let read = try EvaluatedEncoder(path: run.folder.path)
            #expect(read.hasRecipe && read.recipe.digest == recipe.digest)
            let checkpoint = run.folder.path + "/checkpoints/step-00000009"
            for path in [run.folder.encoderFile, checkpoint + "/model.safetensors", checkpoint] {
                let place = path == checkpoint ? path + "/model.safetensors" : path
                var file = try Safetensors.read(place)
                file.metadata["recipe"] = nil
                let loaded = try EncoderFile(file, path: place).load()
                #expect(loaded.parameters.flat.array == read.parameters.flat.array)
                #expect(loaded.encoder.options.encoded == read.encoder.options.encoded)
                #expect(loaded.statistics?.mean == recipe.data.mean)
                #expect(try EvaluatedEncoder(path: path).parameters.flat.array == read.parameters.flat.array)
            }
        }
    }

    /// A method made elsewhere is not known here; its encoder is.
    @Test func aRecipeThatCannotBeUsedIsSaid() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        var file = try Safetensors.read(run.folder.encoderFile)
        let recipe = try #require(file.metadata["recipe"])
        file.metadata["recipe"] = recipe.replacing(#""name": "mae""#, with: #""name": "elsewhere""#)
        try Safetensors.write(file, to: run.folder.encoderFile)
        let read = try EvaluatedEncoder(path: run.folder.encoderFile)
        #expect(!read.hasRecipe && read.recipe.data.mean == [0.5, 0.5, 0.5])
        #expect(read.notes.first?.contains("found \"elsewhere\"") == true)
        file.metadata["recipe"] = recipe.replacing(#""width": 16"#, with: #""width": 32"#)
        try Safetensors.write(file, to: run.folder.encoderFile)
        let wide = #expect(throws: RunError.self) { try EvaluatedEncoder(path: run.folder.encoderFile) }
        #expect(wide?.description.contains("describes another encoder") == true)
        file.metadata = ["recipe": recipe.replacing(#""name": "mae""#, with: #""name": "elsewhere""#)]
        try Safetensors.write(file, to: run.folder.encoderFile)
        #expect(throws: RunError.self) { try EvaluatedEncoder(path: run.folder.encoderFile) }
    }

    /// A gray picture gives the features of the picture whose bands are all gray, and bands in turn those of the bands once.
    @Test(arguments: [(3, 1), (1, 4), (3, 12)])
    func featuresStayThoseOfTheSamePictureInOtherBands(bands: Int, wanted: Int) throws {
        let home = try TemporaryFolder()
        let file = try EncoderFile(path: try foreign(in: home, channels: bands))
        let old = try file.load()
        var options = old.encoder.options
        options.channels = wanted
        var store = ParameterStore()
        let encoder = Encoder(
            options, grid: old.encoder.grid, traits: old.encoder.traits, adding: &store, random: RandomStream(seed: 2))
        let account = try file.initialize(&store, of: encoder)
        #expect(account.missing.isEmpty && account.sentence.contains("patch kernel of \(bands) band"))
        var random = RandomStream(seed: 9)
        let shown = min(bands, wanted)
        let numbers = (0..<shown * 256).map { _ in Float(random.normal()) }
        func image(_ channels: Int) -> Tensor {
            Tensor(
                (0..<channels).flatMap { numbers[$0 % shown * 256..<($0 % shown + 1) * 256] }, [1, channels, 16, 16])
        }
        let engine = try Engine(threads: 1)
        func features(_ encoder: Encoder, _ parameters: ParameterStore, _ image: Tensor) throws -> [Float] {
            try FeatureExtractor(encoder, parameters, pooling: .mean, layer: nil, engine: engine).features(of: image)
                .array
        }
        let before = try features(old.encoder, old.parameters, image(bands))
        let after = try features(encoder, store, image(wanted))
        #expect(before.contains { abs($0) > 0.1 })
        #expect(zip(before, after).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    @Test func aRunBeginsWithWeightsOfOtherBands() throws {
        let home = try TemporaryFolder()
        let path = try foreign(in: home, channels: 12)
        let run = try TinyRun()
        let changes = ["model.width=64", "model.heads=1", "model.position=learned", "train.max_steps=1"]
        try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: changes), .initialized(from: path))
        #expect(try EncoderFile(path: run.folder.encoderFile).load().encoder.options.channels == 3)
    }

    @Test func anEncoderWithoutAPlaceIsNoBeginning() throws {
        let home = try TemporaryFolder()
        let path = try foreign(in: home, depth: 3)
        let changes = ["model.width=64", "model.heads=1", "model.position=learned", "train.max_steps=1"]
        func start(_ changes: [String]) throws {
            let run = try TinyRun()
            try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: changes), .initialized(from: path))
        }
        #expect {
            try start(changes)
        } throws: { "\($0)".contains("set model.depth to 3") && ($0 as? RunError)?.kind == .data }
        try start(changes + ["model.depth=3"])
    }
}
