import Autodiff
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import Testing
import TrainingStep
import VisionTransformers

/// LeJEPA beyond its golden cases.
struct LeJEPATests {
    private static let grid = PatchGrid(rows: 3, columns: 4)

    private func context(_ change: (inout EncoderOptions) -> Void = { _ in }) -> MethodContext {
        var encoder = EncoderOptions()
        encoder.patchSize = 2
        encoder.width = 16
        encoder.depth = 2
        encoder.heads = 2
        change(&encoder)
        return MethodContext(encoder: encoder, grid: Self.grid, random: RandomStream(seed: 4))
    }

    private func options(_ change: (inout LeJEPAOptions) -> Void = { _ in }) -> LeJEPAOptions {
        var options = LeJEPAOptions()
        options.globalViews = 2
        options.embedding = 12
        options.projectorHidden = 24
        options.projectorWidth = 6
        options.slices = 16
        options.views.blurProbability = 0
        change(&options)
        return options
    }

    /// Views of the sizes that the options want: shifted and noisy copies of pictures of their own.
    private func batch(_ options: LeJEPAOptions, pictures: Int = 8, step: Int = 0) -> Batch {
        var stream = RandomStream(seed: 6).child(step)
        let views = options.multiView.sizes(of: ImageSize(height: 6, width: 8)).map { size in
            Tensor(
                (0..<pictures).flatMap { picture in
                    (0..<3 * size.height * size.width).map { place in
                        Float(stream.normal()) * 0.3 + Float(picture * (place % 5 + 1) % 7) / 3 - 1
                    }
                }, [pictures, 3, size.height, size.width])
        }
        return Batch(
            images: views[0], otherViews: Array(views.dropFirst()), samples: Array(0..<pictures), step: step)
    }

    private func value(
        _ options: LeJEPAOptions, _ context: MethodContext, _ batch: Batch, trace: ForwardTrace? = nil
    ) throws -> StepResult {
        var method = options.makeMethod(context)
        var tape = Tape(engine: try Engine(threads: 2))
        return try method.loss(
            batch, .nothing, StepRequest(wantsConstantLoss: true, trace: trace), random: RandomStream(seed: 7),
            on: &tape)
    }

    /// What it compares is what there is to see.
    @Test func viewsAreShownUnderTheirNames() throws {
        let options = options {
            $0.localViews = 1
            $0.localSize = ImageSize(4)
        }
        let batch = batch(options)
        var method = options.makeMethod(context())
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let shown = try method.loss(
            batch, .nothing, StepRequest(wantsImages: true), random: RandomStream(seed: 7), on: &tape
        ).shown
        #expect(shown.map(\.name) == ["global view 1", "global view 2", "local view 1"])
        #expect(shown.map(\.images.array) == ([batch.images] + batch.otherViews).map(\.array))
        #expect(shown.last?.images.shape == [8, 3, 4, 4])
    }

    @Test func viewsOfOtherNumbersOrSizesAreRefused() throws {
        let options = options {
            $0.localViews = 1
            $0.localSize = ImageSize(4)
        }
        let good = batch(options)
        #expect(try value(options, context(), good).loss.value.item.isFinite)
        var few = good
        few.otherViews.removeLast()
        var large = good
        large.otherViews[1] = good.images
        var fewer = good
        fewer.otherViews[0] = batch(options, pictures: 7).images
        for bad in [few, large, fewer, batch(options, pictures: 1)] {
            #expect(throws: MethodError.self) { try value(options, context(), bad) }
        }
        let pooled = self.options { $0.sigregOver = .all }
        #expect(try value(pooled, context(), batch(pooled, pictures: 1)).loss.value.item.isFinite)
    }

    @Test func optionsThatCannotWorkAreRefused() {
        #expect(options { $0.globalViews = 1 }.check().count == 1)
        #expect(
            options {
                $0.globalViews = 1; $0.localViews = 1
            }.check().isEmpty)
        #expect(options { $0.sigregWeight = 1.5 }.check().count == 1)
        #expect(
            options {
                $0.sigregWeight = 1.5; $0.combine = .sum
            }.check().isEmpty)
        #expect(
            options {
                $0.projectorWidth = 65536; $0.slices = 65536
            }.check().count == 1)
        func faults(
            _ change: (inout LeJEPAOptions) -> Void, _ encoder: (inout EncoderOptions) -> Void = { _ in }
        ) -> [String] {
            options {
                $0.localViews = 2; change(&$0)
            }.faults(encoder: context(encoder).encoder, grid: Self.grid)
        }
        #expect(faults { $0.localSize = ImageSize(4) }.isEmpty)
        #expect(faults { $0.localSize = ImageSize(5) }.count == 1)
        #expect(faults({ $0.localSize = ImageSize(4) }, { $0.position = .learned }).count == 1)
        #expect(faults({ $0.localSize = ImageSize(height: 6, width: 8) }, { $0.position = .learned }).isEmpty)
        #expect(faults({ $0.localSize = nil }, { $0.position = .learned }).isEmpty)
        #expect(
            faults {
                $0.localSize = ImageSize(4); $0.views.blurProbability = 0.5
            }.isEmpty)
        #expect(
            faults {
                $0.localSize = ImageSize(2); $0.views.blurProbability = 0.5
            }.count == 1)
        #expect(
            faults {
                $0.views.blurTaps = 13; $0.views.blurProbability = 0.5
            }.count == 1)
        #expect(options().needs.pairedBatches != nil && options { $0.sigregOver = .all }.needs.pairedBatches == nil)
    }

    @Test func namesAndShapesAreThoseOfThePage() {
        func names(_ options: LeJEPAOptions) -> [String] {
            options.makeMethod(context()).parameters.entries.map(\.name).filter { !$0.hasPrefix("backbone.blocks") }
        }
        let plain = names(options())
        #expect(
            plain.suffix(12) == [
                "backbone.head.weight", "backbone.head.bias", "proj.0.weight", "proj.0.bias", "proj.1.weight",
                "proj.1.bias",
                "proj.4.weight", "proj.4.bias", "proj.5.weight", "proj.5.bias", "proj.8.weight", "proj.8.bias",
            ])
        let bare = names(
            options {
                $0.projectorNorm = nil; $0.embedding = nil
            })
        #expect(bare.suffix(6) == (0..<3).flatMap { ["proj.\(3 * $0).weight", "proj.\(3 * $0).bias"] })
        #expect(!bare.contains("backbone.head.weight"))
        let single = options { $0.projectorDepth = 1 }.makeMethod(context())
        #expect(single.parameters["proj.0.weight"]?.shape == [6, 12] && single.state.isEmpty)
    }

    /// Directions are those of the batch's number, stochastic depth those of epoch, sample and view.
    @Test func drawsDependOnNothingElse() {
        let options = options { $0.localViews = 1 }
        let method = options.makeMethod(context { $0.dropPath = 0.5 })
        func draws(_ batch: Batch) -> LeJEPA.Draws {
            method.draws(for: batch, WholePictures(), random: RandomStream(seed: 7))
        }
        let (first, second) = (draws(batch(options)), draws(batch(options, step: 1)))
        #expect(first.slices.array != second.slices.array)
        #expect(first.globals?[1].attention.array == second.globals?[1].attention.array)
        #expect(first.globals?[1].attention.shape == [16] && first.locals?[1].attention.shape == [8])
        let alone = draws(batch(options, pictures: 1))
        #expect(first.locals?[1].perceptron.array.first == alone.locals?[1].perceptron.array.first)
        #expect(first.slices.array == alone.slices.array)
    }

    /// Without SIGReg all projections come to one point, and the statistic to that of a collapsed batch; with it they do not.
    @Test func withoutSIGRegTheProjectionsCollapse() throws {
        func trained(_ weight: Double) throws -> (invariance: Double, sigreg: Double, spread: Double) {
            let options = options { $0.sigregWeight = weight }
            var method = options.makeMethod(context())
            let engine = try Engine(threads: 2)
            let groups = ParameterGroup.each(of: method.parameters, treatment: { _ in .decayed })
            var taker = StepTaker(
                AdamW(for: method.parameters, groups, beta2: 0.999), for: method.parameters,
                StepTaker.Rules(rates: ConstantSchedule(3e-3), decays: ConstantSchedule(0.05)))
            var last: [String: Double] = [:]
            for step in 0..<200 {
                let batch = batch(options, pictures: 16, step: step)
                _ = try taker.take(&method, on: engine) { method, _, tape in
                    let result = try method.loss(
                        batch, .nothing, StepRequest(wantsConstantLoss: true), random: RandomStream(seed: 7), on: &tape)
                    last = Dictionary(uniqueKeysWithValues: result.indicators.map { ($0.name, $0.value) })
                    return result.loss
                }
            }
            return (last["invariance"] ?? .nan, last["sigreg"] ?? .nan, last["projection_spread"] ?? .nan)
        }
        let (dead, live) = (try trained(0), try trained(0.2))
        #expect(dead.invariance < 1e-3 && dead.spread < 0.1 && abs(dead.sigreg / 16 - 0.402) < 0.04, "\(dead)")
        #expect(live.spread > 0.3 && live.sigreg < 0.7 * dead.sigreg, "\(live) beside \(dead)")
    }

    @Test func aCollapsedBatchHasTheLossOfTheBestConstant() throws {
        for scope in [SIGRegScope.view, .all] {
            let options = options { $0.sigregOver = scope }
            let objective = LeJEPAObjective(options)
            var tape = Tape(engine: try Engine(threads: 1), recording: false)
            let draws = objective.sigreg.drawn(width: 6, random: RandomStream(seed: 1))
            let loss = objective(tape.constant(Tensor(zeros: [2, 8, 6])), globals: 2, draws, on: &tape).loss.value.item
            let expected = objective.collapsed(views: 2, pictures: 8)
            #expect(abs(Double(loss) - expected) < 1e-5 && expected > 0.05)
            let constant = try value(options, context(), batch(options)).constantLoss
            #expect(constant == expected)
        }
    }

    /// A grid of its own for the sines, the parameters of the other.
    @Test func anEncoderRunsOnAnotherGridWithTheSameParameters() throws {
        var store = ParameterStore()
        let options = context().encoder
        let encoder = Encoder(options, grid: Self.grid, adding: &store, random: RandomStream(seed: 1))
        var other = ParameterStore()
        let small = PatchGrid(rows: 2, columns: 2)
        let made = Encoder(options, grid: small, adding: &other, random: RandomStream(seed: 1))
        let moved = encoder.on(small)
        #expect(moved.positionTable(store).array == made.positionTable(other).array && moved.grid == small)
        var stream = RandomStream(seed: 3)
        let images = Tensor((0..<2 * 3 * 16).map { _ in Float(stream.normal()) }, [2, 3, 4, 4])
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let (a, b) = (moved(images, store, on: &tape).normed, made(images, other, on: &tape).normed)
        #expect(a.value.array == b.value.array && a.shape == [2, 5, 16])
    }
}
