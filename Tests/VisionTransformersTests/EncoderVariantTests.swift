import Autodiff
import ImageMasking
import RandomStreams
import Testing
import VisionTransformers

struct EncoderVariantTests {
    static let grid = PatchGrid(rows: 3, columns: 2)

    private func options(_ change: (inout EncoderOptions) -> Void = { _ in }) -> EncoderOptions {
        var options = EncoderOptions()
        options.patchSize = 2
        options.channels = 1
        options.width = 8
        options.depth = 3
        options.heads = 2
        change(&options)
        return options
    }

    private var images: Tensor {
        var stream = RandomStream(seed: 8)
        return Tensor((0..<2 * 6 * 4).map { _ in Float(stream.normal()) }, [2, 1, 6, 4])
    }

    private func made(_ options: EncoderOptions, _ traits: EncoderTraits = EncoderTraits()) -> (Encoder, ParameterStore)
    {
        var store = ParameterStore()
        let encoder = Encoder(options, grid: Self.grid, traits: traits, adding: &store, random: RandomStream(seed: 1))
        BlockVariantTests.fill(&store)
        return (encoder, store)
    }

    @Test func theIndexOfOffsetsHasOneRowForEachOffsetAndThreeForTheClassToken() throws {
        let positions = try #require(RelativePositions(.shared, grid: Self.grid, hasClassToken: true))
        #expect(positions.tableRows == 5 * 3 + 3)
        let index = positions.index
        #expect(Array(index[0..<7]) == [17] + Array(repeating: 15, count: 6))
        #expect((1..<7).allSatisfy { index[$0 * 7] == 16 })
        // Patch (2, 0) seen from (0, 1): two rows up, one column right.
        #expect(index[2 * 7 + 5] == Int32((0 - 2 + 2) * 3 + (1 - 0 + 1)))
        // Equal offsets share a row, different ones do not.
        let patches = (0..<6).flatMap { i in (0..<6).map { (i, $0) } }
        for (i, j) in patches {
            for (k, l) in patches {
                let same = i / 2 - j / 2 == k / 2 - l / 2 && i % 2 - j % 2 == k % 2 - l % 2
                #expect((index[(i + 1) * 7 + j + 1] == index[(k + 1) * 7 + l + 1]) == same)
            }
        }
    }

    @Test func layersAndTheLastAttentionAreKeptWhenAskedFor() throws {
        let (encoder, store) = made(options())
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let plain = encoder(images, store, on: &tape)
        #expect(plain.layers.isEmpty && plain.attention.isEmpty && plain.hidden.isEmpty)
        let output = encoder(images, store, keeping: [.layers, .lastAttention], on: &tape)
        #expect(output.normed.value.array == plain.normed.value.array)
        #expect(output.layers.count == 3 && output.layers[2].value.array == output.beforeNorm.value.array)
        for layer in 1...3 {
            let early = encoder(images, store, layer: layer, on: &tape)
            #expect(early.beforeNorm.value.array == output.layers[layer - 1].value.array)
        }
        let attention = try #require(output.attention.last)
        #expect(attention.shape == [2, 2, 7, 7])
        for row in 0..<attention.shape.rows {
            let sum = attention.array[row * 7..<(row + 1) * 7].reduce(0, +)
            #expect(abs(sum - 1) < 1e-5)
        }
    }

    @Test func foreignTraitsAddTheirParametersAndTokens() throws {
        var traits = EncoderTraits(owner: "t.", initialization: .beit)
        traits.registers = 2
        traits.hasInputNorm = true
        traits.hasPatchBias = false
        traits.activation = .quickGELU
        let (encoder, store) = made(options(), traits)
        #expect(encoder.prefix == 3)
        let names = store.entries.map(\.name)
        #expect(names.contains("t.reg_token") && names.contains("t.norm_pre.bias"))
        #expect(!names.contains("t.patch_embed.proj.bias"))
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let quick = encoder(images, store, on: &tape).normed.value
        #expect(quick.shape == [2, 9, 8])
        traits.activation = .gelu
        let exact = made(options(), traits).0(images, store, on: &tape).normed.value
        let difference = zip(quick.array, exact.array).map { abs($0 - $1) }.max() ?? 0
        #expect(difference > 1e-4 && difference < 0.2)
    }

    @Test func unevenHeadsTakeAPartOfTheWidth() {
        let store = made(options { $0.heads = 3 }).1
        #expect(store["blocks.0.attn.qkv.weight"]?.shape == [18, 8])
        #expect(store["blocks.0.attn.proj.weight"]?.shape == [8, 6])
    }

    @Test func initialValuesFollowTheirLaws() {
        var wide = options()
        wide.width = 64
        func deviation(_ initialization: Initialization, _ name: String) -> Double {
            var store = ParameterStore()
            _ = Encoder(
                wide, grid: Self.grid, traits: EncoderTraits(owner: "", initialization: initialization),
                adding: &store, random: RandomStream(seed: 3))
            let values = store[name]?.array.map(Double.init) ?? []
            return (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        }
        // The cut normal keeps 0.5396 of its deviation; the sampling error of 4096 values and more is about 1 %.
        let cut = 0.02 * 0.5396
        let (qkv, proj, fc2) = ("blocks.2.attn.qkv.weight", "blocks.2.attn.proj.weight", "blocks.2.mlp.fc2.weight")
        let xavier = (2.0 / Double(64 + 192)).squareRoot()
        for (initialization, name, expected) in [
            (Initialization.mae, qkv, xavier), (.cae, qkv, xavier), (.beit, qkv, cut),
            (.beit, proj, cut / 6.0.squareRoot()), (.beit, fc2, cut / 6.0.squareRoot()),
            (.beit, "blocks.0.mlp.fc2.weight", cut / 2.0.squareRoot()),
            (.ijepa(rescalesBranches: false), fc2, 0.02),
            (.ijepa(rescalesBranches: true), fc2, 0.02 / 6.0.squareRoot()),
            (.cae, "patch_embed.proj.bias", 0), (.beit, "blocks.0.attn.qkv.bias", 0),
        ] {
            let found = deviation(initialization, name)
            #expect(abs(found - expected) <= 0.04 * expected, "\(name) under \(initialization)")
        }
        #expect(deviation(.cae, "patch_embed.proj.weight") < 0.015)
    }
}
