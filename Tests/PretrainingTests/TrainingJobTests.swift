import Autodiff
import Checkpoints
import EncoderFiles
import Foundation
import Pretraining
import RecipeSchema
import Testing
import VisionTransformers

struct TrainingJobTests {
    private func losses(_ run: TinyRun) throws -> [Double] {
        try run.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "step" }
            .compactMap { $0["loss"]?.double }
    }

    @Test func accumulationEqualsTheLargeBatchUpToRounding() throws {
        let large = try TinyRun()
        try large.train(try TinyRun.recipe("train.batch_size=8", "train.accumulate=1", "train.eps=1e-3"))
        let small = try TinyRun()
        try small.train(try TinyRun.recipe("train.batch_size=2", "train.accumulate=4", "train.eps=1e-3"))
        for (a, b) in zip(try losses(large), try losses(small)) { #expect(abs(a - b) < 1e-4 * a) }
        #expect(try losses(large).count == 9)
    }

    /// Every schedule's rates, by the formulas of its page: 9 steps of three epochs, the first of them warm-up.
    @Test(arguments: ["cosine", "constant", "mfm_cosine", "cae_cosine", "warmup_cosine"])
    func ratesAreThoseOfTheScheduleThatIsNamed(schedule: String) throws {
        let (peak, end, start) = (0.01, 0.002, 0.001)
        func half(_ share: Double) -> Double { end + (peak - end) * 0.5 * (1 + cos(.pi * share)) }
        func expected(_ step: Int) -> Double {
            let s = Double(step)
            switch schedule {
            case "mfm_cosine":
                // The micro-batch that ended the step before, of two a step and six an epoch.
                let batch = max(2 * s - 1, 0)
                return batch < 6 ? start + batch * (peak - start) / 6 : half(batch / 18)
            case "cae_cosine": return s < 3 ? start + (peak - start) * s / 2 : half((s - 3) / 6)
            case "warmup_cosine": return s + 1 < 3 ? start + (s + 1) / 3 * (peak - start) : half((s - 2) / 6)
            default: return s < 3 ? start + (peak - start) * s / 3 : schedule == "constant" ? peak : half((s - 3) / 6)
            }
        }
        let run = try TinyRun()
        try run.train(
            try TinyRun.recipe(
                "train.schedule=\(schedule)", "train.base_learning_rate=null", "train.learning_rate=\(peak)",
                "train.min_learning_rate=\(end)", "train.warmup_learning_rate=\(start)", "train.warmup_epochs=1"))
        let rates = try run.rows().map { try JSONParser.parse($0) }.compactMap { $0["learning_rate"]?.double }
        #expect(rates.count == 9)
        for (step, rate) in rates.enumerated() { #expect(abs(rate - expected(step)) < 1e-12, "step \(step)") }
    }

    @Test func aSecondProcessIsRefusedWhileTheFolderIsInUse() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        // The lock belongs to an open file, so that a second one in this process is a stranger too.
        let held = open(run.folder.path + "/lock", O_RDWR)
        defer { close(held) }
        #expect(flock(held, LOCK_EX | LOCK_NB) == 0)
        #expect {
            try run.train(try TinyRun.recipe(), .resumed)
        } throws: { ($0 as? RunError)?.kind == .inUse }
    }

    @Test func anExistingRunIsRefusedUnlessOverwritten() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        #expect {
            try run.train(try TinyRun.recipe(), overwrites: false)
        } throws: { error in
            (error as? RunError)?.kind == .cannotCreate && "\(error)".contains("--overwrite")
        }
        try run.train(try TinyRun.recipe("train.max_steps=2"))
        #expect(try losses(run).count == 2)
    }

    @Test func divergenceNamesTheStepAndTheLastGoodCheckpoint() throws {
        let run = try TinyRun()
        let recipe = try TinyRun.recipe(
            "train.learning_rate=1e20", "train.base_learning_rate=null", "train.warmup_epochs=0", "train.clip_norm=null"
        )
        #expect {
            try run.train(recipe)
        } throws: { error in
            (error as? RunError)?.kind == .diverged
                && "\(error)".contains("the last good checkpoint is \(run.folder.path)")
                && "\(error)".contains("at step ")
        }
        #expect(try run.folder.checkpoints.latest().checkpoint != nil)
    }

    /// Every rate that may be too high is named, with what it was.
    @Test(arguments: [
        ("train.learning_rate=1e30", ["train.learning_rate (now 1e+30)"], ["base_learning_rate", "clustering"]),
        ("train.base_learning_rate=1e30", ["train.base_learning_rate (the rate is now "], ["train.learning_rate"]),
        (
            #"method={"name": "capi", "predictor_depth": 1, "clusters": 8, "clustering_learning_rate": 1e30}"#,
            ["train.learning_rate (now 0.001)", "method.clustering_learning_rate (now 1e+30)"], ["base_learning_rate"]
        ),
    ])
    func divergenceNamesEveryRateThatOneWouldLower(change: String, rates: [String], others: [String]) throws {
        let run = try TinyRun()
        var changes = [
            "train.base_learning_rate=null", "train.schedule={\"name\": \"constant\"}", "train.clip_norm=null",
        ]
        if change.contains("capi") {
            changes += [
                #"model={"patch_size": 4, "width": 16, "depth": 2, "heads": 2, "registers": 4}"#,
                #"mask={"strategy": "inverse_block", "predict_share": 0.5}"#, "train.learning_rate=0.001",
            ]
        }
        let recipe = try TinyRun.recipe(changes: changes + ["train.warmup_epochs=0", change])
        let thrown = #expect(throws: RunError.self) { try run.train(recipe) }
        let text = thrown.map { "\($0)" } ?? ""
        #expect(thrown?.kind == .diverged && text.contains("Lower "))
        for rate in rates { #expect(text.contains(rate), "\(text)") }
        for other in others { #expect(!text.contains(other), "\(text)") }
    }

    @Test func parametersCanBeTakenFromAnEarlierRun() throws {
        let first = try TinyRun()
        try first.train(try TinyRun.recipe("train.max_steps=2"))
        let second = try TinyRun()
        try second.train(
            try TinyRun.recipe("train.max_steps=1", "train.learning_rate=1e-30", "train.base_learning_rate=null"),
            .initialized(from: first.folder.encoderFile))
        let a = try EvaluatedEncoder(path: first.folder.encoderFile)
        let b = try EvaluatedEncoder(path: second.folder.encoderFile)
        #expect(a.parameters["blocks.1.mlp.fc1.weight"]?.array == b.parameters["blocks.1.mlp.fc1.weight"]?.array)
    }

    @Test func theEncoderFileHasTimmsKeys() throws {
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=1"))
        let file = try EvaluatedEncoder(path: run.folder.encoderFile)
        let names = Set(file.encoder.parameterNames(in: file.parameters))
        #expect(names.contains("blocks.0.attn.qkv.weight") && names.contains("norm.bias"))
        #expect(!names.contains { $0.hasPrefix("decoder") || $0 == "mask_token" })
    }

    @Test func tooFewPicturesForAStepAreAnErrorThatSaysWhatToLower() throws {
        let run = try TinyRun()
        #expect {
            try run.train(try TinyRun.recipe("train.batch_size=20"))
        } throws: { "\($0)".contains("lower train.batch_size") && ($0 as? RunError)?.kind == .data }
    }
}
