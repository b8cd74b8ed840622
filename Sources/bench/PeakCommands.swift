#if Commands
import ArgumentParser
import Autodiff
import Foundation
import RecipeSchema

/// `bench peak`: what this machine can do at most.
struct PeakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peak", abstract: "Measure the most operations and the most bytes a second of this machine.",
        discussion: """
            Example: bench peak --threads 2
            Operations: independent chains of multiply-adds of whole vectors at the level in use (PALIMPSEST_ISA lowers it), \
            the best of stretches of some milliseconds within a second. Bytes: 512 MiB that no cache holds, read once by all threads.
            """)

    @Option(help: "Threads.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    func run() throws {
        let engine = try Engine(threads: threads)
        print(
            JSONValue.object([
                ("threads", JSONValue(threads)), ("isa", JSONValue(engine.level.rawValue)),
                ("gflops_per_s", rounded(engine.peakRate(seconds: 1) / 1e9)),
                ("read_gb_per_s", rounded(engine.readRate(seconds: 1) / 1e9)),
            ]).text())
    }
}

/// `bench products`: the products of a step, one by one.
struct ProductsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "products", abstract: "List every matrix product and attention of a training step.",
        discussion: """
            Example: bench products --config vit_tiny_32 --batch 64 --threads 2
            One JSON object a shape, the longest first: how often a step has it, its share of the step's time, operations a \
            second, and these as a share of the peak that bench peak measures. The last object is what is left: norms, \
            additions, copies, the optimiser.
            """)

    @Option(help: "vit_tiny_32, vit_small_64 or vit_base_224.")
    var config = StepConfiguration.all[0].name

    @OptionGroup var load: LoadOptions

    @Option(help: "Steps that are added up, behind two that are not.")
    var steps = 5

    func validate() throws {
        _ = try StepConfiguration.named(config)
        if steps < 1 { throw ValidationError("--steps is \(steps), allowed is an integer ≥ 1") }
    }

    func run() throws {
        let configuration = try StepConfiguration.named(config)
        let engine = try Engine(threads: load.threads)
        let peak = engine.peakRate(seconds: 1)
        var step = StepBench(configuration, batch: load.images, features: false, engine: engine)
        for _ in 0..<2 { _ = step.milliseconds() }
        var total = 0.0
        let timings = engine.timingProducts { for _ in 0..<steps { total += step.milliseconds() / 1000 } }
        for (product, found) in timings.sorted(by: { $0.value.seconds > $1.value.seconds }) {
            let rate = product.operations * Double(found.calls) / found.seconds
            print(
                JSONValue.object([
                    ("what", JSONValue(product.what)), ("batch", JSONValue(product.batch)), ("m", JSONValue(product.m)),
                    ("n", JSONValue(product.n)), ("k", JSONValue(product.k)),
                    ("calls", JSONValue(found.calls / steps)), ("pct_of_step", rounded(100 * found.seconds / total)),
                    ("gflops_per_s", rounded(rate / 1e9)), ("pct_of_peak", rounded(100 * rate / peak)),
                ]).text())
        }
        let rest = total - timings.values.reduce(0) { $0 + $1.seconds }
        print(
            JSONValue.object([
                ("what", JSONValue("all else")), ("pct_of_step", rounded(100 * rest / total)),
                ("step_ms", rounded(1000 * total / Double(steps))), ("peak_gflops_per_s", rounded(peak / 1e9)),
                ("threads", JSONValue(load.threads)), ("isa", JSONValue(engine.level.rawValue)),
            ]).text())
    }
}
#endif
