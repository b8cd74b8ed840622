public import Autodiff
public import RandomStreams

/// Parameters of an attention whose queries, keys and values come from different tokens: separate `q`, `k`, `v` `[I, W]` and
/// `proj` `[W, I]` below a prefix.
///
/// Biases by kind: `q.bias`, `k.bias`, `v.bias`; or `q_bias`, `v_bias`; or none. Norms are the caller's: methods differ in
/// which of the three they share.
public struct CrossAttentionParameters: Sendable {
    private let options: BlockOptions
    private let queries: LinearParameters
    private let keys: LinearParameters
    private let values: LinearParameters
    private let noKeyBias: (queries: ParameterID, values: ParameterID)?
    private let projection: LinearParameters

    /// Adds the parameters of block number `block` to a store; weights are drawn as `initialization` says, each for itself.
    public init(
        _ prefix: String, _ options: BlockOptions, block: Int = 0, initialization: Initialization,
        adding store: inout ParameterStore, random: RandomStream
    ) {
        self.options = options
        let inner = options.innerWidth
        func part(_ name: String, _ store: inout ParameterStore) -> LinearParameters {
            LinearParameters(
                "\(prefix).\(name)", options.width, inner, hasBias: options.qkvBias == .all,
                weight: initialization.linear, &store, random)
        }
        queries = part("q", &store)
        keys = part("k", &store)
        values = part("v", &store)
        let zeros = [Float](repeating: 0, count: inner)
        noKeyBias =
            options.qkvBias == .noKey
            ? (store.add("\(prefix).q_bias", [inner], zeros), store.add("\(prefix).v_bias", [inner], zeros)) : nil
        projection = LinearParameters(
            "\(prefix).proj", inner, options.width, weight: initialization.linear,
            dividedBy: initialization.branchDivisor(block), &store, random)
    }

    /// Attention of `queries` `[B, Tq, W]` over tokens seen as `keys` and as `values` `[B, Tk, W]`, with the output projection
    /// and its epilogue: `[B, Tq, W]`.
    public func callAsFunction(
        _ queries: Variable, keys: Variable, values: Variable, _ store: ParameterStore,
        then epilogue: Epilogue = .none, on tape: inout Tape
    ) -> Variable {
        let inner = options.innerWidth
        let (batch, tokens) = (keys.shape[0], keys.shape[1])
        let valueBias = noKeyBias.map { tape.parameter($0.values, of: store) }
        let (q, keyRows) = queriesAndKeys(queries, keys, store, on: &tape)
        // Keys and values side by side for each token, as the attention reads them.
        let apart: Shape = [batch * tokens, 1, inner]
        let k = keyRows.reshaped(apart)
        let v = self.values(values, store, bias: valueBias, &tape).reshaped(apart)
        let kv = tape.concatRows([k, v]).reshaped([batch, tokens, 2 * inner])
        let mixed = tape.crossAttention(q: q, kv: kv, heads: options.heads)
        return projection(mixed, store, then: epilogue, &tape)
    }

    /// What is compared: `queries` `[…, W]` and `keys` `[…, W]` through their layers, `[…, I]`.
    public func queriesAndKeys(
        _ queries: Variable, _ keys: Variable, _ store: ParameterStore, on tape: inout Tape
    ) -> (queries: Variable, keys: Variable) {
        let bias = noKeyBias.map { tape.parameter($0.queries, of: store) }
        return (self.queries(queries, store, bias: bias, &tape), self.keys(keys, store, &tape))
    }
}
