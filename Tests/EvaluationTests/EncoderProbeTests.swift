import Autodiff
import Evaluation
import ImageData
import ImageMasking
import RandomStreams
import RecipeSchema
import Testing
import VisionTransformers

/// Protocols that train heads on what an encoder makes of augmented pictures; every one of the catalogue, made short.
struct EncoderProbeTests {
    /// Pictures whose class is their brightness.
    private struct Brightness: ImageSource {
        var count: Int
        var classes = 2
        var turn = 0
        var labelNames: [String]? { nil }
        var fingerprint: String { "brightness" }
        func image(_ index: Int) throws(ImageError) -> DecodedImage {
            let base = index % classes * 150
            return DecodedImage(
                height: 8, width: 8, channels: 1,
                samples: .uint8((0..<64).map { UInt8(base + ($0 * 7 + index * 13) % 60) }))
        }
        func label(_ index: Int) -> Int? { (index + turn) % classes }
        func key(_ index: Int) -> String { "\(index)" }
    }

    /// Protocols of encoders; the one that asks another is tried elsewhere.
    static let names = ProbeCatalogue.all.filter { $0.init().needs == .encoder }.map { $0.name }

    private func named(_ name: String, steps: Int) throws -> any Probe {
        let rows = try #require(probeProtocols.named(name)).descriptions.map(\.name)
        let short = [
            "steps": "\(steps)", "epochs": "\(max(1, steps / 4))", "warmup_epochs": "0", "batch_size": "8",
            "learning_rates": "[0.3, 3, 30, 300]", "base_learning_rate": "0.3",
            // Turned brightness is the other class.
            "randaugment": "false",
        ]
        return try ProbeCatalogue.named(name, set: short.filter { rows.contains($0.key) }.map { "\(name).\($0)=\($1)" })
    }

    private func subject(threads: Int = 1, turn: Int = 0, train: Int = 40) throws -> ProbeSubject {
        var options = EncoderOptions()
        options.patchSize = 4
        options.width = 8
        options.depth = 4
        options.heads = 2
        options.channels = 1
        var store = ParameterStore()
        let encoder = Encoder(
            options, grid: PatchGrid(rows: 2, columns: 2), adding: &store, random: RandomStream(seed: 1))
        let transform = EvaluationTransform(
            shape: (1, 8, 8), normalization: Normalization(mean: [0.5], deviation: [0.25]))
        return ProbeSubject(
            .init(encoder, store, transform), train: Brightness(count: train), test: Brightness(count: 20, turn: turn),
            on: Samples.onThreads(threads)
        ) { _, _ in throw EvaluationError("nobody asked for a table") }
    }

    @Test(arguments: names) func brightAndDarkAreToldApart(name: String) throws {
        let scores = try named(name, steps: 60).scores(try subject(), random: RandomStream(seed: 2))
        #expect(scores.first?.name == name && !scores.isEmpty)
        for score in scores {
            #expect(score.test == 20 && score.outcomes.count == 20)
            #expect(score.chosen["steps"]?.int != nil && score.chosen["batch_size"]?.int == 8)
        }
        #expect((scores.map(\.accuracy).max() ?? 0) > 0.9, "\(scores.map(\.accuracy))")
    }

    @Test(arguments: names) func neitherThreadsNorTestLabelsReachAChoice(name: String) throws {
        let probe = try named(name, steps: 4)
        let scores = try probe.scores(try subject(), random: RandomStream(seed: 2))
        #expect(try probe.scores(try subject(threads: 3), random: RandomStream(seed: 2)) == scores)
        let turned = try probe.scores(try subject(turn: 1), random: RandomStream(seed: 2))
        for (a, b) in zip(scores, turned) {
            #expect(a.chosen == b.chosen && abs(a.accuracy + b.accuracy - 1) < 1e-9)
        }
    }

    @Test(arguments: names) func rawPixelsAreRefused(name: String) throws {
        let pixels = ProbeSubject(
            nil, train: Brightness(count: 9), test: Brightness(count: 9), on: Samples.engine
        ) { _, _ in throw EvaluationError("nobody asked for a table") }
        let error = #expect(throws: EvaluationError.self) {
            try named(name, steps: 1).scores(pixels, random: RandomStream(seed: 2))
        }
        #expect(error?.description == "\(name) needs an encoder, and raw pixels have none")
    }

    @Test func aShareOfTheLabelsIsAllThatAHeadSees() throws {
        let probe = try ProbeCatalogue.named(
            "low-shot",
            set: ["low-shot.protocol=cae-attentive", "low-shot.shares=[0.5]", "low-shot.draws=1"])
        #expect(probe.needs == .encoder)
        let scores = try probe.scores(try subject(train: 8), random: RandomStream(seed: 2))
        #expect(scores.map(\.train) == [4])
    }
}
