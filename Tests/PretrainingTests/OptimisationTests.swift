import Checkpoints
import Foundation
import Pretraining
import RecipeSchema
import Testing

/// What a recipe says of optimisation reaches the parameters: each fails when the trainer forgets it.
struct OptimisationTests {
    /// The parameters after one step, and before any: a step of a rate that is nothing.
    private func weights(_ changes: [String], rate: String = "0.01") throws -> [String: [Double]] {
        let run = try TinyRun()
        let all = [
            "train.learning_rate=\(rate)", "train.base_learning_rate=null", "train.warmup_epochs=0",
            "train.max_steps=1",
            "train.clip_norm=null",
        ]
        try run.train(try Recipe.parse(Array(TinyRun.text.utf8), set: all + changes))
        let model = try run.folder.checkpoints.read(step: 1).model
        return Dictionary(uniqueKeysWithValues: model.names.map { ($0, model[$0]?.doubles() ?? []) })
    }

    private func norm(_ a: [String: [Double]], _ b: [String: [Double]]) -> Double {
        a.map { name, values in zip(values, b[name] ?? []).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
            .reduce(0, +).squareRoot()
    }

    /// A plain step of gradient descent is as long as rate times the norm of what is left of the gradient.
    @Test func aClippedStepIsAsLongAsTheLimitSays() throws {
        let plain = ["train.optimizer={\"name\":\"sgd\",\"momentum\":0}", "train.weight_decay=0"]
        let start = try weights(plain, rate: "1e-30")
        let whole = norm(try weights(plain), start)
        let limit = 0.25 * whole / 0.01
        let clipped = norm(try weights(plain + ["train.clip_norm=\(limit)"]), start)
        #expect(whole > 0 && abs(clipped - 0.01 * limit) < 1e-3 * 0.01 * limit)
    }

    @Test func tokensAreDecayedOnlyWhereTheRecipeSays() throws {
        let none = try weights(["train.weight_decay=0"])
        for decays in [true, false] {
            let some = try weights(["train.weight_decay=0.5", "train.decay_tokens=\(decays)"])
            for name in ["cls_token", "mask_token"] { #expect((some[name] != none[name]) == decays, "\(name)") }
            #expect(some["blocks.0.mlp.fc1.weight"] != none["blocks.0.mlp.fc1.weight"])
            #expect(some["blocks.0.mlp.fc1.bias"] == none["blocks.0.mlp.fc1.bias"])
        }
    }

    /// θ(1 − ηλ) against θ: the λ that was used, read off a weight matrix.
    @Test func theDecayOfTheScheduleIsTheOneThatIsUsed() throws {
        let schedule = "train.schedule={\"name\":\"warmup_cosine\",\"final_weight_decay\":20}"
        let start = try weights([], rate: "1e-30")
        func decay(_ changes: String...) throws -> Double {
            let (with, without) = (
                try weights(changes), try weights(Array(changes.dropFirst()) + ["train.weight_decay=0"])
            )
            let name = "blocks.0.mlp.fc1.weight"
            let values = try [#require(with[name]), #require(without[name]), #require(start[name])]
            let place = try #require(values[2].indices.max { abs(values[2][$0]) < abs(values[2][$1]) })
            return (values[1][place] - values[0][place]) / (0.01 * values[2][place])
        }
        #expect(abs(try decay("train.weight_decay=10") - 10) < 0.01)
        // The rates of the two runs must be the same, so the plain one has the schedule too, and a decay of 0 to 20.
        let scheduled = try weights(["train.weight_decay=10", schedule])
        let plain = try weights(["train.weight_decay=0", "train.schedule={\"name\":\"warmup_cosine\"}"])
        let name = "blocks.0.mlp.fc1.weight"
        let (a, b, c) = (try #require(scheduled[name]), try #require(plain[name]), try #require(start[name]))
        let place = try #require(c.indices.max { abs(c[$0]) < abs(c[$1]) })
        let rate = 0.01 * 0.5 * (1 + cos(.pi / 9))
        let expected = 20 + (10 - 20) * 0.5 * (1 + cos(.pi / 9))
        #expect(abs((b[place] - a[place]) / (rate * c[place]) - expected) < 0.02)
    }

    /// Every optimiser's state survives a stop.
    @Test(arguments: ["sgd", "lars", "adamw"])
    func everyOptimiserResumesTheSame(name: String) throws {
        let changes = [
            "train.optimizer={\"name\":\"\(name)\"}", "train.learning_rate=0.01", "train.base_learning_rate=null",
        ]
        func recipe(_ more: String...) throws -> Recipe {
            try Recipe.parse(Array(TinyRun.text.utf8), set: changes + more)
        }
        let (whole, halved) = (try TinyRun(), try TinyRun())
        try whole.train(try recipe())
        try halved.train(try recipe("train.max_steps=4"))
        try halved.train(try recipe(), .resumed)
        #expect(try whole.finalDigests() == halved.finalDigests())
    }
}
