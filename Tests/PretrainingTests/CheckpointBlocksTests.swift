import Checkpoints
import Pretraining
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

/// `train.checkpoint_blocks`: every method takes the same steps with it as without, to the bit.
struct CheckpointBlocksTests {
    private func recipe(_ method: String, teacher: String, _ changes: [String]) throws -> Recipe {
        // What learns from another model is given one.
        let needsTeacher = method == "maskalign"
        let text = """
            {"palimpsest": 1, "name": "small", "seed": 4,
             "data": {"source": {"kind": "procedural", "count": 24, "size": 16}, "image_size": 16,
                      "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
             "model": {"patch_size": 2, "width": 16, "depth": 3, "heads": 2},
             "method": {"name": "\(method)"\(needsTeacher ? ", \"teacher\": {\"path\": \"\(teacher)\"}" : "")\(smallParts(of: method, depth: 2))},
             "train": {"batch_size": 8, "learning_rate": 0.001, "epochs": 50, "max_steps": 2}}
            """
        return try Recipe.parse(Array(text.utf8), set: changes)
    }

    /// All that a checkpoint holds; the recipe beside it says which way was taken.
    private static func tensors(of run: TinyRun, step: Int) throws -> [[String: StoredTensor]] {
        let checkpoint = try run.folder.checkpoints.read(step: step)
        return [checkpoint.model.tensors, checkpoint.optimizer.tensors]
    }

    @Test(arguments: pretrainingMethods.map { $0.name })
    func everyMethodTakesTheSameSteps(method: String) throws {
        let teacher = try TinyRun()
        if method == "maskalign" { try teacher.train(try recipe("mae", teacher: "", [])) }
        var variants: [[String]] = [[]]
        // A table that all blocks share gets its gradient from each of them in turn.
        if method == "simmim" { variants.append(["model.relative_position_bias=shared", "model.position=none"]) }
        if method == "mae" { variants.append(["model.drop_path=0.3", "model.layer_scale=0.1"]) }
        for variant in variants {
            var held: [[[String: StoredTensor]]] = []
            for checkpoints in ["null", "true"] {
                let run = try TinyRun()
                try run.train(
                    try recipe(
                        method, teacher: teacher.folder.path, variant + ["train.checkpoint_blocks=\(checkpoints)"]))
                held.append(try Self.tensors(of: run, step: 2))
            }
            #expect(held[0].allSatisfy { !$0.isEmpty } && held[0] == held[1], "\(method) \(variant)")
        }
    }

    @Test func aRunMayGoOnWithTheOther() throws {
        let whole = try TinyRun()
        try whole.train(try TinyRun.recipe())
        let run = try TinyRun()
        try run.train(try TinyRun.recipe("train.max_steps=4"))
        try run.train(try TinyRun.recipe("train.checkpoint_blocks=true"), .resumed)
        #expect(try Self.tensors(of: run, step: 9) == Self.tensors(of: whole, step: 9))
    }
}
