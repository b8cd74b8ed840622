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
    /// The running mean of the pooled features, `[D]`.
    public var runningMean: Tensor
    /// Their running variance, `[D]`.
    public var runningVariance: Tensor
    private let query: ParameterID
    private let queryNorm: NormParameters
    private let keyNorm: NormParameters
    private let valueNorm: NormParameters
    private let attention: CrossAttentionParameters
    private let head: LinearParameters
    private static let epsilon: Float = 1e-5

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
        runningMean = Tensor(zeros: [width])
        runningVariance = Tensor(filled: 1, [width])
    }

    /// A pass in training on tokens `[B, T, D]`: the batch's own statistics norm it, and the running ones take a tenth of them.
    public mutating func training(_ tokens: Tensor, on tape: inout Tape) -> Output {
        let pooled = pooled(tokens, &tape)
        let (normed, mean, variance) = tape.batchNorm(pooled, epsilon: Self.epsilon)
        let rows = Float(tokens.shape[0])
        let unbiased = rows / max(1, rows - 1)
        runningMean = Self.moved(runningMean, mean.array)
        runningVariance = Self.moved(runningVariance, variance.array.map { $0 * unbiased })
        return Output(pooled: pooled, normed: normed, logits: head(normed, parameters, &tape))
    }

    /// Scores in evaluation, `[B, classes]`, of tokens `[B, T, D]`: the running statistics norm them.
    public func logits(_ tokens: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let pooled = pooled(tokens, &tape)
        let scale = Tensor(runningVariance.array.map { 1 / ($0 + Self.epsilon).squareRoot() }, runningVariance.shape)
        let normed = tape.multiply(
            tape.subtract(pooled, tape.constant(runningMean)), tape.constant(scale))
        return head(normed, parameters, &tape).value
    }

    private func pooled(_ tokens: Tensor, _ tape: inout Tape) -> Variable {
        let (images, width) = (tokens.shape[0], tokens.shape[2])
        let x = tape.constant(tokens)
        let one = queryNorm(tape.parameter(query, of: parameters).reshaped([1, width]), parameters, &tape)
        let queries = tape.gatherRows(one, RowIndices([Int32](repeating: 0, count: images), batch: images, count: 1))
        return attention(
            queries, keys: keyNorm(x, parameters, &tape), values: valueNorm(x, parameters, &tape), parameters,
            on: &tape
        ).reshaped([images, width])
    }

    private static func moved(_ old: Tensor, _ batch: [Float]) -> Tensor {
        Tensor(zip(old.array, batch).map { 0.9 * $0 + 0.1 * $1 }, old.shape)
    }
}
