import Autodiff
import ImageMasking
import RandomStreams
import Testing
import VisionTransformers

/// Blocks with every kind of bias, scale and relative position, against double precision: values and gradients.
struct BlockVariantTests {
    struct Variant: Sendable, CustomTestStringConvertible {
        var heads = 2
        var qkvBias = QKVBias.all
        var layerScale: Double?
        var positions = RelativePositionKind.none
        var hasClassToken = true
        var testDescription: String {
            "\(heads) heads, \(qkvBias), \(layerScale.map { "\($0)" } ?? "no scale"), \(positions), \(hasClassToken)"
        }
    }
    static let variants = [
        Variant(), Variant(qkvBias: .noKey), Variant(qkvBias: .none), Variant(heads: 3, qkvBias: .noKey),
        Variant(layerScale: 0.3), Variant(positions: .perBlock), Variant(positions: .shared),
        Variant(positions: .perBlock, hasClassToken: false),
        Variant(heads: 3, qkvBias: .none, layerScale: 2, positions: .shared, hasClassToken: false),
    ]
    static let grid = PatchGrid(rows: 2, columns: 3)
    static let width = 8

    /// Random numbers in every parameter, so that zeros hide nothing.
    static func fill(_ store: inout ParameterStore) {
        for id in store.ids {
            var stream = RandomStream(seed: 2).child(store.entry(id).name)
            let shape = store.entry(id).shape
            store.setValue(Tensor((0..<shape.elementCount).map { _ in Float(0.5 * stream.normal()) }, shape), for: id)
        }
    }

    static func tokens(_ batch: Int, _ count: Int, stream name: String) -> Tensor {
        var stream = RandomStream(seed: 5).child(name)
        return Tensor((0..<batch * count * width).map { _ in Float(stream.normal()) }, [batch, count, width])
    }

    static func rows(_ tensor: Tensor, _ picture: Int) -> [[Double]] {
        let (count, width) = (tensor.shape[1], tensor.shape[2])
        let values = tensor.array
        return (0..<count).map { token in
            let start = (picture * count + token) * width
            return values[start..<start + width].map(Double.init)
        }
    }

    @Test(arguments: variants)
    func valuesAndGradientsAreThoseOfTheFormulas(variant: Variant) throws {
        var store = ParameterStore()
        var options = BlockOptions(width: Self.width, heads: variant.heads, hidden: 5)
        options.qkvBias = variant.qkvBias
        options.layerScale = variant.layerScale
        let positions = RelativePositions(variant.positions, grid: Self.grid, hasClassToken: variant.hasClassToken)
        let stack = TransformerStack(
            of: "e.", depth: 1, options, relativePositions: positions, adding: &store, random: RandomStream(seed: 1))
        Self.fill(&store)
        let count = Self.grid.count + (variant.hasClassToken ? 1 : 0)
        let x = Self.tokens(2, count, stream: "x")
        let weights = Self.tokens(2, count, stream: "weights")

        func reference(_ parameters: [String: [Double]]) -> [[[Double]]] {
            let own = Dictionary(uniqueKeysWithValues: parameters.map { ($0.replacing("e.blocks.0.", with: ""), $1) })
            let block = DoubleBlock(width: Self.width, heads: variant.heads, parameters: own)
            let table =
                own["attn.relative_position_bias_table"] ?? own["e.rel_pos_bias.relative_position_bias_table"]
            let index = positions?.index ?? []
            return (0..<2).map { picture in
                block(Self.rows(x, picture)) { head, i, j in
                    table.map { $0[Int(index[i * count + j]) * variant.heads + head] } ?? 0
                }
            }
        }
        let direction = (0..<2).map { Self.rows(weights, $0) }
        func projection(_ parameters: [String: [Double]]) -> Double {
            zip(reference(parameters).joined().joined(), direction.joined().joined()).reduce(0) { $0 + $1.0 * $1.1 }
        }

        var tape = Tape(engine: try Engine(threads: 2))
        let y = stack(tape.constant(x), store, on: &tape).tokens
        var point = Dictionary(
            uniqueKeysWithValues: store.entries.map { ($0.name, store[$0.name]?.array.map(Double.init) ?? []) })
        for (found, expected) in zip(y.value.array, reference(point).joined().joined()) {
            #expect(abs(Double(found) - expected) < 2e-5)
        }
        let gradients = tape.gradients(of: y, cotangent: weights, for: store)
        for entry in store.entries {
            let found = gradients[entry.name]?.array ?? []
            var expected: [Double] = []
            for element in found.indices {
                let value = point[entry.name]?[element] ?? 0
                point[entry.name]?[element] = value + 1e-5
                let above = projection(point)
                point[entry.name]?[element] = value - 1e-5
                expected.append((above - projection(point)) / 2e-5)
                point[entry.name]?[element] = value
            }
            let size = max(expected.map(abs).max() ?? 0, 0.1)
            #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 * size }, "\(entry.name)")
        }
    }

    @Test func crossAttentionReadsKeysAndValuesFromDifferentTokens() throws {
        for bias in QKVBias.allCases {
            var store = ParameterStore()
            var options = BlockOptions(width: Self.width, heads: 3, hidden: 1)
            options.qkvBias = bias
            let attention = CrossAttentionParameters(
                "c", options, initialization: .cae, adding: &store, random: RandomStream(seed: 1))
            let names = Set(store.entries.map(\.name))
            let weights: Set<String> = ["c.q.weight", "c.k.weight", "c.v.weight", "c.proj.weight", "c.proj.bias"]
            switch bias {
            case .all: #expect(names == weights.union(["c.q.bias", "c.k.bias", "c.v.bias"]))
            case .noKey: #expect(names == weights.union(["c.q_bias", "c.v_bias"]))
            case .none: #expect(names == weights)
            }
            Self.fill(&store)
            let (q, k, v) = (
                Self.tokens(2, 3, stream: "q"), Self.tokens(2, 5, stream: "k"), Self.tokens(2, 5, stream: "v")
            )
            var tape = Tape(engine: try Engine(threads: 1))
            let y = attention(
                tape.constant(q), keys: tape.constant(k), values: tape.constant(v), store, on: &tape)
            func part(_ name: String, _ x: Tensor, _ picture: Int, outputs: Int, bias: String) -> [[Double]] {
                block.linear(
                    Self.rows(x, picture), store["c.\(name).weight"]?.array.map(Double.init) ?? [],
                    (store["c.\(bias)"] ?? Tensor(zeros: [outputs])).array.map(Double.init))
            }
            let block = DoubleBlock(width: Self.width, heads: 3, parameters: [:])
            let expected = (0..<2).flatMap { picture -> [[Double]] in
                let mixed = block.attention(
                    q: part("q", q, picture, outputs: 6, bias: bias == .all ? "q.bias" : "q_bias"),
                    k: part("k", k, picture, outputs: 6, bias: "k.bias"),
                    v: part("v", v, picture, outputs: 6, bias: bias == .all ? "v.bias" : "v_bias"),
                    scores: { _, _, _ in 0 })
                return block.linear(
                    mixed, store["c.proj.weight"]?.array.map(Double.init) ?? [],
                    store["c.proj.bias"]?.array.map(Double.init) ?? [])
            }
            for (found, want) in zip(y.value.array, expected.joined()) { #expect(abs(Double(found) - want) < 1e-5) }
            let gradients = tape.gradients(of: y, cotangent: Self.tokens(2, 3, stream: "weights"), for: store)
            for entry in store.entries where entry.name != "c.k.bias" {
                #expect(gradients[entry.name]?.array.contains { abs($0) > 1e-4 } == true, "\(entry.name)")
            }
        }
    }
}
