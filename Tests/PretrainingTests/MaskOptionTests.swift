import Autodiff
import Checkpoints
import Foundation
import ImageMasking
import Optimizers
import Pretraining
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

/// Keys of `mask` that hold for every strategy.
struct MaskOptionTests {
    private func faults(_ changes: String...) -> String {
        do {
            _ = try Recipe.parse(Array(TinyRun.text.utf8), set: changes)
            return ""
        } catch { return "\(error)" }
    }

    @Test func whatCannotBeIsRefusedWithTheNumbers() {
        #expect(faults("mask.unit=6").contains("squares of 6 pixels do not tile"))
        #expect(faults("mask.unit=12").contains("squares of 12 pixels do not tile"))
        #expect(faults("mask.unit=16").contains("the grid has 1x1 squares of mask.unit 16"))
        #expect(faults("mask.predicted_ratio=0.2").contains("method \"mae\" predicts all hidden patches"))
        #expect(faults("train.prediction_scale=share").contains("method \"mae\" predicts all hidden patches"))
        #expect(faults(#"mask={"strategy": "attention"}"#).contains("mask.teacher.path"))
        #expect(faults(#"mask.teacher={"path": "nowhere"}"#).contains("does not ask how much a patch matters"))
        #expect(
            faults(#"mask={"strategy": "attention", "teacher": {"path": ""}}"#).contains("name a run folder"))
        #expect(faults("mask.sed=1").contains("seed"))
        // A method that learns from what is hidden needs something hidden.
        #expect(
            faults(#"mask={"strategy": "attention", "ratio": 0, "teacher": {"path": "x"}}"#).contains("0 hides nothing")
        )
        #expect(
            faults("train.schedule=multistep", "train.milestones=[3]").contains(
                "milestones end at epoch 3"))
        #expect(faults("train.decay_all=true", "train.norm_decay_multiplier=0.1").contains("remove one"))
        #expect(faults("model.position=none").contains("cannot use \"none\""))
        #expect(faults("model.registers=4").contains("goes with position \"rope\" only"))
        #expect(faults("mask.unit=8", "mask.seed=4").isEmpty)
    }

    @Test func crossMAEPredictsAPart() throws {
        let cross = [
            #"mask={"strategy": "random", "ratio": 0.75, "predicted_ratio": 0.25}"#,
            #"method={"name": "crossmae", "decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2}"#,
        ]
        func faults(_ changes: String...) -> String {
            do {
                _ = try Recipe.parse(Array(TinyRun.text.utf8), set: cross + changes)
                return ""
            } catch { return "\(error)" }
        }
        #expect(faults().isEmpty)
        #expect(faults("mask.predicted_ratio=0.8").contains("more than the 0.75 that are hidden"))
        #expect(faults(#"mask={"strategy": "block", "predicted_ratio": 0.25}"#).contains("no order"))
        #expect(faults(#"mask={"strategy": "block"}"#).contains("set it to null"))
        #expect(faults(#"mask={"strategy": "block", "predicted_ratio": null}"#).isEmpty)
        #expect(faults("method.feature_blocks=[0, 2]").contains("not different blocks"))
        let recipe = try Recipe.parse(Array(TinyRun.text.utf8), set: cross)
        // A third of the hidden patches is predicted, and the rate of the recipe follows.
        #expect(abs(recipe.peakLearningRate / (recipe.train.peakLearningRate / 3) - 1) < 1e-12)
        #expect(recipe.train.predictionScale == .share)
    }

    @Test func anotherSeedOfMasksChangesMasksAlone() throws {
        /// Parameters of the encoder and the losses of the rows, after so many steps.
        func trained(_ steps: Int, _ changes: String...) throws -> (weights: [StoredTensor], losses: [Double]) {
            let run = try TinyRun()
            try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: changes + ["train.max_steps=\(steps)"]))
            let file = try Safetensors.read(run.folder.path + "/encoder.safetensors")
            let losses = try run.rows().compactMap { try JSONParser.parse($0)["loss"]?.double }
            return (file.tensors.sorted { $0.key < $1.key }.map { $0.value }, losses)
        }
        // The first step has no rate yet: initial values and pictures are the same, what is hidden is not.
        let (usual, other) = (try trained(1), try trained(1, "mask.seed=4"))
        #expect(usual.weights == other.weights && usual.losses[0] != other.losses[0])
        // The recipe's own seed, written out, is the same run.
        let (longer, same) = (try trained(2), try trained(2, "mask.seed=3"))
        #expect(longer.weights == same.weights && longer.losses == same.losses)
        #expect(try trained(2, "mask.seed=4").weights != longer.weights)
        func plan(_ changes: String...) throws -> MaskPlan {
            let recipe = try Recipe.parse(Array(TinyRun.text.utf8), set: changes)
            var preview = try MaskPreview(recipe, engine: try Engine(threads: 1))
            return try preview.plan(step: 0, samples: [1, 2])
        }
        let own = try plan()
        #expect(try plan("mask.seed=3") == own)
        #expect(try plan("mask.seed=4") != own)
    }

    /// Any strategy under any method that takes its plans: attention masks for MAE, from an encoder that was trained before.
    @Test func aFrozenEncoderJudgesForAMethodThatCannot() throws {
        let judge = try TinyRun()
        try judge.train(try TinyRun.recipe("train.max_steps=1"))
        let changes = [
            "mask={\"strategy\": \"attention\", \"ratio\": 0.5, \"teacher\": {\"path\": \"\(judge.folder.path)\"}}"
        ]
        let recipe = try Recipe.parse(Array(TinyRun.text.utf8), set: changes)
        let whole = try TinyRun()
        try whole.train(recipe)
        let parts = try TinyRun()
        try parts.train(recipe, untilEpoch: 1)
        try parts.train(recipe, .resumed)
        #expect(try whole.finalDigests() == parts.finalDigests())
        // Another judge would be another run.
        let stranger = try TinyRun()
        try stranger.train(try TinyRun.recipe("train.max_steps=2"))
        try FileManager.default.removeItem(atPath: judge.folder.path)
        try FileManager.default.copyItem(atPath: stranger.folder.path, toPath: judge.folder.path)
        let thrown = #expect(throws: RunError.self) { try parts.train(recipe, .resumed) }
        #expect(thrown.map { "\($0)" }?.contains("mask_teacher_sha256") == true)
    }

    /// What a strategy has predicted by itself counts as what `mask.predicted_ratio` asks for.
    @Test func theRateFollowsThePartThatInverseBlocksPredict() throws {
        func recipe(_ changes: String...) throws -> Recipe {
            let cross = [
                #"mask={"strategy": "inverse_block", "ratio": 0.5, "predict_share": 0.25, "predicted_ratio": null}"#,
                #"method={"name": "crossmae", "decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2}"#,
            ]
            return try Recipe.parse(Array(TinyRun.text.utf8), set: cross + changes)
        }
        for (scale, factor) in [("share", 0.25), ("none", 1), ("inverse", 4)] {
            let recipe = try recipe("train.prediction_scale=\(scale)")
            #expect(recipe.peakLearningRate == recipe.train.peakLearningRate * factor, "\(scale)")
        }
        #expect(try recipe().rateWords.contains("times 0.25 for the part that is predicted"))
        let whole = try recipe("mask.predict_share=1", "train.prediction_scale=inverse")
        #expect(whole.peakLearningRate == whole.train.peakLearningRate)
    }
}
