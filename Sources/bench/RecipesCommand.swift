#if Commands
import ArgumentParser
import Autodiff
import Foundation
import ImageData
import Pretraining
import RecipeSchema

/// `bench recipes`: training steps of several recipes in turns, each as a ratio to the first.
struct RecipesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipes", abstract: "Time training steps of recipes in turns, as ratios to the first.",
        discussion: """
            Example: bench recipes recipes/cifar10/mae.json recipes/cifar10/ijepa.json --threads 1
            A step is the trainer's own: load a batch, draw the masks, forward, backward, optimiser, moving averages. \
            Pictures are the built-in ones. Times are medians of the steps, ratios medians of the ratios of each turn, \
            for each picture: with --own-batches they compare epochs.
            """)

    @Argument(help: "Recipes, by path or by name; the first is the one that others are compared with.")
    var paths: [String]

    @OptionGroup var load: LoadOptions

    @Flag(help: "The batch of each recipe instead of --batch.")
    var ownBatches = false

    @Option(help: "Timed steps of each.")
    var steps = 15

    func validate() throws {
        if ownBatches, load.batch != nil {
            throw ValidationError("--own-batches and --batch exclude each other, leave one out")
        }
        if steps < 1 { throw ValidationError("--steps is \(steps), allowed is an integer ≥ 1") }
    }

    func run() throws {
        let engine = try Engine(threads: load.threads)
        let recipes = try paths.map(recipe)
        let rehearsals = try recipes.map { try rehearsal($0, engine) }
        let pictures = recipes.map { Double($0.train.effectiveBatch) }
        // The first step of each asks the system for memory.
        for rehearsal in rehearsals { try rehearsal.takeStep() }
        var times = [[Double]](repeating: [], count: recipes.count)
        var operations = [Double](repeating: 0, count: recipes.count)
        for _ in 0..<steps {
            for (index, rehearsal) in rehearsals.enumerated() {
                let (before, start) = (engine.operations, ContinuousClock.now)
                try rehearsal.takeStep()
                times[index].append((ContinuousClock.now - start) / .milliseconds(1))
                operations[index] += (engine.operations - before) / Double(steps) / 1e9
            }
        }
        for (index, rehearsal) in rehearsals.enumerated() {
            let share = pictures[0] / pictures[index]
            let ratios = zip(times[index], times[0]).map { $0 / $1 * share }.sorted()
            let row = JSONValue.object([
                ("recipe", JSONValue(paths[index])), ("batch", JSONValue(recipes[index].train.effectiveBatch)),
                ("threads", JSONValue(load.threads)),
                ("step_ms", rounded(median(times[index]))), ("ratio", rounded(median(ratios))),
                ("ratio_min", rounded(ratios[0])), ("ratio_max", rounded(ratios[steps - 1])),
                ("gflops", rounded(operations[index])),
                ("gflops_ratio", rounded(operations[index] / operations[0] * share)),
                ("gflops_per_s", rounded(operations[index] / median(times[index]) * 1000)),
                ("parameters", JSONValue(rehearsal.parameterCount)), ("steps", JSONValue(steps)),
            ])
            print(row.text())
        }
    }

    private func recipe(_ path: String) throws -> Recipe {
        let batch = ownBatches ? [] : ["train.batch_size=\(load.images)", "train.accumulate=1"]
        return try RecipeLibrary.read(
            RecipeLibrary.find(path), set: ["data.source={\"kind\": \"procedural\"}"] + batch)
    }

    private func rehearsal(_ recipe: Recipe, _ engine: Engine) throws -> Rehearsal {
        let count = max(8000, recipe.train.effectiveBatch)
        let source = ProceduralSource(part: .train, count: count, size: recipe.data.imageSize.height)
        let normalization = Normalization(mean: [0.5], deviation: [0.25])
        return try Rehearsal(recipe, source: source, normalization: normalization, engine: engine)
    }
}
#endif
