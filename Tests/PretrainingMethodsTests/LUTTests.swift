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
        _ method: inout Method, _ batch: Batch, engine: Engine, trace: ForwardTrace? = nil
    ) throws -> Float {
        var tape = Tape(engine: engine)
        return try method.loss(
            batch, try plan(batch.samples.count), StepRequest(trace: trace), random: RandomStream(seed: 7), on: &tape
        ).loss.value.item
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

    /// Mean and variance (divided by rows − 1) of each output of the projector's first layer, from the traced tokens of a view.
    private func moments(
        _ tokens: Tensor?, of method: LUT
    ) throws -> (means: [Double], variances: [Double]) {
        let tokens = try #require(tokens)
        let weight = try #require(method.parameters["head.0.weight"])
        let (count, length, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[2])
        let first = method.encoder.prefix
        let (numbers, weights) = (tokens.array.map(Double.init), weight.array.map(Double.init))
        let pooled = (0..<count).map { image in
            (0..<width).map { column in
                (first..<length).reduce(0) { $0 + numbers[(image * length + $1) * width + column] }
                    / Double(length - first)
            }
        }
        var moments: (means: [Double], variances: [Double]) = ([], [])
        for row in 0..<weight.shape[0] {
            let values = pooled.map { image in
                image.indices.reduce(0) { $0 + image[$1] * weights[row * width + $1] }
            }
            let mean = values.reduce(0, +) / Double(count)
            moments.means.append(mean)
            moments.variances.append(values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1))
        }
        return moments
    }

    @Test func runningStatisticsMoveTwiceAStepAndAreState() throws {
        let engine = try Engine(threads: 1)
        var method = options().makeMethod(Self.context)
        #expect(method.state["head.1.running_mean"]?.array.allSatisfy { $0 == 0 } ?? false)
        let trace = ForwardTrace()
        _ = try value(
            &method, Batch(images: images(6), otherViews: [images(7)], samples: Array(0..<5)), engine: engine,
            trace: trace)
        let observed = method.takeObservations()
        #expect(method.takeObservations().isEmpty)
        method.apply(observed)
        let state = method.state
        let one = try moments(trace.points["student1/output"], of: method)
        let two = try moments(trace.points["student2/output"], of: method)
        let means = try #require(state["head.1.running_mean"]?.array)
        let variances = try #require(state["head.1.running_var"]?.array)
        #expect(means.count == 24 && one.means.contains { abs($0) > 1e-2 })
        for index in means.indices {
            // 0.9 · (0.9 · old + 0.1 · first view) + 0.1 · second view, from means of 0 and variances of 1.
            #expect(abs(Double(means[index]) - 0.09 * one.means[index] - 0.1 * two.means[index]) < 1e-5)
            let variance = 0.81 + 0.09 * one.variances[index] + 0.1 * two.variances[index]
            #expect(abs(Double(variances[index]) - variance) < 1e-5)
        }
        var other = options().makeMethod(Self.context)
        other.state = state
        #expect(other.state["head.1.running_var"]?.array == variances)
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
