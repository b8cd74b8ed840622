import Autodiff
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
        func trained(_ changes: String...) throws -> [String] {
            let run = try TinyRun()
            try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: changes + ["train.max_steps=1"]))
            return try [run.digest("encoder.safetensors"), run.digest("checkpoints/step-00000001/model.safetensors")]
        }
        let usual = try trained()
        // The recipe's own seed, written out, draws the same masks; its words in the files differ.
        #expect(try Recipe.parse(Array(TinyRun.text.utf8), set: ["mask.seed=3"]).masking.seed == 3)
        #expect(try trained("mask.seed=4")[0] != usual[0])
        var first = try MaskPreview(TinyRun.recipe(), engine: try Engine(threads: 1))
        var same = try MaskPreview(TinyRun.recipe("mask.seed=3"), engine: try Engine(threads: 1))
        var other = try MaskPreview(TinyRun.recipe("mask.seed=4"), engine: try Engine(threads: 1))
        let plans = try [first, same, other].indices.map { place in
            switch place {
            case 0: try first.plan(step: 0, samples: [1, 2])
            case 1: try same.plan(step: 0, samples: [1, 2])
            default: try other.plan(step: 0, samples: [1, 2])
            }
        }
        #expect(plans[0] == plans[1] && plans[0] != plans[2])
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
}
