#if Commands
import ArgumentParser
import Autodiff
import Foundation
import RecipeSchema

/// `bench`: what computing takes, one JSON object a case.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Time training steps on this machine.",
        subcommands: [
            StepCommand.self, PeakCommand.self, ProductsCommand.self, DataCommand.self, StartCommand.self,
            RecipesCommand.self, SolversCommand.self,
        ], defaultSubcommand: StepCommand.self)
}

/// `bench [step]`: a training step of MAE, or plain encoding.
struct StepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step", abstract: "Time MAE training steps, or plain encoding with --features (the default verb).",
        discussion: """
            Example: bench --config vit_tiny_32 --batch 64 --threads 2 --steps 10
            A step is: draw the masks, forward, loss, backward, AdamW. Images are random, made once, outside the clock. \
            Operations are those of all matrix products and attentions, a multiply-add being 2; the peak is that of \
            multiply-adds which wait for nothing (bench peak).
            """)

    @Option(help: "vit_tiny_32, vit_small_64 or vit_base_224.")
    var config = StepConfiguration.all[0].name

    @OptionGroup var load: LoadOptions

    @Option(help: "Timed steps.")
    var steps = 10

    @Option(help: "Untimed steps before them.")
    var warmup = 2

    @Flag(help: "The encoder's forward pass alone, nothing hidden.")
    var features = false

    func validate() throws {
        _ = try StepConfiguration.named(config)
        for (name, value, least) in [("steps", steps, 1), ("warmup", warmup, 0)]
        where value < least {
            throw ValidationError("--\(name) is \(value), allowed is an integer ≥ \(least)")
        }
    }

    func run() throws {
        let configuration = try StepConfiguration.named(config)
        let engine = try Engine(threads: load.threads)
        var step = StepBench(configuration, batch: load.images, features: features, engine: engine)
        let first = step.milliseconds()
        let operations = engine.operations / 1e9
        for _ in 0..<max(0, warmup - 1) { _ = step.milliseconds() }
        let times = (0..<steps).map { _ in step.milliseconds() }.sorted()
        let typical = median(times)
        let rate = operations / typical * 1000
        let row = JSONValue.object([
            ("config", JSONValue(config)), ("mode", JSONValue("palimpsest")), ("batch", JSONValue(load.images)),
            ("threads", JSONValue(load.threads)), ("what", JSONValue(features ? "features" : "train")),
            ("images_per_s", rounded(Double(load.images) / typical * 1000)), ("step_ms", rounded(typical)),
            ("step_ms_min", rounded(times[0])), ("step_ms_max", rounded(times[steps - 1])),
            ("first_step_ms", rounded(first)), ("gflops", rounded(operations)), ("gflops_per_s", rounded(rate)),
            ("pct_of_peak", rounded(100e9 * rate / engine.peakRate(seconds: 0.5))),
            ("isa", JSONValue(engine.level.rawValue)),
            ("peak_rss_mib", rounded(peakMemory())), ("steps", JSONValue(steps)),
            ("parameters", JSONValue(step.parameterCount)),
        ])
        print(row.text())
    }

    private func peakMemory() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1024
    }
}

/// How much a step computes at once, and on what.
struct LoadOptions: ParsableArguments {
    @Option(help: "Images of a step; 64 where it is not given.")
    var batch: Int?

    @Option(help: "Threads.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    /// Images of a step.
    var images: Int { batch ?? 64 }

    func validate() throws {
        if let batch, batch < 1 { throw ValidationError("--batch is \(batch), allowed is an integer ≥ 1") }
    }
}

/// The middle value, or the mean of the middle two.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// Two digits after the point.
func rounded(_ value: Double) -> JSONValue { JSONValue((value * 100).rounded() / 100) }
#endif
