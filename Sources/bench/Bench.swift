import ArgumentParser
import Autodiff
import Foundation
import RecipeSchema

/// `bench`: what a training step or plain encoding takes, one JSON object a case.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Time MAE training steps, or plain encoding with --features.",
        discussion: """
            Example: bench --config vit_tiny_32 --batch 64 --threads 2 --steps 10
            A step is: draw the masks, forward, loss, backward, AdamW. Images are random, made once, outside the clock. \
            Operations are counted as 3 x forward, a multiply-add being 2.
            """)

    @Option(help: "vit_tiny_32, vit_small_64 or vit_base_224.")
    var config = StepConfiguration.all[0].name

    @Option(help: "Images of a step.")
    var batch = 64

    @Option(help: "Threads.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: "Timed steps.")
    var steps = 10

    @Option(help: "Untimed steps before them.")
    var warmup = 2

    @Flag(help: "The encoder's forward pass alone, nothing hidden.")
    var features = false

    func validate() throws {
        guard StepConfiguration.all.contains(where: { $0.name == config }) else {
            let names = StepConfiguration.all.map(\.name).joined(separator: ", ")
            throw ValidationError("--config is \(config), allowed are \(names)")
        }
        for (name, value, least) in [("batch", batch, 1), ("steps", steps, 1), ("warmup", warmup, 0)]
        where value < least {
            throw ValidationError("--\(name) is \(value), allowed is an integer ≥ \(least)")
        }
    }

    func run() throws {
        guard let configuration = StepConfiguration.all.first(where: { $0.name == config }) else { return }
        let engine = try Engine(threads: threads)
        var step = StepBench(configuration, batch: batch, features: features, engine: engine)
        let first = step.milliseconds()
        for _ in 0..<max(0, warmup - 1) { _ = step.milliseconds() }
        let times = (0..<steps).map { _ in step.milliseconds() }.sorted()
        let median = steps % 2 == 1 ? times[steps / 2] : (times[steps / 2 - 1] + times[steps / 2]) / 2
        let operations = configuration.operations(batch: batch, features: features) / 1e9
        let rate = operations / median * 1000
        func rounded(_ value: Double) -> JSONValue { JSONValue((value * 100).rounded() / 100) }
        let row = JSONValue.object([
            ("config", JSONValue(config)), ("mode", JSONValue("palimpsest")), ("batch", JSONValue(batch)),
            ("threads", JSONValue(threads)), ("what", JSONValue(features ? "features" : "train")),
            ("images_per_s", rounded(Double(batch) / median * 1000)), ("step_ms", rounded(median)),
            ("step_ms_min", rounded(times[0])), ("step_ms_max", rounded(times[steps - 1])),
            ("first_step_ms", rounded(first)), ("gflops", rounded(operations)), ("gflops_per_s", rounded(rate)),
            ("pct_of_peak", rounded(100 * rate / productRate(engine))), ("isa", JSONValue(engine.level.rawValue)),
            ("peak_rss_mib", rounded(peakMemory())), ("steps", JSONValue(steps)),
            ("parameters", JSONValue(step.parameterCount)),
        ])
        print(row.text())
    }

    /// The peak that `pct_of_peak` refers to: the fastest of some products of 768 x 768 x 768, in GFLOP/s.
    private func productRate(_ engine: Engine) -> Double {
        let side = 768
        let a = Tensor(filled: 0.5, [side, side])
        let seconds = (0..<20).map { _ in
            let start = ContinuousClock.now
            var tape = Tape(engine: engine, recording: false)
            _ = tape.linear(tape.constant(a), weight: tape.constant(a))
            return (ContinuousClock.now - start) / .seconds(1)
        }
        return 2 * Double(side * side * side) / (seconds.min() ?? 1) / 1e9
    }

    private func peakMemory() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1024
    }
}
