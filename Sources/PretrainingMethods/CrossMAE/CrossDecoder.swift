import Autodiff
import ImageMasking
import RandomStreams
import VisionTransformers

/// CrossMAE's decoder: mask tokens that look at the encoder's tokens, and, where it is wished, at one another.
///
/// Names are the official ones: `mask_token`, `wfm.linear.weight` `[J, k]` (mixtures of k features for J blocks), `dec_norms.j`,
/// `decoder_blocks.j.…`, `decoder_norm`, `decoder_pred`.
struct CrossDecoder: Sendable {
    private let width: Int
    private let prefix: Int
    private let maskToken: ParameterID
    private let positions: Tensor
    /// What mixes features for each block, and the norms behind it; nil: one feature for all blocks.
    private let mixture: (weights: ParameterID, norms: [NormParameters])?
    private let blocks: [Block]
    private let norm: NormParameters
    private let prediction: LinearParameters

    /// `features` of the encoder are mixed; nil: its normed tokens are read as they are.
    init(
        _ size: Decoder.Size, behind encoder: Encoder, features: Int?, hasSelfAttention: Bool, outputs: Int,
        adding store: inout ParameterStore, random: RandomStream
    ) {
        width = size.width
        prefix = encoder.prefix
        let initialization = encoder.traits.initialization
        maskToken = store.add(
            "mask_token", [1, 1, size.width],
            initialization.tokens.values(size.width, inputs: 1, outputs: size.width, random.child("mask_token")))
        positions = Tensor(
            PositionTable.sincos(
                grid: encoder.grid, width: size.width, order: encoder.options.positionOrder, prefix: encoder.prefix),
            [encoder.prefix + encoder.grid.count, size.width])
        if let features {
            let name = "wfm.linear.weight"
            let values = InitialLaw.xavierUniform.values(
                size.depth * features, inputs: features, outputs: size.depth, random.child(name))
            let weights = store.add(name, [size.depth, features], values)
            mixture = (
                weights, (0..<size.depth).map { NormParameters("dec_norms.\($0)", encoder.options.width, &store) }
            )
        } else {
            mixture = nil
        }
        var options = encoder.options.blocks(width: size.width, heads: size.heads)
        options.layerScale = nil
        blocks = (0..<size.depth).map {
            Block(
                "decoder_blocks.\($0)", options, memory: encoder.options.width, hasSelfAttention: hasSelfAttention,
                initialization, adding: &store, random: random)
        }
        norm = NormParameters("decoder_norm", size.width, &store)
        prediction = LinearParameters(
            "decoder_pred", size.width, outputs, weight: initialization.linear, &store, random)
    }

    /// Predictions of the patches `rows` `[B, M]`, `[B, M, outputs]`, from the encoder's features `[B, prefix + K, D]`.
    func callAsFunction(
        _ features: [Variable], at rows: RowIndices, _ store: ParameterStore, on tape: inout Tape, trace: ForwardTrace?
    ) -> Variable {
        let memories = memories(features, store, &tape)
        let located = tape.gatherRows(
            tape.constant(positions),
            RowIndices(rows.values.map { $0 + Int32(prefix) }, batch: rows.batch, count: rows.count))
        var x = tape.add(located, tape.parameter(maskToken, of: store).reshaped([width]))
        trace?.record("pos_embed", positions)
        trace?.record("input", x.value)
        for (index, block) in blocks.enumerated() {
            let memory = memories[memories.count == 1 ? 0 : index]
            let input = x
            x = tape.recomputed { block(input, memory, store, on: &$0) }
            trace?.record("memory_\(index)", memory.value)
            trace?.record("blocks/\(index)", x.value)
        }
        let predicted = prediction(norm(x, store, &tape), store, &tape)
        trace?.record("predicted", predicted.value)
        return predicted
    }

    /// What each block reads, or one for all.
    private func memories(_ features: [Variable], _ store: ParameterStore, _ tape: inout Tape) -> [Variable] {
        guard let mixture else { return features }
        let mixed = tape.mixtures(of: features, by: tape.parameter(mixture.weights, of: store))
        return zip(mixed, mixture.norms).map { $1($0, store, &tape) }
    }

    /// x += self-attention, where there is one; x += cross-attention to the memory; x += perceptron. Norms stand in front of each.
    private struct Block: Sendable {
        private let heads: Int
        private let own: (norm: NormParameters, qkv: LinearParameters, projection: LinearParameters)?
        private let norm1: NormParameters
        private let queries: LinearParameters
        private let keysAndValues: LinearParameters
        private let projection: LinearParameters
        private let norm2: NormParameters
        private let fc1: LinearParameters
        private let fc2: LinearParameters

        init(
            _ prefix: String, _ options: BlockOptions, memory: Int, hasSelfAttention: Bool, _ laws: Initialization,
            adding store: inout ParameterStore, random: RandomStream
        ) {
            let width = options.width
            heads = options.heads
            let hasBias = options.qkvBias == .all
            func linear(
                _ name: String, _ inputs: Int, _ outputs: Int, bias: Bool = true, _ store: inout ParameterStore
            ) -> LinearParameters {
                LinearParameters(
                    "\(prefix).\(name)", inputs, outputs, hasBias: bias, weight: laws.linear, &store, random)
            }
            own =
                hasSelfAttention
                ? (
                    NormParameters("\(prefix).norm0", width, &store),
                    linear("self_attn.qkv", width, 3 * width, bias: hasBias, &store),
                    linear("self_attn.proj", width, width, &store)
                ) : nil
            norm1 = NormParameters("\(prefix).norm1", width, &store)
            queries = linear("cross_attn.q", width, width, bias: hasBias, &store)
            keysAndValues = linear("cross_attn.kv", memory, 2 * width, bias: hasBias, &store)
            projection = linear("cross_attn.proj", width, width, &store)
            norm2 = NormParameters("\(prefix).norm2", width, &store)
            fc1 = linear("mlp.fc1", width, options.hidden, &store)
            fc2 = linear("mlp.fc2", options.hidden, width, &store)
        }

        func callAsFunction(
            _ x: Variable, _ memory: Variable, _ store: ParameterStore, on tape: inout Tape
        ) -> Variable {
            var x = x
            if let own {
                let mixed = tape.attention(qkv: own.qkv(own.norm(x, store, &tape), store, &tape), heads: heads)
                x = own.projection(mixed, store, then: .residual(x), &tape)
            }
            let mixed = tape.crossAttention(
                q: queries(norm1(x, store, &tape), store, &tape), kv: keysAndValues(memory, store, &tape), heads: heads)
            x = projection(mixed, store, then: .residual(x), &tape)
            let hidden = fc1(norm2(x, store, &tape), store, then: .gelu, &tape)
            return fc2(hidden, store, then: .residual(x), &tape)
        }
    }
}
