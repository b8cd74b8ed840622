import Autodiff
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// The student, and what the loss leaves alone.
struct MaskAlignTests {
    static let grid = PatchGrid(rows: 3, columns: 4)

    private func context() -> MethodContext {
        var encoder = EncoderOptions()
        encoder.patchSize = 4
        encoder.width = 16
        encoder.depth = 2
        encoder.heads = 2
        return MethodContext(encoder: encoder, grid: Self.grid, random: RandomStream(seed: 4))
    }

    private func batch() -> Batch {
        var stream = RandomStream(seed: 6)
        let numbers = (0..<3 * 3 * 12 * 16).map { _ in Float(stream.normal()) }
        return Batch(images: Tensor(numbers, [3, 3, 12, 16]), samples: [3, 1, 4])
    }

    private func plan(_ importance: [Float]?) throws -> MaskPlan {
        try AttentionMasking().plan(
            MaskRequest(grid: Self.grid, samples: [3, 1, 4], importance: importance), random: RandomStream(seed: 5))
    }

    @Test(arguments: [(true, 0), (true, 2), (false, 0)])
    func aStepLeavesIdleWeightsAsTheyAre(classToken: Bool, registers: Int) throws {
        let home = try TemporaryFolder()
        var options = MaskAlignOptions()
        options.teacher = try TinyTeacher(depth: 3, registers: registers, classToken: classToken).options(in: home)
        options.lossLayers = .mid(1)
        let engine = try Engine(threads: 1)
        var method = try options.makeMethod(context())
        let importance = try #require(try method.importance(of: batch(), engine: engine))
        #expect(importance.count == 36 && importance.allSatisfy { $0 > 0 && $0 < 1 })
        if !classToken {
            // What patches give is what patches get.
            for image in 0..<3 { #expect(abs(importance[image * 12..<image * 12 + 12].reduce(0, +) - 1) < 1e-5) }
        }
        let before = method.parameters
        var tape = Tape(engine: engine)
        let result = try method.loss(batch(), try plan(importance), random: RandomStream(seed: 7), on: &tape)
        let gradients = tape.gradients(of: result.loss, for: method.parameters)
        let groups = ParameterGroup.each(of: method.parameters, treatment: method.treatment(of:))
        var optimizer = AdamW(for: method.parameters, groups)
        optimizer.update(
            &method.parameters, gradients, StepSettings(learningRate: 0.01, weightDecay: 0.5), on: engine)
        for entry in before.entries {
            let isIdle =
                entry.name.hasPrefix("norm.")
                || (entry.name.hasPrefix("distill_heads.") && !entry.name.hasPrefix("distill_heads.1."))
            #expect((method.parameters[entry.name]?.array == before[entry.name]?.array) == isIdle, "\(entry.name)")
        }
        // Rows of blocks that do not count belong to the matrix: no gradient, and no decay either.
        let mixing = try #require(method.parameters["distill_weights"]?.array)
        #expect(mixing[0] == 0.5 && mixing[1] == 0.5 && mixing[2] != 0.5 && mixing[4] == 0.5)
    }

    @Test func lookingAtTheTeacherForMasksFirstChangesNothing() throws {
        let home = try TemporaryFolder()
        var options = MaskAlignOptions()
        options.teacher = try TinyTeacher().options(in: home)
        let engine = try Engine(threads: 1)
        func loss(asking: Bool, other: Bool) throws -> Float {
            var method = try options.makeMethod(context())
            if other {
                var images = batch().images
                images.withUnsafeMutableBuffer { $0[5] += 1 }
                _ = try method.importance(of: Batch(images: images, samples: [3, 1, 4]), engine: engine)
            }
            if asking { _ = try method.importance(of: batch(), engine: engine) }
            var tape = Tape(engine: engine)
            let plan = try plan([Float](repeating: 1, count: 36))
            return try method.loss(batch(), plan, random: RandomStream(seed: 7), on: &tape).loss.value.item
        }
        let plain = try loss(asking: false, other: false)
        #expect(try loss(asking: true, other: false) == plain && loss(asking: false, other: true) == plain)
    }

    @Test func depthsThatDoNotMatchAreRefusedWhereBlocksArePaired() throws {
        let home = try TemporaryFolder()
        var options = MaskAlignOptions()
        options.teacher = try TinyTeacher(depth: 3).options(in: home)
        for fusion in [AlignmentFusion.linear, .simple] {
            options.fusion = fusion
            let thrown = #expect(throws: MethodError.self) { try options.makeMethod(context()) }
            #expect(thrown?.description.contains("it has 3 blocks, and method.fusion") == true)
        }
        options.fusion = nil
        options.lossLayers = .top(4)
        let thrown = #expect(throws: MethodError.self) { try options.makeMethod(context()) }
        #expect(thrown?.description.contains("too few for method.loss_layers \"top4\"") == true)
    }

    @Test func constantsOfATeacherBelongToItsChannels() throws {
        let home = try TemporaryFolder()
        var options = MaskAlignOptions()
        options.teacher = try TinyTeacher().options(in: home)
        for (mean, deviation) in [([0.1, 0.2], [1.0]), ([0.1, 0.2, 0.3], [1, 1])] {
            (options.teacher.mean, options.teacher.deviation) = (mean, deviation)
            let thrown = #expect(throws: MethodError.self) { try options.makeMethod(context()) }
            #expect(thrown?.description.contains("its mean and std have 2 numbers for 3 channels") == true)
        }
    }

    @Test func weightsOfLayersAreReadAndAddUpToOne() {
        for text in ["mean", "out", "linear_decay", "top1", "top4", "mid0", "mid3"] {
            let layers = LossLayers(text)
            #expect(layers?.text == text)
            #expect(abs((layers?.weights(of: 4)?.reduce(0, +) ?? 0) - 1) < 1e-12)
        }
        for text in ["", "top", "top0", "top-1", "mid", "mid1x", "last", "top 3"] { #expect(LossLayers(text) == nil) }
        #expect(LossLayers.mid(4).weights(of: 4) == nil && LossLayers.linearDecay.weights(of: 1) == nil)
        var problems: [Problem] = []
        #expect(LossLayers.decode(JSONValue("last"), at: "$.x", &problems) == nil)
        #expect(problems.first?.message.hasPrefix("found a string \"last\", allowed is \"mean\"") == true)
    }
}
