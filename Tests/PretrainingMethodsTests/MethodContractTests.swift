import Autodiff
import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import TrainingStep
import VisionTransformers

/// What every method of the catalogue promises.
struct MethodContractTests {
    static let grid = PatchGrid(rows: 3, columns: 4)
    static let context = MethodContext(encoder: encoder, grid: grid, random: RandomStream(seed: 4))
    /// What a recipe would say of the encoder.
    static let said = #"{"patch_size": 2, "width": 16, "depth": 2, "heads": 2, "drop_path": 0.3}"#
    static let encoder: EncoderOptions = {
        var options = EncoderOptions()
        options.patchSize = 2
        options.width = 16
        options.depth = 2
        options.heads = 2
        options.dropPath = 0.3
        return options
    }()

    /// Five pictures, in as many views as a method wants.
    private func batch(_ needs: MethodNeeds = MAEOptions().needs) -> Batch {
        var stream = RandomStream(seed: 6)
        let size = ImageSize(height: 6, width: 8)
        let views = (needs.views?.sizes(of: size) ?? [size]).map { size in
            Tensor(
                (0..<5 * 3 * size.height * size.width).map { _ in Float(stream.normal()) },
                [5, 3, size.height, size.width])
        }
        return Batch(
            images: views[0], otherViews: Array(views.dropFirst()), samples: [3, 1, 4, 15, 9], epoch: 2)
    }

    private func plan(_ kinds: Set<MaskPlan.Kind>) throws -> MaskPlan {
        // Options that fit these small pictures.
        var blocks = MultiBlockMasking()
        blocks.minKeep = 2
        var frequencies = FrequencyMasking()
        frequencies.radius = 2
        let fitting: [any MaskingStrategy] = [RandomMasking(), blocks, frequencies, NoMasking()]
        let strategy = try #require(fitting.first { kinds.contains(type(of: $0).kind) })
        return try strategy.plan(
            MaskRequest(grid: Self.grid, samples: batch().samples, epoch: 2), random: RandomStream(seed: 5))
    }

    /// The context with what the method sets where a recipe does not say.
    private func context<Options: PretrainingOptions>(_ options: Options) throws -> MethodContext {
        var model = try JSONParser.parse(Self.said)
        for (path, value) in Options.recipeDefaults where path.hasPrefix("model.") {
            model.setDefault(value, at: String(path.dropFirst("model.".count)))
        }
        var problems: [Problem] = []
        var context = Self.context
        context.encoder = try #require(EncoderOptions.decode(model, at: "$.model", &problems), "\(problems)")
        // Some drop paths in a way of their own.
        if !options.faults(encoder: context.encoder, grid: context.grid).isEmpty { context.encoder.dropPath = 0 }
        return context
    }

    /// The options, given what no default can name: a teacher's file.
    private func ready<Options: PretrainingOptions>(
        _ options: Options, _ context: inout MethodContext, _ home: TemporaryFolder
    ) throws -> Options {
        guard var aligned = options as? MaskAlignOptions else { return options }
        aligned.teacher = try TinyTeacher().options(in: home)
        aligned.dropPath = context.encoder.dropPath
        context.encoder.dropPath = 0
        return try #require(aligned as? Options)
    }

    private func step<Options: PretrainingOptions>(
        _ options: Options, threads: Int
    ) throws -> (loss: Float, constant: Double?, gradients: Gradients, idle: Set<String>) {
        var context = try context(options)
        let home = try TemporaryFolder()
        let options = try ready(options, &context, home)
        #expect(options.faults(encoder: context.encoder, grid: context.grid).isEmpty)
        var method = try options.makeMethod(context)
        var tape = Tape(engine: try Engine(threads: threads))
        let request = StepRequest(wantsConstantLoss: true)
        let plan = try plan(options.needs.masks)
        let result = try method.loss(
            batch(options.needs), plan, request, random: RandomStream(seed: 7), on: &tape)
        let value = result.loss.value.item
        let idle = method.parameters.entries.filter { method.treatment(of: $0) == .idle }.map(\.name)
        return (value, result.constantLoss, tape.gradients(of: result.loss, for: method.parameters), Set(idle))
    }

    @Test(arguments: pretrainingMethods)
    func lossIsFiniteAndEveryParameterHasAGradient(type: any PretrainingOptions.Type) throws {
        let (loss, constant, gradients, idle) = try step(type.init(), threads: 1)
        #expect(idle.count < gradients.entries.count / 2)
        #expect(loss.isFinite && loss > 0)
        let known = try #require(constant)
        #expect(known > 0 && known < 100)
        for entry in gradients.entries {
            let values = gradients[entry.name]?.array ?? []
            // What the optimiser is to leave alone is what the loss does not reach, and nothing else.
            let isReached = values.contains { $0 != 0 }
            #expect(values.allSatisfy(\.isFinite) && isReached == !idle.contains(entry.name), "\(entry.name)")
        }
    }

    @Test(arguments: pretrainingMethods)
    func threadsChangeNoBit(type: any PretrainingOptions.Type) throws {
        let one = try step(type.init(), threads: 1)
        for threads in [2, 3, 7] {
            let other = try step(type.init(), threads: threads)
            #expect(one.loss == other.loss && one.gradients.flat.array == other.gradients.flat.array)
        }
    }

    /// Patch tokens are there when they are asked for, of the methods that say so and of no other, and asking changes nothing else.
    @Test(arguments: pretrainingMethods)
    func patchTokensAreThereWhereTheNeedsSaySo(type: any PretrainingOptions.Type) throws {
        func tokens<Options: PretrainingOptions>(_ options: Options, _ wanted: Bool) throws -> (Tensor?, Float, [Float])
        {
            let home = try TemporaryFolder()
            var context = try context(options)
            let options = try ready(options, &context, home)
            var method = try options.makeMethod(context)
            var tape = Tape(engine: try Engine(threads: 2))
            let result = try method.loss(
                batch(options.needs), try plan(options.needs.masks), StepRequest(wantsPatchTokens: wanted),
                random: RandomStream(seed: 7), on: &tape)
            let (tokens, loss) = (result.patchTokens?.value, result.loss.value.item)
            return (tokens, loss, tape.gradients(of: result.loss, for: method.parameters).flat.array)
        }
        let options = type.init()
        let (without, with) = (try tokens(options, false), try tokens(options, true))
        #expect(without.0 == nil && without.1 == with.1 && without.2 == with.2)
        #expect((with.0 != nil) == options.needs.providesPatchTokens)
        if let shape = with.0?.shape {
            #expect(shape.rank == 3 && shape[0] % 5 == 0 && shape[1] < 12 && shape[2] == 16)
        }
    }

    /// A seed means the same initial values in every version of this software.
    @Test func initialValuesOfAMAEAreThoseOfEarlierVersions() {
        for (position, expected) in [
            (PositionKind.sincos, 17_035_678_066_190_420_756), (.learned, 16_454_406_725_943_564_635),
        ] as [(PositionKind, UInt64)] {
            var encoder = Self.encoder
            encoder.position = position
            let method = MAEOptions().makeMethod(
                MethodContext(encoder: encoder, grid: Self.grid, random: RandomStream(seed: 4)))
            // FNV-1a over the names and the bits of the numbers.
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x0000_0100_0000_01B3 }
            for entry in method.parameters.entries {
                for byte in entry.name.utf8 { mix(UInt64(byte)) }
                for number in method.parameters[entry.name]?.array ?? [] { mix(UInt64(number.bitPattern)) }
            }
            #expect(hash == expected, "\(position)")
        }
    }

    @Test func namesAreUniqueAndMasksAreNotEmpty() {
        #expect(Set(pretrainingMethods.map { $0.name }).count == pretrainingMethods.count)
        #expect(pretrainingMethods.allSatisfy { !$0.masks.isEmpty })
    }

    @Test func theBestConstantOfNormalisedPatchesIsJustBelowOne() throws {
        let constant = try step(MAEOptions(), threads: 1).constant
        let numbers = Double(2 * 2 * 3)
        #expect(try #require(constant) < (numbers - 1) / numbers)
        #expect(try #require(constant) > 0.7)
    }

    @Test func aPerfectPredictionGivesBackTheImage() throws {
        // The decoder's bias alone predicts: with plain pixels every reconstructed pixel is then the bias.
        var options = MAEOptions()
        options.normPixLoss = false
        var method = options.makeMethod(Self.context)
        let weight = try #require(method.parameters.id(named: "decoder_pred.weight"))
        let bias = try #require(method.parameters.id(named: "decoder_pred.bias"))
        method.parameters.setValue(Tensor(zeros: method.parameters[weight].shape), for: weight)
        method.parameters.setValue(Tensor((0..<12).map { Float($0) }, [12]), for: bias)
        func predicted(_ method: MAE) throws -> [Float] {
            var method = method
            var tape = Tape(engine: try Engine(threads: 1), recording: false)
            let request = StepRequest(wantsImages: true)
            let plan = try plan([.patches])
            let shown = try method.loss(batch(), plan, request, random: RandomStream(seed: 0), on: &tape).shown
            #expect(shown.map(\.name) == ["predicted", "predicted with the visible patches"])
            return try #require(shown.first).images.array
        }
        let images = try predicted(method)
        // Channel 1 of the pixel in row 1, column 0 of a patch is number (1·2 + 0)·3 + 1.
        #expect(images[48 + 8] == 7)
        // With normalised targets the same prediction has the true patch's mean and deviation.
        options.normPixLoss = true
        var normalised = options.makeMethod(Self.context)
        normalised.parameters.setValue(Tensor(zeros: method.parameters[weight].shape), for: weight)
        normalised.parameters.setValue(Tensor((0..<12).map { Float($0) }, [12]), for: bias)
        let (truth, pixels) = (batch().images.array, try predicted(normalised))
        for image in 0..<5 {
            for patch in 0..<Self.grid.count {
                // The numbers of a patch in the decoder's order: row, column, channel; pictures are [3, 6, 8].
                let places = (0..<12).map { number in
                    let row = 2 * (patch / 4) + number / 6
                    let column = 2 * (patch % 4) + number / 3 % 2
                    return ((image * 3 + number % 3) * 6 + row) * 8 + column
                }
                let values = places.map { Double(truth[$0]) }
                let mean = values.reduce(0, +) / 12
                let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 11 + 1e-6).squareRoot()
                for (number, place) in places.enumerated() {
                    #expect(abs(Double(pixels[place]) - (mean + deviation * Double(number))) < 1e-4)
                }
            }
        }
    }
}
