public import Autodiff
public import RandomStreams
public import TrainingStep
import VisionTransformers

/// The head of CAPI's attentive probe (Darcet et al., arXiv 2502.08769): one learnt query pools the patch tokens.
///
/// With tokens `[B, T, D]` after the encoder's final norm, no norm, no projection of the query or of what comes out:
///
///     k, v = kv(tokens)      a = softmax(q·kᵀ/√w)·v, head by head of width w      logits = linear(a)
public struct AttentionPoolingHead: ParameterOwner, Sendable {
    /// `query_token` `[D]`, `kv.weight` `[2·D, D]` (keys, then values), `kv.bias`, `linear.weight` `[classes, D]`, `linear.bias`.
    public var parameters = ParameterStore()
    /// Heads of the attention.
    public let heads: Int
    private let query: ParameterID
    private let keysValues: LinearParameters
    private let linear: LinearParameters

    /// Values of one pass.
    public struct Output {
        /// What the query made of each picture, `[B, D]`.
        public var pooled: Variable
        /// Scores, `[B, classes]`.
        public var logits: Variable
    }

    /// A head with normal weights of deviation 0.02 and no biases yet, for tokens of a width that the heads divide.
    public init(width: Int, heads: Int, classes: Int, random: RandomStream) {
        self.heads = heads
        let law = InitialLaw.normal(deviation: 0.02)
        query = parameters.add(
            "query_token", [width],
            law.values(width, inputs: width, outputs: width, dividedBy: 1, random.child("query_token")))
        keysValues = LinearParameters("kv", width, 2 * width, weight: law, &parameters, random)
        linear = LinearParameters("linear", width, classes, weight: law, &parameters, random)
    }

    /// Heads of width 64, or one head where the width of the tokens is no multiple of that.
    public static func heads(width: Int) -> Int { width % 64 == 0 ? width / 64 : 1 }

    /// A pass on tokens `[B, T, D]`.
    public func callAsFunction(_ tokens: Tensor, on tape: inout Tape) -> Output {
        let (images, width) = (tokens.shape[0], tokens.shape[2])
        let one = tape.parameter(query, of: parameters).reshaped([1, width])
        let queries = QueryAttention.queries(one, images: images, on: &tape)
        let kv = keysValues(tape.constant(tokens), parameters, &tape)
        let pooled = tape.crossAttention(q: queries, kv: kv, heads: heads)
            .reshaped([images, width])
        return Output(pooled: pooled, logits: linear(pooled, parameters, &tape))
    }

    /// Scores `[B, classes]` of tokens `[B, T, D]` in evaluation.
    public func logits(_ tokens: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        return self(tokens, on: &tape).logits.value
    }

    /// Where the query looks in tokens `[B, T, D]`: `[B, heads, T]`, rows of sum 1.
    public func attention(_ tokens: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let width = tokens.shape[2]
        let keys = keysValues(tape.constant(tokens), parameters, &tape).value
        let query = tape.parameter(query, of: parameters).value
        return QueryAttention.weights(query.array, keys: keys.array, stride: 2 * width, tokens.shape, heads: heads)
    }
}
