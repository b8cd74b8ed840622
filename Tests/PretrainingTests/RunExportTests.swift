import Autodiff
import Checkpoints
import EncoderExports
import EncoderFiles
import Foundation
import ImageData
import Pretraining
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// A run on its way to another program, and weights on their way in.
struct RunExportTests {
    private func export(
        _ run: TinyRun, _ format: ExportFormat, to folder: String, encoderOnly: Bool = false, replacing: Bool = false
    ) throws {
        try RunExport(
            run.folder.path, as: format, encoderOnly: encoderOnly, cards: DatasetCards(folders: [])
        ).write(to: folder, replacing: replacing)
    }

    private func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    }

    @Test func aRunIsExportedAndComesBackAsTheSameEncoder() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let own = try EncoderFile(path: run.folder.encoderFile).load()
        for (format, encoderOnly) in [(ExportFormat.timm, false), (.huggingFace, true), (.huggingFace, false)] {
            let folder = "\(run.home.path)/\(format.rawValue)-\(encoderOnly)"
            try export(run, format, to: folder, encoderOnly: encoderOnly)
            let made = try EncoderImport(folder, heads: format == .timm ? 2 : nil, licence: "MIT")
            let file = run.home.path + "/back.safetensors"
            try EncoderImport.output(file, replacing: true).write(made.bytes)
            let back = try EncoderFile(path: file)
            #expect(back.licence == "MIT")
            let loaded = try back.load()
            for entry in own.parameters.entries {
                #expect(loaded.parameters[entry.name]?.array == own.parameters[entry.name]?.array, "\(entry.name)")
            }
            #expect(
                loaded.encoder.positionTable(loaded.parameters).array == own.encoder.positionTable(own.parameters).array
            )
            #expect(try EvaluatedEncoder(path: file).licence == "MIT")
            #expect(throws: RunError.self) { try EncoderImport(file) }
        }
        let config = try text(run.home.path + "/huggingface-false/config.json")
        #expect(config.contains("ViTMAEForPreTraining") && config.contains("\"decoder_hidden_size\": 8"))
        #expect(config.contains("\"mask_ratio\": 0.5") && config.contains("\"decoder_intermediate_size\": 32"))
        #expect(try text(run.home.path + "/huggingface-true/config.json").contains("\"ViTModel\""))
        let card = try text(run.home.path + "/timm-false/README.md")
        #expect(card.contains("license: apache-2.0") && card.contains("\"strategy\": \"color\""))
        #expect(card.contains("num_heads=2") && card.contains("`model.safetensors`: sha256 `"))
    }

    /// Files of other programs have no place for how numbers are scaled; ours find it there again.
    @Test func scalingComesBackFromAnExport() throws {
        let run = try TinyRun()
        let scaling = ["data.value_range=[0, 0.5]", "data.missing_value=-9999"]
        try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: ["train.max_steps=1"] + scaling))
        for format in [ExportFormat.timm, .huggingFace] {
            let folder = "\(run.home.path)/\(format.rawValue)"
            try export(run, format, to: folder, encoderOnly: true)
            let file = "\(folder).safetensors"
            try EncoderImport.output(file, replacing: false).write(try EncoderImport(folder, heads: 2).bytes)
            for path in [folder, file] {
                let data = try EvaluatedEncoder(path: path).recipe.data
                #expect(data.valueRange == .numbers(low: 0, high: 0.5) && data.missingValue == .number(-9999))
            }
        }
        #expect(try text(run.home.path + "/timm/README.md").contains("stored numbers from 0.0 to 0.5"))
        #expect(throws: RunError.self) { try EncoderImport(run.home.path + "/huggingface", heads: 4) }
        let path = "\(run.home.path)/timm/model.safetensors"
        var file = try Safetensors.read(path)
        file.metadata["palimpsest_data.value_range"] = "[1, 0]"
        try run.home.write(Safetensors.bytes(of: file), "timm/model.safetensors")
        let error = #expect(throws: RunError.self) { try EvaluatedEncoder(path: run.home.path + "/timm") }
        #expect(error?.description.contains("palimpsest_data.value_range is [1, 0]") == true)
    }

    @Test func anImportReplacesAnImportAndNoOtherEncoder() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let folder = run.home.path + "/theirs"
        try export(run, .timm, to: folder)
        for file in ["\(folder)/model.safetensors", run.folder.encoderFile] {
            #expect(throws: RunError.self, "\(file)") { try EncoderImport.output(file, replacing: false) }
        }
        let file = run.home.path + "/mine.safetensors"
        for _ in 0..<2 {
            try EncoderImport.output(file, replacing: false).write(try EncoderImport(folder, heads: 2).bytes)
        }
    }

    /// Terms of weights go with everything that began with them: run, resumed run, the run begun with that one, export.
    @Test func termsOfWeightsAreCarriedOn() throws {
        let first = try TinyRun()
        try first.train(try TinyRun.recipe("train.max_steps=1"))
        #expect(try EncoderFile(path: first.folder.encoderFile).licence == nil)
        let foreign = first.home.path + "/timm"
        try export(first, .timm, to: foreign)
        let imported = first.home.path + "/imported.safetensors"
        try EncoderImport.output(imported, replacing: true).write(
            EncoderImport(foreign, heads: 2, licence: "cc-by-nc-4.0").bytes)
        let second = try TinyRun()
        let recipe = try TinyRun.recipe("train.max_steps=1", "model.position=learned")
        try second.train(recipe, .initialized(from: imported))
        #expect(try EncoderFile(path: second.folder.encoderFile).licence == "cc-by-nc-4.0")
        try second.train(try TinyRun.recipe("train.max_steps=2", "model.position=learned"), .resumed)
        #expect(try EncoderFile(path: second.folder.encoderFile).licence == "cc-by-nc-4.0")
        let third = try TinyRun()
        let checkpoint = second.folder.path + "/checkpoints/step-00000002"
        try third.train(recipe, .initialized(from: checkpoint))
        #expect(try EncoderFile(path: third.folder.encoderFile).licence == "cc-by-nc-4.0")
        try export(third, .timm, to: third.home.path + "/out")
        let card = try text(third.home.path + "/out/README.md")
        #expect(card.contains("license: cc-by-nc-4.0") && card.contains("they began as weights under: cc-by-nc-4.0"))
    }

    @Test func onlyAnExportIsReplacedAndOnlyOnRequest() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let folder = run.home.path + "/out"
        try export(run, .onnx, to: folder)
        #expect(throws: RunError.self) { try export(run, .onnx, to: folder) }
        try export(run, .timm, to: folder, replacing: true)
        #expect(!FileManager.default.fileExists(atPath: folder + "/encoder.onnx"))
        try run.home.write([1], "out/mine.txt")
        let thrown = #expect(throws: RunError.self) { try export(run, .timm, to: folder, replacing: true) }
        #expect(thrown?.description.contains("mine.txt") == true)
        #expect(throws: RunError.self) { try export(run, .timm, to: run.folder.path, replacing: true) }
        #expect(throws: RunError.self) { try export(run, .timm, to: folder + "/mine.txt", replacing: true) }
        #expect(FileManager.default.fileExists(atPath: folder + "/mine.txt") && run.folder.exists)
    }

    @Test func whatAFormatCannotHoldIsRefusedAndTheOthersAreNamed() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1", "model.layer_scale=0.1"))
        let thrown = #expect(throws: RunError.self) { try export(run, .huggingFace, to: run.home.path + "/out") }
        #expect(thrown?.description.contains("layer scale") == true)
        #expect(thrown?.description.contains("it can be exported as timm, onnx") == true)
        #expect(!FileManager.default.fileExists(atPath: run.home.path + "/out"))
    }
}
