import Autodiff
import ImageMasking
import Optimizers
import PretrainingMethods
import RandomStreams
import RecipeSchema
import Testing
import VisionTransformers

struct MFMTests {
    static let grid = PatchGrid(rows: 3, columns: 4)
    static let encoder: EncoderOptions = {
        var options = EncoderOptions()
        options.patchSize = 4
        options.width = 16
        options.depth = 2
        options.heads = 2
        options.position = .learned
        options.qkvBias = .noKey
        return options
    }()
    static let context = MethodContext(
        encoder: encoder, grid: grid, mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.25, 0.3], random: RandomStream(seed: 4))

    /// Pictures in [0, 1] with few different bytes, and as a loader hands them out.
    private func pictures(_ samples: [Int]) -> (plain: Tensor, batch: Batch) {
        let values = samples.flatMap { sample -> [Float] in
            var stream = RandomStream(seed: 8).child(sample)
            return (0..<3 * 12 * 16).map { _ in Float(stream.integer(below: 52)) / 51 }
        }
        let shape: Shape = [samples.count, 3, 12, 16]
        let normalized = values.enumerated().map { place, value in
            let channel = place / (12 * 16) % 3
            return (value - Float(Self.context.mean[channel])) / Float(Self.context.deviation[channel])
        }
        return (Tensor(values, shape), Batch(images: Tensor(normalized, shape), samples: samples, epoch: 3))
    }

    /// A wave has two frequencies beside that of its mean, and they are where the spectrum is bright.
    @Test func spectraStandBesidePictures() throws {
        let (height, width) = (12, 16)
        // Normalised values; three waves across the width.
        let wave = (0..<3 * height * width).map { Float(0.5 + cosine(turns: 3 * Double($0 % width) / Double(width))) }
        let images = Tensor(wave, [1, 3, height, width])
        var frequency = FrequencyMasking()
        frequency.radius = 2
        let plan = try frequency.plan(
            MaskRequest(grid: Self.grid, samples: [0], epoch: 0), random: RandomStream(seed: 9))
        var method = options(.mfm).makeMethod(Self.context)
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let shown = try method.loss(
            Batch(images: images, samples: [0], epoch: 0), plan, StepRequest(wantsImages: true),
            random: RandomStream(seed: 0), on: &tape
        ).shown
        #expect(
            shown.map(\.name) == [
                "seen", "predicted", "spectrum (original)", "spectrum (seen)", "spectrum (predicted)",
            ])
        #expect(shown.allSatisfy { $0.images.shape == images.shape && $0.images.array.allSatisfy(\.isFinite) })
        // The normalisation of the first channel undone: black is 0.
        let plane = shown[2].images.array.prefix(height * width).map { 0.2 * $0 + 0.5 }
        let bright = plane.indices.filter { plane[$0] > 0.05 }
        let middle = height / 2 * width + width / 2
        #expect(bright == [middle - 3, middle, middle + 3])
        #expect(abs(plane[middle - 3] - plane[middle + 3]) < 1e-4 && plane.allSatisfy { $0 < 1.0001 })
    }

    private func options(_ pretext: RestorationPretext) -> MFMOptions {
        var options = MFMOptions()
        options.pretext = pretext
        options.sr.factor = 3
        options.blur.kernelList = BlurKind.allCases
        options.blur.kernelProb = [1, 1, 1, 1, 1, 1, 1]
        options.blur.sigmaX = [0.2, 3]
        options.blur.kernelSize = [3, 7, 9]
        options.noise.type = [.gaussian, .poisson]
        options.noise.prob = [1, 1]
        options.noise.gaussianGrayNoiseProb = 0.5
        return options
    }

    private func points(_ options: MFMOptions, _ samples: [Int]) throws -> [String: Tensor] {
        var frequency = FrequencyMasking()
        frequency.radius = 3
        let strategy: any MaskingStrategy = options.pretext == .mfm ? frequency : NoMasking()
        let plan = try strategy.plan(
            MaskRequest(grid: Self.grid, samples: samples, epoch: 3), random: RandomStream(seed: 9))
        let trace = ForwardTrace()
        var tape = Tape(engine: try Engine(threads: 2), recording: false)
        var method = options.makeMethod(Self.context)
        _ = try method.loss(
            pictures(samples).batch, plan, StepRequest(trace: trace), random: RandomStream(seed: 7), on: &tape)
        return trace.points
    }

    @Test(arguments: RestorationPretext.allCases)
    func aPictureIsCorruptedTheSameAloneAndInABatch(pretext: RestorationPretext) throws {
        let samples = [5, 2, 11, 7]
        let together = try #require(try points(options(pretext), samples)["corrupted"])
        #expect(together.array != pictures(samples).plain.array)
        for (place, sample) in samples.enumerated() {
            let alone = try #require(try points(options(pretext), [sample])["corrupted"])
            #expect(alone.array == together.entries(place..<place + 1).array)
        }
    }

    @Test func thePictureIsPutBackInto0To1BeforeItIsCorrupted() throws {
        var unchanged = options(.superResolution)
        unchanged.sr.factor = 1
        let found = try points(unchanged, [1, 2])
        for (a, b) in zip(found["corrupted"]?.array ?? [], pictures([1, 2]).plain.array) {
            #expect(abs(a - b) < 1e-6)
        }
        for (a, b) in zip(found["input"]?.array ?? [], found["target"]?.array ?? []) {
            #expect(abs(a - b) < 1e-5)
        }
    }

    @Test func aPlanOfAnotherKindIsAnError() throws {
        var tape = Tape(engine: try Engine(threads: 1))
        var method = options(.deblur).makeMethod(Self.context)
        let plan = MaskPlan.frequencies(FrequencyMask(radius: 1, outerRadius: 9, lowPass: [true]))
        #expect(throws: MethodError.self) {
            try method.loss(pictures([1]).batch, plan, random: RandomStream(seed: 1), on: &tape)
        }
    }

    @Test func theDecoderHasTheEncodersKindOfBlocksAndPositions() {
        var context = Self.context
        context.encoder.layerScale = 0.1
        context.encoder.relativePositionBias = .shared
        var options = MFMOptions()
        options.decoderDepth = 1
        options.decoderWidth = 8
        options.decoderHeads = 2
        let method = options.makeMethod(context)
        let names = Set(method.parameters.entries.map(\.name))
        for name in [
            "encoder.cls_token", "encoder.pos_embed", "encoder.rel_pos_bias.relative_position_bias_table",
            "encoder.blocks.1.gamma_2", "encoder.blocks.0.attn.q_bias", "encoder.norm.bias", "decoder.embed.bias",
            "decoder.pos_embed", "decoder.blocks.0.attn.v_bias", "decoder.blocks.0.gamma_1",
            "decoder.rel_pos_bias.relative_position_bias_table", "decoder.norm.weight", "decoder.pred.0.weight",
        ] { #expect(names.contains(name), "\(name)") }
        #expect(!names.contains("decoder.0.weight"))
        let undecayed = method.parameters.entries.filter { method.treatment(of: $0) == .undecayed }.map(\.name)
        #expect(undecayed.contains("encoder.pos_embed") && undecayed.contains("encoder.cls_token"))
        #expect(!undecayed.contains("decoder.pos_embed"))
        #expect(!undecayed.contains { $0.hasSuffix("table") || $0.hasSuffix("qkv.weight") })
    }

    @Test func initialValuesAreBEiTsButForTheHead() throws {
        let method = MFMOptions().makeMethod(Self.context)
        func largest(_ name: String) -> Float { method.parameters[name]?.array.map(abs).max() ?? -1 }
        for name in ["encoder.pos_embed", "encoder.patch_embed.proj.weight", "encoder.blocks.0.attn.qkv.weight"] {
            #expect(largest(name) <= 0.02 && largest(name) > 0.015, "\(name)")
        }
        #expect(largest("encoder.patch_embed.proj.bias") == 0)
        for name in ["decoder.0.weight", "decoder.0.bias"] {
            #expect(largest(name) <= 0.25 && largest(name) > 0.2, "\(name)")
        }
    }

    @Test func optionsThatDoNotFitAreFaults() {
        func faults(_ change: (inout MFMOptions) -> Void, channels: Int = 3) -> [String] {
            var options = MFMOptions()
            change(&options)
            var encoder = Self.encoder
            encoder.channels = channels
            return options.check() + options.faults(encoder: encoder, grid: Self.grid)
        }
        #expect(faults { _ in } == [])
        #expect(
            faults {
                $0.pretext = .deblur
                $0.target = .masked
            } == ["target \"masked\" needs pretext \"mfm\": \"deblur\" removes no frequencies"])
        #expect(faults { $0.frequencyLoss.patchFactor = 4 }.first?.contains("patch_factor must be 1, not 4") == true)
        #expect(
            faults {
                $0.target = .normal
                $0.frequencyLoss.patchFactor = 5
            } == ["frequency_loss.patch_factor 5 does not divide 12 x 16 pixels"])
        #expect(
            faults {
                $0.pretext = .superResolution
                $0.sr.factor = 13
            } == ["sr.factor 13 leaves nothing of 12 x 16 pixels"])
        #expect(
            faults {
                $0.pretext = .deblur
                $0.blur.kernelSize = [3, 25]
            } == ["a blur.kernel_size of 25 is too large for 12 x 16 pixels; allowed is up to 23"])
        #expect(
            faults(
                {
                    $0.pretext = .denoise
                    $0.noise.type = [.poisson]
                }, channels: 2
            ).first?.contains("set noise.poisson_gray_noise_prob to 0") == true)
        #expect(
            faults {
                $0.decoderDepth = 1; $0.decoderHeads = 7
            }.count == 1)
        #expect(MFMOptions().needs.masks == [.frequencies] && options(.denoise).needs.masks == [.nothing])
    }

    @Test func everyOptionOfItsSectionsHasARow() {
        func check<Section: RecipeSection>(_ section: Section) {
            #expect(Mirror(reflecting: section).children.count == Section.fields.count, "\(Section.self)")
        }
        check(FrequencyLossOptions())
        check(SuperResolutionOptions())
        check(BlurOptions())
        check(NoiseOptions())
    }
}
