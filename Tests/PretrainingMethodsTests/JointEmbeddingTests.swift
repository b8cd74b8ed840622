import Autodiff
import ImageMasking
import PretrainingMethods
import RandomStreams
import RecipeSchema
import Testing
import TrainingStep
import VisionTransformers

/// I-JEPA and DMT-JEPA: who sees what, and what changes when.
struct JointEmbeddingTests {
    static let grid = PatchGrid(rows: 4, columns: 5)
    static let encoder: EncoderOptions = {
        var options = EncoderOptions()
        options.patchSize = 2
        options.channels = 1
        options.width = 16
        options.depth = 2
        options.heads = 2
        options.classToken = false
        return options
    }()
    static let mask = BlockMask(
        grid: grid, contexts: [[[0, 1, 5, 6], [3, 4, 8, 9]], [[10, 11, 15, 16], [0, 1, 2, 3]]],
        targets: [[[7, 8], [11, 12]], [[13, 18], [15, 16]]])

    /// What is shown of blocks: each context and each target alone, all other patches at the mean.
    @Test func contextsAndTargetsAreShown() {
        let images = Tensor([Float](repeating: 1, count: 2 * 8 * 10), [2, 1, 8, 10])
        let shown = MaskPlan.blocks(Self.mask).seen(images)
        #expect(shown.map(\.name) == ["seen, context 1", "seen, context 2", "target 1", "target 2"])
        for (images, blocks) in zip(shown.map(\.images), Self.mask.contexts + Self.mask.targets) {
            for (image, cells) in blocks.enumerated() {
                let bright = Set(
                    (0..<80).filter { images.array[image * 80 + $0] == 1 }.map { Int32($0 / 20 * 5 + $0 % 10 / 2) })
                #expect(bright == Set(cells))
                #expect((0..<80).count { images.array[image * 80 + $0] == 1 } == 4 * cells.count)
            }
        }
    }

    private func images(_ count: Int = 2, changing: [Int] = [], in image: Int = 0) -> Tensor {
        var stream = RandomStream(seed: 8)
        var pixels = (0..<count * 8 * 10).map { _ in Float(stream.normal()) }
        for cell in changing {
            let (row, column) = (cell / 5 * 2, cell % 5 * 2)
            for place in [(row, column), (row + 1, column + 1)] { pixels[image * 80 + place.0 * 10 + place.1] += 3 }
        }
        return Tensor(pixels, [count, 1, 8, 10])
    }

    private func options<Options: JointEmbeddingOptions>(_: Options.Type) -> Options {
        var options = Options()
        options.predictorWidth = 8
        options.predictorDepth = 2
        return options
    }

    private func context() -> MethodContext {
        MethodContext(encoder: Self.encoder, grid: Self.grid, random: RandomStream(seed: 4))
    }

    private func points<Options: JointEmbeddingOptions>(
        _ options: Options, _ images: Tensor, _ mask: BlockMask = mask
    ) throws -> [String: Tensor] {
        var method = try options.makeMethod(context())
        let trace = ForwardTrace()
        var tape = Tape(engine: try Engine(threads: 2))
        let batch = Batch(images: images, samples: Array(0..<images.shape[0]))
        let request = StepRequest(wantsConstantLoss: true, trace: trace)
        let result = try method.loss(batch, .blocks(mask), request, random: RandomStream(seed: 7), on: &tape)
        // One image alone has no spread.
        #expect(result.indicators.allSatisfy { $0.value.isFinite && ($0.value > 0 || images.shape[0] == 1) })
        return trace.points
    }

    private func checkPredictionsSeeOnlyTheContext<Options: JointEmbeddingOptions>(_ type: Options.Type) throws {
        let plain = try points(options(type), images())
        // Cells 7, 13 and 19 of image 0 are in none of its contexts.
        let hidden = try points(options(type), images(changing: [7, 13, 19]))
        #expect(plain["predictor/output"]?.array == hidden["predictor/output"]?.array)
        #expect(plain["targets"]?.array != hidden["targets"]?.array)
        // Cell 0 is in its first context.
        let seen = try points(options(type), images(changing: [0]))
        #expect(plain["predictor/output"]?.array != seen["predictor/output"]?.array)
    }

    @Test func predictionsSeeOnlyTheContext() throws {
        try checkPredictionsSeeOnlyTheContext(IJEPAOptions.self)
        try checkPredictionsSeeOnlyTheContext(DMTJEPAOptions.self)
    }

    @Test func targetsDoNotSeeEachOther() throws {
        let both = try points(options(IJEPAOptions.self), images())
        let second = BlockMask(grid: Self.grid, contexts: Self.mask.contexts, targets: [Self.mask.targets[1]])
        let alone = try points(options(IJEPAOptions.self), images(), second)
        // Rows go target by target: those of the second are the last four of eight.
        #expect(both["predictor/output"]?.shape == [8, 2, 16])
        #expect(both["predictor/output"]?.entries(4..<8).array == alone["predictor/output"]?.array)
        #expect(both["targets"]?.entries(4..<8).array == alone["targets"]?.array)
    }

    @Test func eachContextHasTheTargetOfItsImage() throws {
        let all = try points(options(IJEPAOptions.self), images())
        let targets = try #require(all["targets"])
        // Rows (t, e, b): for each target, the two contexts meet the same features.
        #expect(targets.entries(0..<2).array == targets.entries(2..<4).array)
        #expect(targets.entries(0..<2).array != targets.entries(4..<6).array)
        #expect(targets.entries(0..<1).array != targets.entries(1..<2).array)
    }

    private func step<Options: JointEmbeddingOptions>(_ options: Options, momentum: Double) throws -> Options.Method {
        var options = options
        options.ema = [momentum, momentum]
        var method = try options.makeMethod(context())
        let first = method.parameters.ids.first
        if let first { method.parameters.setValue(Tensor(filled: 3, method.parameters.entry(first).shape), for: first) }
        method.finishStep(
            TrainingProgress(step: 0, stepsPerEpoch: 3, epochs: 2), engine: try Engine(threads: 1))
        return method
    }

    @Test func theTargetEncoderIsNotTrainedAndFollowsSlowly() throws {
        let still = try step(options(IJEPAOptions.self), momentum: 1)
        let moved = try step(options(IJEPAOptions.self), momentum: 0.75)
        #expect(!still.parameters.entries.contains { $0.name.hasPrefix("target_") })
        let name = "patch_embed.proj.weight"
        let start = try #require(still.state["target_encoder.\(name)"]?.array)
        let end = try #require(moved.state["target_encoder.\(name)"]?.array)
        #expect(zip(start, end).allSatisfy { abs($1 - (0.75 * $0 + 0.25 * 3)) < 1e-6 })
        #expect(moved.encoderParameters["encoder.\(name)"]?.array == end)
    }

    @Test func bothHeadsAreKeptAndTheTargetHeadFollows() throws {
        let method = try step(options(DMTJEPAOptions.self), momentum: 0.5)
        #expect(method.parameters.entries.contains { $0.name == "local_agg_head.cls_blocks.1.attn.k.bias" })
        #expect(method.state["target_local_agg_head.norm.weight"]?.array == [Float](repeating: 1, count: 16))
    }

    @Test func parametersFromAFileBeginTheAverageToo() throws {
        var method = options(IJEPAOptions.self).makeMethod(context())
        let id = try #require(method.parameters.id(named: "encoder.norm.bias"))
        method.parameters.setValue(Tensor(filled: 2, [16]), for: id)
        method.adoptParameters()
        #expect(method.state["target_encoder.norm.bias"]?.array == [Float](repeating: 2, count: 16))
    }

    @Test func ownQueriesDoNotDependOnTheBatchAndTiledOnesDo() throws {
        let one = BlockMask(
            grid: Self.grid, contexts: Self.mask.contexts.map { [$0[0]] }, targets: Self.mask.targets.map { [$0[0]] })
        var options = options(DMTJEPAOptions.self)
        for (variant, depends) in [(DMTJEPAOptions.Variant.corrected, false), (.reference, true)] {
            options.variant = variant
            let alone = try points(options, images(1), one)["target_head_out"]?.array ?? []
            let batch = try points(options, images())["target_head_out"]?.entries(0..<1).array ?? [1]
            let same = zip(alone, batch).allSatisfy { abs($0 - $1) < 1e-5 }
            #expect(alone.count == batch.count && same != depends)
            #expect((options.needs.wholeBatches != nil) == depends)
        }
    }

    @Test func variantsImplyBorderAndQueryUnlessGiven() {
        var options = DMTJEPAOptions()
        #expect(options.effectiveBorder == .clip && options.effectiveQuery == .ownImage)
        options.variant = .reference
        #expect(options.effectiveBorder == .wrap && options.effectiveQuery == .tiled)
        options.border = .clip
        options.targetQuery = .ownImage
        #expect(options.effectiveBorder == .clip && options.effectiveQuery == .ownImage)
    }

    @Test func equalCosinesGoToTheLowerCell() throws {
        let window = NeighbourWindow(grid: PatchGrid(rows: 1, columns: 4), window: 3, border: .wrap)
        #expect(window.candidates == [[1, 3], [0, 2], [1, 3], [0, 2]])
        let features = Tensor([1, 0, 0, 1, 1, 0, 0, 0], [1, 4, 2])
        let chosen = window.mostSimilar(1, in: features, engine: try Engine(threads: 1))
        #expect(chosen.ids.array == [1, 0, 1, 0] && chosen.cosines.array == [0, 0, 0, 0])
    }

    @Test func encodersThatDoNotFitAreRefused() {
        func faults(_ change: (inout EncoderOptions) -> Void) -> [String] {
            var encoder = Self.encoder
            change(&encoder)
            return options(IJEPAOptions.self).faults(encoder: encoder, grid: Self.grid)
        }
        #expect(faults { _ in }.isEmpty)
        #expect(
            faults { $0.classToken = true } == ["ijepa has no place for a class token; set model.class_token to false"])
        #expect(faults { $0.position = .learned }.first?.contains("fixed positions, columns first") == true)
        #expect(faults { $0.positionOrder = .rowFirst }.first?.contains("fixed positions, columns first") == true)
        #expect(faults { $0.qkvBias = .noKey }.first?.contains("model.qkv_bias") == true)
        #expect(faults { $0.heads = 16 } == ["predictor_width 8 is not a multiple of predictor_heads 16"])
        let dot = PatchGrid(rows: 1, columns: 1)
        #expect(DMTJEPAOptions().faults(encoder: Self.encoder, grid: dot).last?.contains("no neighbours") == true)
    }
}
