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
            Pictures are the built-in ones. Times are medians of the steps, ratios medians of the ratios of each turn.
            """)

    @Argument(help: "Files of recipes; the first is the one that others are compared with.")
    var recipes: [String]

    @OptionGroup var load: LoadOptions

    @Option(help: "Timed steps of each.")
    var steps = 15

    func validate() throws {
        if steps < 1 { throw ValidationError("--steps is \(steps), allowed is an integer ≥ 1") }
    }

    func run() throws {
        let engine = try Engine(threads: load.threads)
        let rehearsals = try recipes.map { try rehearsal($0, engine) }
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
            let ratios = zip(times[index], times[0]).map { $0 / $1 }.sorted()
            let row = JSONValue.object([
                ("recipe", JSONValue(recipes[index])), ("batch", JSONValue(load.batch)),
                ("threads", JSONValue(load.threads)),
                ("step_ms", rounded(median(times[index]))), ("ratio", rounded(median(ratios))),
                ("ratio_min", rounded(ratios[0])), ("ratio_max", rounded(ratios[steps - 1])),
                ("gflops", rounded(operations[index])), ("gflops_ratio", rounded(operations[index] / operations[0])),
                ("gflops_per_s", rounded(operations[index] / median(times[index]) * 1000)),
                ("parameters", JSONValue(rehearsal.parameterCount)), ("steps", JSONValue(steps)),
            ])
            print(row.text())
        }
    }

    private func rehearsal(_ path: String, _ engine: Engine) throws -> Rehearsal {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ValidationError("\(path) cannot be read")
        }
        let changes = [
            "data.source={\"kind\": \"procedural\"}", "train.batch_size=\(load.batch)", "train.accumulate=1",
        ]
        let recipe = try Recipe.parse(Array(bytes), set: changes)
        let source = ProceduralSource(part: .train, count: max(8000, load.batch), size: recipe.data.imageSize.height)
        let normalization = Normalization(mean: [0.5], deviation: [0.25])
        return try Rehearsal(recipe, source: source, normalization: normalization, engine: engine)
    }
}
