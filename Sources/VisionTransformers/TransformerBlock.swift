public import Autodiff
public import RandomStreams

/// A pre-norm transformer block: x + γ₁∘proj(attention(norm1 x)), then x + γ₂∘fc2(activation(fc1(norm2 x))).
///
/// Parameters have timm's names below `prefix` (`blocks.0.attn.qkv.weight` …), the factors γ, if any, BEiT's (`gamma_1`).
public struct TransformerBlock: Sendable {
    private let activation: Activation
    private let scales: (attention: ParameterID, perceptron: ParameterID)?
    private let norm1: NormParameters
    private let norm2: NormParameters
    private let attention: SelfAttentionParameters
    private let fc1: LinearParameters
    private let fc2: LinearParameters

    /// Block number `block` of a stack, added to `store`.
    public init(
        _ prefix: String, _ options: BlockOptions, relativePositions: RelativePositions? = nil, block: Int = 0,
        initialization: Initialization = .mae, adding store: inout ParameterStore, random: RandomStream
    ) {
        let width = options.width
        activation = options.activation
        scales = options.layerScale.map { value in
            let values = [Float](repeating: Float(value), count: width)
            return (store.add("\(prefix).gamma_1", [width], values), store.add("\(prefix).gamma_2", [width], values))
        }
        norm1 = NormParameters("\(prefix).norm1", width, epsilon: options.epsilon, &store)
        attention = SelfAttentionParameters(
            "\(prefix).attn", options, relativePositions: relativePositions, block: block, initialization,
            adding: &store, random: random)
        norm2 = NormParameters("\(prefix).norm2", width, epsilon: options.epsilon, &store)
        fc1 = LinearParameters(
            "\(prefix).mlp.fc1", width, options.hidden, weight: initialization.linear, &store, random)
        fc2 = LinearParameters(
            "\(prefix).mlp.fc2", options.hidden, width, weight: initialization.linear,
            dividedBy: initialization.branchDivisor(block), &store, random)
    }

    /// The block's output, `[B, T, W]` as its input; `drop` holds the factor of each image for the two branches.
    ///
    /// `shared` `[heads, T, T]` is the relative position bias that all blocks of a stack share.
    public func callAsFunction(
        _ x: Variable, _ store: ParameterStore, drop: BranchFactors? = nil, shared: Variable? = nil,
        on tape: inout Tape
    ) -> Variable {
        run(x, store, drop: drop, shared: shared, wantsProbabilities: false, on: &tape).output
    }

    /// The output, the attention's probabilities `[B, heads, T, T]` where wanted, and the perceptron's hidden units `[B, T, H]`.
    func run(
        _ x: Variable, _ store: ParameterStore, drop: BranchFactors?, shared: Variable?, wantsProbabilities: Bool,
        on tape: inout Tape
    ) -> (output: Variable, probabilities: Tensor?, hidden: Variable) {
        // With nothing between the last product of a branch and the sum, both are one operation.
        let isPlain = scales == nil && drop == nil
        let (mixed, probabilities) = attention(
            norm1(x, store, &tape), store, shared: shared, wantsProbabilities: wantsProbabilities,
            then: isPlain ? .residual(x) : .none, &tape)
        let attended =
            isPlain ? mixed : sum(x, mixed, scale: scales?.attention, factors: drop?.attention, store, &tape)
        let hidden = activated(norm2(attended, store, &tape), store, &tape)
        let changed = fc2(hidden, store, then: isPlain ? .residual(attended) : .none, &tape)
        guard !isPlain else { return (changed, probabilities, hidden) }
        let output = sum(attended, changed, scale: scales?.perceptron, factors: drop?.perceptron, store, &tape)
        return (output, probabilities, hidden)
    }

    private func activated(_ x: Variable, _ store: ParameterStore, _ tape: inout Tape) -> Variable {
        switch activation {
        case .gelu: return fc1(x, store, then: .gelu, &tape)
        case .quickGELU:
            let y = fc1(x, store, &tape)
            return tape.multiply(y, tape.sigmoid(tape.scale(y, by: 1.702)))
        }
    }

    /// residual + factors · γ∘branch.
    private func sum(
        _ residual: Variable, _ branch: Variable, scale: ParameterID?, factors: Tensor?, _ store: ParameterStore,
        _ tape: inout Tape
    ) -> Variable {
        var branch = branch
        if let scale { branch = tape.layerScale(branch, tape.parameter(scale, of: store)) }
        if let factors { branch = tape.dropPath(branch, factors: factors) }
        return tape.add(residual, branch)
    }
}
