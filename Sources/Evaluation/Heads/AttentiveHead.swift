public import Autodiff
public import RandomStreams
public import TrainingStep
public import VisionTransformers

/// The head of CAE's attentive probe: one learnt query looks where it wants among all tokens of a picture.
///
/// With tokens `[B, T, D]` after the encoder's final norm, no positions, no residual and no perceptron:
///
///     a = attention(norm_q(query), norm_k(tokens), norm_v(tokens))      y = batch norm (a)      logits = head(y)
///
/// The batch norm has neither scale nor shift (Chen et al., arXiv 2202.03026). The published module cannot be called as it is
/// written; this is what it means.
public struct AttentiveHead: ParameterOwner, Sendable {
    /// Query, norms, attention, classifier.
    public var parameters = ParameterStore()
    /// What the batch norm keeps of the pooled features.
    public var statistics: RunningStatistics
    private let query: ParameterID
    private let queryNorm: NormParameters
    private let keyNorm: NormParameters
    private let valueNorm: NormParameters
    private let attention: CrossAttentionParameters
    private let head: LinearParameters
    private let heads: Int

    /// Values of one pass.
    public struct Output {
        /// What the query made of each picture, `[B, D]`.
        public var pooled: Variable
        /// After the batch norm, `[B, D]`.
        public var normed: Variable
        /// Scores, `[B, classes]`.
        public var logits: Variable
    }

    /// A head with the encoder's width, heads and biases: query 0, normal weights of deviation 0.02, 0.01 in the classifier.
    public init(width: Int, heads: Int, classes: Int, qkvBias: QKVBias, random: RandomStream) {
        var options = BlockOptions(width: width, heads: heads, hidden: width)
        options.qkvBias = qkvBias
        let block = "attentive_blocks.0"
        query = parameters.add("query_token", [1, 1, width], [Float](repeating: 0, count: width))
        queryNorm = NormParameters("\(block).norm_q", width, &parameters)
        keyNorm = NormParameters("\(block).norm_k", width, &parameters)
        valueNorm = NormParameters("\(block).norm_v", width, &parameters)
        attention = CrossAttentionParameters(
            "\(block).cross_attn", options,
            initialization: .normal(deviation: 0.02), adding: &parameters, random: random)
        head = LinearParameters(
            "head", width, classes, weight: .normal(deviation: 0.01), &parameters, random)
        statistics = RunningStatistics(width: width)
        self.heads = heads
    }

    /// A pass in training on tokens `[B, T, D]`: the batch's own statistics norm it, and the running ones take a tenth of them.
    public mutating func training(_ tokens: Tensor, on tape: inout Tape) -> Output {
        let pooled = pooled(tokens, &tape)
        let normed = statistics.training(pooled, on: &tape)
        return Output(pooled: pooled, normed: normed, logits: head(normed, parameters, &tape))
    }

    /// Scores in evaluation, `[B, classes]`, of tokens `[B, T, D]`: the running statistics norm them.
    public func logits(_ tokens: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let pooled = pooled(tokens, &tape)
        let normed = statistics.evaluation(pooled, on: &tape)
        return head(normed, parameters, &tape).value
    }

    /// Where the query looks in tokens `[B, T, D]`: `[B, heads, T]`, rows of sum 1.
    public func attention(_ tokens: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let (images, width) = (tokens.shape[0], tokens.shape[2])
        let keys = keyNorm(tape.constant(tokens), parameters, &tape)
        let (q, k) = attention.queriesAndKeys(normedQuery(width, &tape), keys, parameters, on: &tape)
        return QueryAttention.weights(
            q.value.array, keys: k.value.array, stride: width, [images, tokens.shape[1], width], heads: heads)
    }

    private func normedQuery(_ width: Int, _ tape: inout Tape) -> Variable {
        queryNorm(tape.parameter(query, of: parameters).reshaped([1, width]), parameters, &tape)
    }

    private func pooled(_ tokens: Tensor, _ tape: inout Tape) -> Variable {
        let (images, width) = (tokens.shape[0], tokens.shape[2])
        let x = tape.constant(tokens)
        let one = normedQuery(width, &tape)
        let queries = QueryAttention.queries(one, images: images, on: &tape)
        return attention(
            queries, keys: keyNorm(x, parameters, &tape), values: valueNorm(x, parameters, &tape), parameters,
            on: &tape
        ).reshaped([images, width])
    }
}
