import Autodiff
import RandomStreams

/// Parameters of a self-attention below `prefix` (`blocks.0.attn`): `qkv.weight` `[3·I, W]` (rows: queries, keys, values), its
/// biases, perhaps a relative position table, and `proj` `[W, I]`. I is the inner width.
struct SelfAttentionParameters: Sendable {
    private let options: BlockOptions
    private let qkv: LinearParameters
    private let noKeyBias: (queries: ParameterID, values: ParameterID)?
    private let relativePositions: RelativePositionBias?
    private let projection: LinearParameters

    init(
        _ prefix: String, _ options: BlockOptions, relativePositions: RelativePositions?, block: Int,
        _ initialization: Initialization, adding store: inout ParameterStore, random: RandomStream
    ) {
        self.options = options
        let inner = options.innerWidth
        qkv = LinearParameters(
            "\(prefix).qkv", options.width, 3 * inner, hasBias: options.qkvBias == .all,
            weight: initialization.linear, &store, random)
        let zeros = [Float](repeating: 0, count: inner)
        noKeyBias =
            options.qkvBias == .noKey
            ? (store.add("\(prefix).q_bias", [inner], zeros), store.add("\(prefix).v_bias", [inner], zeros)) : nil
        self.relativePositions = relativePositions.flatMap { positions in
            positions.isShared
                ? nil : RelativePositionBias(below: prefix, positions, heads: options.heads, adding: &store)
        }
        projection = LinearParameters(
            "\(prefix).proj", inner, options.width, weight: initialization.linear,
            dividedBy: initialization.branchDivisor(block), &store, random)
    }

    /// Attention among the tokens of each picture, with its output projection and epilogue: `[B, T, W]` → `[B, T, W]`.
    ///
    /// `shared` `[heads, T, T]` is added to the scores where the block has no table of its own. The probabilities
    /// `[B, heads, T, T]` are returned where wanted.
    func callAsFunction(
        _ x: Variable, _ store: ParameterStore, shared: Variable?, wantsProbabilities: Bool,
        then epilogue: Epilogue, _ tape: inout Tape
    ) -> (output: Variable, probabilities: Tensor?) {
        let bias = composedBias(store, &tape)
        let scores = relativePositions?(store, on: &tape) ?? shared
        let joined = qkv(x, store, bias: bias, &tape)
        var probabilities: Tensor?
        let mixed: Variable
        if wantsProbabilities {
            (mixed, probabilities) = tape.attentionWithProbabilities(qkv: joined, heads: options.heads, bias: scores)
        } else {
            mixed = tape.attention(qkv: joined, heads: options.heads, bias: scores)
        }
        return (projection(mixed, store, then: epilogue, &tape), probabilities)
    }

    /// [q_bias, 0, v_bias] as the bias of qkv; gradients reach the two outer parts alone.
    private func composedBias(_ store: ParameterStore, _ tape: inout Tape) -> Variable? {
        guard let noKeyBias else { return nil }
        let inner = options.innerWidth
        let part: Shape = [1, 1, inner]
        let joined = tape.concatRows([
            tape.parameter(noKeyBias.queries, of: store).reshaped(part),
            tape.constant(Tensor(zeros: part)),
            tape.parameter(noKeyBias.values, of: store).reshaped(part),
        ])
        return joined.reshaped([3 * inner])
    }
}
