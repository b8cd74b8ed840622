import Autodiff
import ImageMasking
import RandomStreams
import Testing
import VisionTransformers

struct EncoderTests {
    private func options(_ change: (inout EncoderOptions) -> Void = { _ in }) -> EncoderOptions {
        var options = EncoderOptions()
        options.patchSize = 2
        options.channels = 5
        options.width = 8
        options.depth = 2
        options.heads = 2
        change(&options)
        return options
    }

    private func images(_ count: Int, _ height: Int, _ width: Int) -> Tensor {
        var stream = RandomStream(seed: 8)
        let numbers = (0..<count * 5 * height * width).map { _ in Float(stream.normal()) }
        return Tensor(numbers, [count, 5, height, width])
    }

    private func made(_ options: EncoderOptions, _ grid: PatchGrid) -> (Encoder, ParameterStore) {
        var store = ParameterStore()
        let encoder = Encoder(options, grid: grid, adding: &store, random: RandomStream(seed: 1))
        return (encoder, store)
    }

    @Test func namesAreTimms() {
        let store = made(options { $0.position = .learned }, PatchGrid(rows: 3, columns: 2)).1
        #expect(
            Array(store.entries.map(\.name).prefix(6)) == [
                "cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "blocks.0.norm1.weight",
                "blocks.0.norm1.bias",
            ])
        #expect(store.entries.last?.name == "norm.bias")
    }

    @Test func visiblePatchesGiveTheSameTokensInAnyOrder() throws {
        let grid = PatchGrid(rows: 3, columns: 2)
        let (encoder, store) = made(options(), grid)
        let engine = try Engine(threads: 1)
        let images = images(1, 6, 4)
        func tokens(_ patches: [Int32]) -> Tensor {
            var tape = Tape(engine: engine, recording: false)
            return encoder(images, seeing: .visible(RowIndices([patches])), store, on: &tape).normed.value
        }
        let a = tokens([4, 1, 5]).array
        let b = tokens([1, 5, 4]).array
        // Rows: class token, then the patches.
        let reordered = Array(b[0..<8]) + Array(b[24..<32]) + Array(b[8..<16])
        for (x, y) in zip(a, reordered) { #expect(abs(x - y) < 1e-5) }
    }

    @Test func classTokenPositionsAndLayersAreOptional() throws {
        let grid = PatchGrid(rows: 3, columns: 2)
        let engine = try Engine(threads: 1)
        let images = images(2, 6, 4)
        let (plain, store) = made(options { $0.classToken = false }, grid)
        var tape = Tape(engine: engine, recording: false)
        let output = plain(images, store, on: &tape)
        #expect(Array(output.normed.shape) == [2, 6, 8])
        let early = plain(images, store, layer: 1, on: &tape)
        #expect(early.normed.value.array != output.normed.value.array)
        let trace = ForwardTrace()
        _ = plain(images, store, layer: 1, on: &tape, trace: trace)
        #expect(trace.points["block_0"] != nil && trace.points["block_1"] == nil)
    }

    @Test func learnedPositionsAndTokensGetGradients() throws {
        let grid = PatchGrid(rows: 3, columns: 2)
        let (encoder, store) = made(options { $0.position = .learned }, grid)
        var tape = Tape(engine: try Engine(threads: 1))
        let output = encoder(images(2, 6, 4), store, on: &tape)
        let loss = tape.mean(tape.square(output.beforeNorm))
        let gradients = tape.gradients(of: loss, for: store)
        for name in ["pos_embed", "cls_token", "patch_embed.proj.weight"] {
            #expect(gradients[name]?.array.contains { $0 != 0 } == true, "\(name)")
        }
    }

    @Test func dropPathRisesLinearlyAndKeepsTheMean() {
        let factors = DropPath.factors(rate: 0.5, depth: 3, images: 4) { _, _, image in Float(image) * 0.25 }
        let expected: [[Float]] = [[1, 1, 1, 1], [0, 4 / 3, 4 / 3, 4 / 3], [0, 0, 2, 2]]
        for (block, values) in zip(factors, expected) { #expect(block.attention.array == values) }
        #expect(DropPath.drawn(rate: 0, depth: 3, streams: [RandomStream(seed: 1)]) == nil)
        let streams = (0..<4000).map { RandomStream(seed: 3).child($0) }
        let drawn = DropPath.drawn(rate: 0.4, depth: 2, streams: streams)?.last?.perceptron.array ?? []
        let mean = drawn.reduce(0, +) / Float(drawn.count)
        #expect(abs(mean - 1) < 5 * 0.816 / Float(4000).squareRoot())
    }

    @Test func aTableResizedToItsOwnGridIsUnchanged() {
        let grid = PatchGrid(rows: 2, columns: 3)
        let table = PositionTable.sincos(grid: grid, width: 8, order: .rowFirst, prefix: 1)
        #expect(PositionTable.resized(table, width: 8, from: grid, to: grid, prefix: 1) == table)
    }

    @Test func widthsThatCannotBeSplitAreFaults() {
        #expect(options { $0.width = 10 }.check().count == 1)
        #expect(options { $0.heads = 3 }.headsFault == "width 8 is not a multiple of heads 3")
        #expect(options { $0.heads = 9 }.check() == ["heads 9 is above width 8; lower heads or raise width"])
        #expect(options { $0.mlpRatio = 0.1 }.check().count == 1)
    }
}
