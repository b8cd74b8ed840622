import CPalimpsestKernels

/// Softmax attention (Vaswani et al. 2017), scores scaled by 1/√(head width).
///
/// With P the probabilities and ∘ the product of elements:
///
///     dV = Pᵀ·dO    dP = dO·Vᵀ    dS = P∘(dP − Σ P∘dP)    dQ = dS·K/√d    dK = dSᵀ·Q/√d    dbias = Σ pictures of dS
extension Tape {
    /// Self-attention on `[B, T, 3·D]` (queries, keys, values; in each, head after head) → `[B, T, D]`.
    ///
    /// - Parameter bias: `[heads, T, T]`, added to the scores of every picture.
    public mutating func attention(qkv: Variable, heads: Int, bias: Variable? = nil) -> Variable {
        selfAttention(qkv, heads: heads, bias: bias, keepsProbabilities: false).output
    }

    /// Self-attention that also returns its probabilities `[B, heads, T, T]`; no gradient flows through those.
    public mutating func attentionWithProbabilities(
        qkv: Variable, heads: Int, bias: Variable? = nil
    ) -> (output: Variable, probabilities: Tensor) {
        let (output, probabilities) = selfAttention(qkv, heads: heads, bias: bias, keepsProbabilities: true)
        guard let probabilities else { fatalError("attention kept no probabilities") }
        return (output, probabilities)
    }

    /// Attention of `q` `[B, Tq, D]` over keys and values `kv` `[B, Tk, 2·D]` → `[B, Tq, D]`.
    ///
    /// - Parameter bias: `[heads, Tq, Tk]`, added to the scores of every picture.
    public mutating func crossAttention(q: Variable, kv: Variable, heads: Int, bias: Variable? = nil) -> Variable {
        require(
            q.shape.rank == 3 && kv.shape.rank == 3 && q.shape[0] == kv.shape[0] && kv.shape[2] == 2 * q.shape[2],
            "crossAttention: queries of shape \(q.shape), keys and values of shape \(kv.shape)")
        let width = q.shape[2]
        let plan = AttentionPlan(
            batch: q.shape[0], queries: q.shape[1], keys: kv.shape[1], width: width, heads: heads, bias: bias?.shape,
            queryRow: width, keyRow: 2 * width)
        let needed = q.needsGradient || kv.needsGradient || bias?.needsGradient == true
        let y = engine.tensor(q.shape)
        let probabilities = needed ? engine.tensor(plan.probabilities) : nil
        pal_attention_forward(
            engine.handle, plan.shape, q.value.pointer, kv.value.pointer, kv.value.pointer + width,
            UnsafePointer(bias?.value.pointer), y.pointer, probabilities?.pointer)
        guard needed, let probabilities else { return constant(y) }

        return record(.crossAttention, y) { gradient, walk in
            let engine = walk.engine
            let dq = engine.tensor(q.shape)
            let dkv = engine.tensor(kv.shape)
            walk.withBiasGradient(bias) { dBias in
                pal_attention_backward(
                    engine.handle, plan.shape, q.value.pointer, kv.value.pointer, kv.value.pointer + width,
                    probabilities.pointer, gradient.pointer, dq.pointer, dkv.pointer, dkv.pointer + width, dBias)
            }
            walk.add(dq, to: q.slot)
            walk.add(dkv, to: kv.slot)
        }
    }

    private mutating func selfAttention(
        _ qkv: Variable, heads: Int, bias: Variable?, keepsProbabilities: Bool
    ) -> (output: Variable, probabilities: Tensor?) {
        require(qkv.shape.rank == 3 && qkv.shape[2] % 3 == 0, "attention: qkv of shape \(qkv.shape)")
        let (batch, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
        let plan = AttentionPlan(
            batch: batch, queries: tokens, keys: tokens, width: width, heads: heads, bias: bias?.shape,
            queryRow: 3 * width, keyRow: 3 * width)
        let needed = qkv.needsGradient || bias?.needsGradient == true
        let y = engine.tensor([batch, tokens, width])
        let probabilities = needed || keepsProbabilities ? engine.tensor(plan.probabilities) : nil
        let x = qkv.value.pointer
        pal_attention_forward(
            engine.handle, plan.shape, x, x + width, x + 2 * width, UnsafePointer(bias?.value.pointer), y.pointer,
            probabilities?.pointer)
        guard needed, let probabilities else { return (constant(y), probabilities) }

        let output = record(.attention, y) { gradient, walk in
            let engine = walk.engine
            let dqkv = engine.tensor(qkv.shape)
            walk.withBiasGradient(bias) { dBias in
                let (x, dx) = (qkv.value.pointer, dqkv.pointer)
                pal_attention_backward(
                    engine.handle, plan.shape, x, x + width, x + 2 * width, probabilities.pointer, gradient.pointer,
                    dx, dx + width, dx + 2 * width, dBias)
            }
            walk.add(dqkv, to: qkv.slot)
        }
        return (output, probabilities)
    }
}

/// Sizes of one attention, checked.
private struct AttentionPlan {
    let shape: pal_attention_shape
    let probabilities: Shape

    init(
        batch: Int, queries: Int, keys: Int, width: Int, heads: Int, bias: Shape?, queryRow: Int, keyRow: Int
    ) {
        require(heads > 0 && width % heads == 0, "attention: \(heads) heads on a width of \(width)")
        require(keys > 0 || queries == 0, "attention: no keys")
        require(
            bias.map { $0 == [heads, queries, keys] } ?? true,
            "attention: bias of shape \(bias ?? []) where \([heads, queries, keys]) is needed")
        self.shape = pal_attention_shape(
            batch: batch, heads: heads, head_width: width / heads, q_tokens: queries, k_tokens: keys, q_row: queryRow,
            kv_row: keyRow, out_row: width)
        self.probabilities = [batch, heads, queries, keys]
    }
}

extension BackwardWalk {
    /// Runs `body` with the place where the bias's gradient is to be added, if it has one.
    fileprivate mutating func withBiasGradient(
        _ bias: Variable?, _ body: (UnsafeMutablePointer<Float>?) -> Void
    ) {
        guard let bias, bias.needsGradient else { return body(nil) }
        let count = bias.value.count
        accumulate(into: bias.slot, count: count) { target, accumulate in
            if !accumulate { target.update(repeating: 0, count: count) }
            body(target)
        }
    }
}
