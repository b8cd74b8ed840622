public import Autodiff
public import RandomStreams

/// A pre-norm transformer block: x + proj(attention(norm1 x)), then x + fc2(gelu(fc1(norm2 x))).
///
/// Parameters have timm's names below `prefix` (`blocks.0.attn.qkv.weight` …). Layer norms have ε = 1e-6.
public struct TransformerBlock: Sendable {
    private let heads: Int
    private let norm1: NormParameters
    private let norm2: NormParameters
    private let qkv: LinearParameters
    private let projection: LinearParameters
    private let fc1: LinearParameters
    private let fc2: LinearParameters

    /// A block with Xavier-uniform weights (qkv as one matrix) and zero biases, added to `store`.
    public init(
        _ prefix: String, width: Int, heads: Int, hidden: Int, adding store: inout ParameterStore, random: RandomStream
    ) {
        self.heads = heads
        norm1 = NormParameters("\(prefix).norm1", width, &store)
        qkv = LinearParameters("\(prefix).attn.qkv", width, 3 * width, &store, random)
        projection = LinearParameters("\(prefix).attn.proj", width, width, &store, random)
        norm2 = NormParameters("\(prefix).norm2", width, &store)
        fc1 = LinearParameters("\(prefix).mlp.fc1", width, hidden, &store, random)
        fc2 = LinearParameters("\(prefix).mlp.fc2", hidden, width, &store, random)
    }

    /// The block's output, `[B, T, D]` as its input; `drop` holds the factor of each image for the two branches.
    public func callAsFunction(
        _ x: Variable, _ store: ParameterStore, drop: BranchFactors? = nil, on tape: inout Tape
    ) -> Variable {
        let mixed = tape.attention(qkv: qkv(norm1(x, store, &tape), store, &tape), heads: heads)
        let attended = branch(mixed, projection, residual: x, drop?.attention, store, &tape)
        let hidden = fc1(norm2(attended, store, &tape), store, then: .gelu, &tape)
        return branch(hidden, fc2, residual: attended, drop?.perceptron, store, &tape)
    }

    /// residual + factors · linear(x): in one operation where nothing is dropped.
    private func branch(
        _ x: Variable, _ linear: LinearParameters, residual: Variable, _ factors: Tensor?, _ store: ParameterStore,
        _ tape: inout Tape
    ) -> Variable {
        guard let factors else { return linear(x, store, then: .residual(residual), &tape) }
        let dropped = tape.dropPath(linear(x, store, &tape), factors: factors)
        return tape.add(residual, dropped)
    }
}

/// What drop path multiplies the two branches of one block with, a factor an image: 0, or 1/(1 − rate).
public struct BranchFactors: Sendable {
    /// For the attention branch, `[B]`.
    public var attention: Tensor
    /// For the perceptron branch, `[B]`.
    public var perceptron: Tensor
}

/// Drop path (stochastic depth): the rate rises linearly from 0 in the first block to `rate` in the last.
public enum DropPath {
    /// Factors from uniform numbers: a branch is kept when ⌊(1 − p) + u⌋ = 1 and is then divided by 1 − p.
    ///
    /// `uniform(block, branch, image)` gives the draws; branch 0 is attention, 1 the perceptron.
    public static func factors(
        rate: Double, depth: Int, images: Int, uniform: (Int, Int, Int) -> Float
    ) -> [BranchFactors] {
        (0..<depth).map { block in
            let p = depth > 1 ? rate * Double(block) / Double(depth - 1) : 0
            let kept = Float(1 - p)
            func factors(_ branch: Int) -> Tensor {
                Tensor(
                    (0..<images).map { (kept + uniform(block, branch, $0)).rounded(.down) >= 1 ? 1 / kept : 0 },
                    [images])
            }
            return BranchFactors(attention: factors(0), perceptron: factors(1))
        }
    }

    /// Factors drawn for the images of a batch, each from its own stream; nil when the rate is 0.
    public static func drawn(
        rate: Double, depth: Int, streams: [RandomStream]
    ) -> [BranchFactors]? {
        guard rate > 0 else { return nil }
        let draws = streams.map { stream -> [Float] in
            var stream = stream
            return (0..<2 * depth).map { _ in stream.uniform() }
        }
        return factors(rate: rate, depth: depth, images: streams.count) { draws[$2][2 * $0 + $1] }
    }
}
