#if Commands
import ArgumentParser
import Autodiff
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import TrainingStep
import VisionTransformers

/// A model that is timed; the same three as in every comparison.
struct StepConfiguration: Sendable {
    var name: String
    var image: Int
    var patch: Int
    var width: Int
    var depth: Int
    var heads: Int
    var decoderWidth: Int
    var decoderDepth: Int
    var decoderHeads: Int

    static let all = [
        StepConfiguration(
            name: "vit_tiny_32", image: 32, patch: 4, width: 192, depth: 12, heads: 3, decoderWidth: 96,
            decoderDepth: 4, decoderHeads: 3),
        StepConfiguration(
            name: "vit_small_64", image: 64, patch: 8, width: 384, depth: 12, heads: 6, decoderWidth: 192,
            decoderDepth: 4, decoderHeads: 6),
        StepConfiguration(
            name: "vit_base_224", image: 224, patch: 16, width: 768, depth: 12, heads: 12, decoderWidth: 512,
            decoderDepth: 8, decoderHeads: 16),
    ]

    /// The one of a name.
    static func named(_ name: String) throws -> StepConfiguration {
        guard let found = all.first(where: { $0.name == name }) else {
            let names = all.map(\.name).joined(separator: ", ")
            throw ValidationError("--config is \(name), allowed are \(names)")
        }
        return found
    }
}

/// Steps of one configuration on random images.
struct StepBench {
    private var method: MAE
    private var steps: StepTaker
    private let images: Tensor
    private let engine: Engine
    private let features: Bool
    private let grid: PatchGrid
    private var step = 0

    init(_ configuration: StepConfiguration, batch: Int, features: Bool, engine: Engine) {
        var encoder = EncoderOptions()
        encoder.patchSize = configuration.patch
        encoder.width = configuration.width
        encoder.depth = configuration.depth
        encoder.heads = configuration.heads
        var options = MAEOptions()
        options.decoderWidth = configuration.decoderWidth
        options.decoderDepth = configuration.decoderDepth
        options.decoderHeads = configuration.decoderHeads
        let side = configuration.image
        grid = encoder.grid(height: side, width: side)
        method = options.makeMethod(MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 0)))
        let groups = ParameterGroup.each(of: method.parameters, treatment: method.treatment(of:))
        steps = StepTaker(
            AdamW(for: method.parameters, groups), for: method.parameters,
            StepTaker.Rules(rates: ConstantSchedule(1e-4), decays: ConstantSchedule(0.05)))
        var stream = RandomStream(seed: 1)
        let count = batch * 3 * side * side
        images = Tensor((0..<count).map { _ in Float(stream.normal()) }, [batch, 3, side, side])
        self.engine = engine
        self.features = features
    }

    var parameterCount: Int { method.parameters.parameterCount }

    /// Takes a step; the milliseconds it took.
    mutating func milliseconds() -> Double {
        let start = ContinuousClock.now
        if features { encode() } else { train() }
        step += 1
        return (ContinuousClock.now - start) / .milliseconds(1)
    }

    private func encode() {
        var tape = Tape(engine: engine, recording: false)
        _ = method.encoder(images, method.parameters, on: &tape)
    }

    private mutating func train() {
        let samples = Array(0..<images.shape[0])
        let random = RandomStream(seed: 2)
        let request = MaskRequest(grid: grid, samples: samples, epoch: step)
        let batch = Batch(images: images, samples: samples)
        guard let plan = try? RandomMasking().plan(request, random: random) else { return }
        _ = try? steps.take(&method, on: engine) { method, _, tape in
            try method.loss(batch, plan, random: random, on: &tape).loss
        }
    }
}
#endif
