import Autodiff
import Checkpoints
import Foundation
import ImageData
import Optimizers
import Pretraining
import RecipeSchema
import Testing
import VisionTransformers

/// Runs of methods with a target encoder: exact resume, what is exported, what recipes refuse.
struct JointEmbeddingRunTests {
    static func recipe(_ method: String, _ changes: String...) throws -> Recipe {
        let text = """
            {"palimpsest": 1, "name": "tiny", "seed": 3,
             "data": {"source": {"kind": "procedural", "count": 26, "test_count": 10, "size": 16}, "image_size": 16,
                      "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
             "model": {"patch_size": 4, "width": 16, "depth": 2, "heads": 2, "drop_path": 0.2},
             "mask": {"strategy": "multiblock", "min_keep": 4, "contexts": 2},
             "method": {"name": "\(method)", "predictor_width": 8, "predictor_depth": 1, "ema": [0.9, 1]},
             "train": {"epochs": 3, "batch_size": 4, "accumulate": 2, "learning_rate": 0.01, "warmup_epochs": 0.5,
                       "final_weight_decay": 0.4, "ipe_scale": 1.25},
             "log": {"every_steps": 1, "keep": 10, "checkpoint_every_steps": 1}}
            """
        return try Recipe.parse(Array(text.utf8), set: changes)
    }

    @Test(arguments: ["ijepa", "dmtjepa"])
    func stoppingAfterAnyStepAndOtherThreadsChangeNoBit(method: String) throws {
        let whole = try TinyRun()
        try whole.train(try Self.recipe(method))
        let digests = try whole.finalDigests()
        for step in [1, 7] {
            let run = try TinyRun()
            try run.train(try Self.recipe(method, "train.max_steps=\(step)"), threads: 3)
            #expect(try run.train(try Self.recipe(method), .resumed, threads: 2) == .finished)
            #expect(try run.finalDigests() == digests)
        }
        let rows = try whole.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "step" }
        #expect(rows.allSatisfy { ($0["target_spread"]?.double ?? -1) > 0 })
    }

    /// One step of two runs that differ in their final decay alone: they part by it alone, θ(1 − ηλ), so the λ that the
    /// optimiser used can be read off a weight matrix, whatever the row says.
    @Test(arguments: ["ijepa", "dmtjepa"])
    func theDecayThatRisesIsTheOneThatIsUsed(method: String) throws {
        func matrix(_ final: Double, rate: Double) throws -> [Double] {
            let run = try TinyRun()
            let changes = [
                "train.weight_decay=2", "train.schedule.final_weight_decay=\(final)", "train.learning_rate=\(rate)",
                "train.schedule.warmup_epochs=0", "train.schedule.min_learning_rate=0", "train.max_steps=1",
            ]
            try run.train(try Recipe.parse(Array(try Self.recipe(method).encoded.text().utf8), set: changes))
            let model = try run.folder.checkpoints.read(step: 1).model
            return try #require(model["encoder.blocks.0.mlp.fc1.weight"]).doubles()
        }
        let start = try matrix(2, rate: 1e-30)
        let (rising, even) = (try matrix(400, rate: 0.001), try matrix(2, rate: 0.001))
        let place = try #require(start.indices.max { abs(start[$0]) < abs(start[$1]) })
        // Rate and decay after the first of T steps of half a cosine: 9 steps, stretched by 1.25.
        let rest = 0.5 * (1 + cos(.pi / 11))
        let used = 2 + (even[place] - rising[place]) / (0.001 * rest * start[place])
        let expected = 400 + (2 - 400) * rest
        #expect(abs(used - expected) < 0.05, "\(used), not \(expected)")
    }

    @Test func theTargetEncoderIsExported() throws {
        let run = try TinyRun()
        try run.train(try Self.recipe("ijepa"))
        let model = try Safetensors.read(run.folder.path + "/checkpoints/step-00000009/model.safetensors")
        let exported = try EvaluatedEncoder(path: run.folder.encoderFile)
        let name = "blocks.1.mlp.fc1.weight"
        let (target, trained) = (model["target_encoder.\(name)"], model["encoder.\(name)"])
        #expect(target != trained)
        #expect(exported.parameters[name]?.array == target?.floats())
    }

    private func faults(_ method: String, _ changes: String...) -> [String] {
        do {
            var recipe = try JSONParser.parse(try Self.recipe(method).encoded.text())
            for change in changes { try recipe.set(change) }
            _ = try Recipe.parse(Array(recipe.text().utf8))
            return []
        } catch {
            return (error as? Problems)?.list.map(\.message) ?? ["\(error)"]
        }
    }

    @Test func whatCannotWorkIsRefusedBeforeAnyImageIsRead() {
        #expect(faults("ijepa").isEmpty)
        #expect(faults("ijepa", "model.class_token=true").first?.contains("no place for a class token") == true)
        #expect(
            faults("ijepa", "mask.min_keep=12").first?.contains("of the images find no context of min_keep 12") == true)
        #expect(faults("ijepa", "mask.target_scale=[0.3,0.2]").first?.contains("0 < min ≤ max ≤ 1") == true)
        #expect(faults("dmtjepa", "method.window=4").first?.contains("an integer from 3 to 1025, odd") == true)
        #expect(faults("dmtjepa", "method.variant=reference").first?.contains("set accumulate to 1") == true)
        #expect(faults("ijepa", "mask={\"strategy\":\"random\"}").first?.contains("it takes \"multiblock\"") == true)
    }

    @Test func aBiasOfAllPairsIsRefusedWhereSomePatchesAreHidden() {
        let found = faults("ijepa", "model.relative_position_bias=shared")
        #expect(found.contains { $0.contains("mask strategy \"multiblock\" hides some of them") }, "\(found)")
    }

    @Test func methodsBringTheirOwnDefaults() throws {
        let text = "{\"palimpsest\": 1, \"name\": \"d\", \"method\": {\"name\": \"ijepa\", \"predictor_width\": 192}}"
        var recipe = try JSONParser.parse(text)
        try recipe.set("mask.min_keep=4")
        let read = try Recipe.parse(Array(recipe.text().utf8))
        let betas = (read.train.optimizer as? AdamWOptions)?.betas
        #expect(!read.model.classToken && read.train.learningRate == 1e-3 && betas == [0.9, 0.999])
        #expect(read.data.cropScale == [0.3, 1] && !read.data.flip && read.train.schedule.warmupEpochs == 40)
        try recipe.set("train.base_learning_rate=0.001")
        let based = try Recipe.parse(Array(recipe.text().utf8))
        #expect(based.train.learningRate == nil && based.train.peakLearningRate == 0.001)
        try recipe.set("train.schedule=constant")
        try recipe.set("train.epochs=3")
        let constant = try Recipe.parse(Array(recipe.text().utf8)).train
        #expect(constant.schedule is ConstantOptions && constant.schedule.endLearningRate == nil)
        #expect(constant.schedule.warmupEpochs == 0 && constant.schedule.warmupLearningRate == 0)
    }
}
