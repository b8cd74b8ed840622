import Autodiff
import ImageMasking
import RandomStreams
import Testing
import VisionTransformers

/// What stands in an encoder's sequence: all patches, some of them, or all places with a token in the hidden ones.
struct EncoderSequenceTests {
    private static let grid = PatchGrid(rows: 2, columns: 3)
    private static let options: EncoderOptions = {
        var options = EncoderOptions()
        options.patchSize = 2
        options.channels = 2
        options.width = 8
        options.depth = 2
        options.heads = 2
        options.position = .learned
        return options
    }()
    private let visible = RowIndices([[4, 0], [5, 2]])
    /// The place of each patch in visible + hidden.
    private let restore = RowIndices([[1, 2, 3, 4, 0, 5], [2, 3, 1, 4, 5, 0]])

    private func images(adding change: Float = 0, at places: [Int] = []) -> Tensor {
        var stream = RandomStream(seed: 8)
        var numbers = (0..<2 * 2 * 4 * 6).map { _ in Float(stream.normal()) }
        for place in places { numbers[place] += change }
        return Tensor(numbers, [2, 2, 4, 6])
    }

    private struct Model {
        var encoder: Encoder
        var store: ParameterStore
        var token: ParameterID

        init(_ options: EncoderOptions = options, registers: Int = 0) {
            var traits = EncoderTraits()
            traits.registers = registers
            store = ParameterStore()
            encoder = Encoder(options, grid: grid, traits: traits, adding: &store, random: RandomStream(seed: 1))
            token = store.add("mask_token", [1, 1, 8], (0..<8).map { Float($0) / 8 - 0.4 })
        }
    }

    private func filled(_ model: Model, _ images: Tensor, on tape: inout Tape, trace: ForwardTrace? = nil) -> Variable {
        let token = tape.parameter(model.token, of: model.store)
        return model.encoder(
            images, seeing: .filled(visible: visible, restore: restore, token: token), model.store, on: &tape,
            trace: trace
        ).normed
    }

    @Test(arguments: [0, 2]) func hiddenPlacesHaveTheTokenAndTheirPosition(registers: Int) throws {
        let model = Model(registers: registers)
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let (plain, hidden) = (ForwardTrace(), ForwardTrace())
        _ = model.encoder(images(), model.store, on: &tape, trace: plain)
        _ = filled(model, images(), on: &tape, trace: hidden)
        let (all, some) = (try #require(plain.points["input"]), try #require(hidden.points["input"]))
        let table = try #require(hidden.points["pos_embed"]).array
        let token = model.store[model.token].array
        let prefix = 1 + registers
        #expect(all.shape == [2, prefix + 6, 8] && some.shape == all.shape)
        for image in 0..<2 {
            for row in 0..<prefix + 6 {
                let patch = row - prefix
                let isHidden = patch >= 0 && !visible[image].contains(Int32(patch))
                for column in 0..<8 {
                    let place = (image * (prefix + 6) + row) * 8 + column
                    // The table's first row is the class token's.
                    let expected = isHidden ? token[column] + table[(1 + patch) * 8 + column] : all.array[place]
                    #expect(abs(some.array[place] - expected) < 1e-6)
                }
            }
        }
    }

    @Test func hiddenPixelsDoNotMatterAndVisibleOnesDo() throws {
        let model = Model()
        let engine = try Engine(threads: 2)
        func tokens(_ images: Tensor) -> [Float] {
            var tape = Tape(engine: engine, recording: false)
            return filled(model, images, on: &tape).value.array
        }
        let before = tokens(images())
        // Pixel (0, 2) is of patch 1, hidden in picture 0; pixel (0, 0) of patch 0, visible there.
        #expect(tokens(images(adding: 3, at: [2])) == before)
        #expect(tokens(images(adding: 3, at: [0])) != before)
    }

    @Test func theTokenAndThePositionsOfHiddenPlacesGetTheirGradients() throws {
        var model = Model()
        let engine = try Engine(threads: 1)
        func loss(_ model: Model, _ tape: inout Tape) -> Variable {
            tape.mean(tape.square(filled(model, images(), on: &tape)))
        }
        // The norm of rows has a mean square that hardly moves: another weight a channel makes it depend on all.
        let norm = try #require(model.store.id(named: "norm.weight"))
        model.store.setValue(Tensor((0..<8).map { 0.5 + Float($0) / 4 }, [8]), for: norm)
        var tape = Tape(engine: engine)
        let first = loss(model, &tape)
        let gradients = tape.gradients(of: first, for: model.store)
        for (name, place) in [("mask_token", 3), ("pos_embed", 2 * 8 + 5)] {
            let id = try #require(model.store.id(named: name))
            let value = model.store[id]
            func shifted(_ by: Float) -> Double {
                var moved = model
                var numbers = value.array
                numbers[place] += by
                moved.store.setValue(Tensor(numbers, value.shape), for: id)
                var tape = Tape(engine: engine, recording: false)
                return Double(loss(moved, &tape).value.item)
            }
            let slope = (shifted(1e-2) - shifted(-1e-2)) / 2e-2
            let found = Double(gradients[id].array[place])
            #expect(abs(slope) > 1e-4 && abs(found - slope) < 2e-3 + 0.02 * abs(slope), "\(name): \(found), \(slope)")
        }
    }

    /// A sequence of all places in raster order is what a relative bias knows.
    @Test func withNothingHiddenItIsTheWholeSequence() throws {
        var options = Self.options
        options.relativePositionBias = .shared
        var model = Model(options)
        for id in model.store.ids where model.store.entry(id).name.hasSuffix("bias_table") {
            let shape = model.store.entry(id).shape
            model.store.setValue(Tensor((0..<shape.elementCount).map { Float($0 % 7) / 5 }, shape), for: id)
        }
        let all = RowIndices([[Int32]](repeating: Array(0..<6), count: 2))
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let token = tape.parameter(model.token, of: model.store)
        let filled = model.encoder(
            images(), seeing: .filled(visible: all, restore: all, token: token), model.store, on: &tape
        ).normed.value.array
        let plain = model.encoder(images(), model.store, on: &tape).normed.value.array
        #expect(filled.count == plain.count && zip(filled, plain).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(self.filled(model, images(), on: &tape).value.array != plain)
    }

    @Test func scopesKeepPartsApart() {
        let trace = ForwardTrace()
        trace.scope("encoder").scope("block").record("x", Tensor(filled: 1, [1]))
        trace.record("x", Tensor(filled: 2, [1]))
        #expect(trace.points["encoder/block/x"]?.item == 1 && trace.points["x"]?.item == 2)
    }
}
