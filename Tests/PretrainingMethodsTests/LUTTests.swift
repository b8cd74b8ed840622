import Autodiff
import ImageMasking
import PretrainingMethods
import RandomStreams
import Testing
import TrainingStep
import VisionTransformers

/// LUT beyond its golden cases.
struct LUTTests {
    private static let grid = PatchGrid(rows: 3, columns: 4)
    private static let context: MethodContext = {
        var encoder = EncoderOptions()
        encoder.patchSize = 2
        encoder.width = 16
        encoder.depth = 2
        encoder.heads = 2
        return MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 4))
    }()

    private func options() -> LUTOptions {
        var options = LUTOptions()
        options.decoderWidth = 16
        options.decoderDepth = 1
        options.decoderHeads = 2
        options.headHidden = 24
        return options
    }

    private func images(_ seed: UInt64, count: Int = 5) -> Tensor {
        var stream = RandomStream(seed: seed)
        return Tensor((0..<count * 3 * 6 * 8).map { _ in Float(stream.normal()) }, [count, 3, 6, 8])
    }

    private func plan(_ count: Int = 5) throws -> MaskPlan {
        try RandomMasking().plan(
            MaskRequest(grid: Self.grid, samples: Array(0..<count)), random: RandomStream(seed: 5))
    }

    private func value<Method: PretrainingMethod>(
        _ method: inout Method, _ batch: Batch, engine: Engine
    ) throws -> Float {
        var tape = Tape(engine: engine)
        let request = StepRequest(random: RandomStream(seed: 7))
        return try method.loss(batch, try plan(batch.samples.count), request, on: &tape).loss.value.item
    }

    @Test func withoutContextItIsMAEOnTheFirstView() throws {
        let engine = try Engine(threads: 2)
        var options = options()
        options.contextWeight = 0
        var lut = options.makeMethod(Self.context)
        var same = MAEOptions()
        same.decoderWidth = 16
        same.decoderDepth = 1
        same.decoderHeads = 2
        var mae = same.makeMethod(Self.context)
        let batch = Batch(images: images(6), otherViews: [images(7)], samples: Array(0..<5))
        #expect(try value(&lut, batch, engine: engine) == value(&mae, batch, engine: engine))
    }

    @Test func theTeacherBeginsAsTheStudentAndMovesByItsMomentum() throws {
        let engine = try Engine(threads: 1)
        var options = options()
        options.emaMomentum = 0
        var method = options.makeMethod(Self.context)
        let weight = try #require(method.parameters.id(named: "head.0.weight"))
        #expect(method.state["teacher/head.0.weight"]?.array == method.parameters[weight].array)
        method.parameters.setValue(Tensor(filled: 2, method.parameters[weight].shape), for: weight)
        #expect(method.state["teacher/head.0.weight"]?.array != method.parameters[weight].array)
        method.finishStep(TrainingProgress(step: 0, stepsPerEpoch: 4, epochs: 1), engine: engine)
        #expect(method.state["teacher/head.0.weight"]?.array == method.parameters[weight].array)
        #expect(LUT.momentum(from: 0.9, at: 10, of: 10) == 1)
    }

    @Test func runningStatisticsMoveTwiceAStepAndAreState() throws {
        let engine = try Engine(threads: 1)
        var method = options().makeMethod(Self.context)
        #expect(method.state["head.1.running_mean"]?.array.allSatisfy { $0 == 0 } ?? false)
        _ = try value(
            &method, Batch(images: images(6), otherViews: [images(7)], samples: Array(0..<5)), engine: engine)
        let state = method.state
        // 0.9 · 0.9 of the initial 1 remains, and variances are not negative.
        #expect(state["head.1.running_var"]?.array.allSatisfy { $0 >= 0.81 - 1e-6 } ?? false)
        var other = options().makeMethod(Self.context)
        other.state = state
        #expect(other.state["head.1.running_var"]?.array == state["head.1.running_var"]?.array)
        #expect(state["teacher/head.1.running_var"]?.array.allSatisfy { $0 == 1 } ?? false)
    }

    @Test func aBatchOfOneOrOfOneViewIsRefused() throws {
        let engine = try Engine(threads: 1)
        var method = options().makeMethod(Self.context)
        #expect(throws: MethodError.self) {
            try value(&method, Batch(images: images(6), samples: Array(0..<5)), engine: engine)
        }
        #expect(throws: MethodError.self) {
            try value(
                &method, Batch(images: images(6, count: 1), otherViews: [images(7, count: 1)], samples: [0]),
                engine: engine)
        }
    }
}
