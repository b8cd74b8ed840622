import Autodiff
import RandomStreams
import VisionTransformers

/// CAE's regressor: queries for hidden patches become what the encoder would say of them, by attention to visible ones.
///
/// Visible tokens are never changed. `norm2_cross` replaces the stream: the residual behind it starts from the normed value,
/// as in the published code.
struct CAERegressor: Sendable {
    private let blocks: [Block]
    private let norm: NormParameters?

    /// `depth` blocks below `regresser.`; CAE v2 has no norm behind them.
    init(
        depth: Int, _ options: BlockOptions, hasNorm: Bool, initialization: Initialization,
        adding store: inout ParameterStore, random: RandomStream
    ) {
        blocks = (0..<depth).map { index in
            Block(
                "regresser.regressor_blocks.\(index)", options, block: index, initialization: initialization,
                adding: &store, random: random)
        }
        norm = hasNorm ? NormParameters("regresser.norm", options.width, &store) : nil
    }

    /// Representations of hidden patches, `[B, M, E]` as the queries.
    ///
    /// - Parameters:
    ///   - queries: One a hidden patch, without positions.
    ///   - visible: Tokens of visible patches, `[B, K, E]`.
    ///   - positions: Of visible and of hidden patches, `[B, K, E]` and `[B, M, E]`.
    func callAsFunction(
        _ queries: Variable, visible: Variable, positions: (visible: Variable, hidden: Variable),
        _ store: ParameterStore, drop: [BranchFactors]?, on tape: inout Tape, trace: ForwardTrace?
    ) -> Variable {
        let all = tape.concatRows([positions.visible, positions.hidden])
        var x = queries
        for (index, block) in blocks.enumerated() {
            let (input, factors) = (x, drop?[index])
            x = tape.recomputed {
                block(input, visible: visible, positions: (all, positions.hidden), store, drop: factors, on: &$0)
            }
            trace?.record("block_\(index)", x.value)
        }
        let output = norm?(x, store, &tape) ?? x
        trace?.record("output", output.value)
        return output
    }

    private struct Block: Sendable {
        private let queryNorm: NormParameters
        private let keyNorm: NormParameters
        private let valueNorm: NormParameters
        private let middleNorm: NormParameters
        private let attention: CrossAttentionParameters
        private let fc1: LinearParameters
        private let fc2: LinearParameters
        private let scales: (attention: ParameterID, perceptron: ParameterID)?

        init(
            _ prefix: String, _ options: BlockOptions, block: Int, initialization: Initialization,
            adding store: inout ParameterStore, random: RandomStream
        ) {
            let width = options.width
            func norm(_ name: String, _ store: inout ParameterStore) -> NormParameters {
                NormParameters("\(prefix).\(name)", width, epsilon: options.epsilon, &store)
            }
            queryNorm = norm("norm1_q", &store)
            keyNorm = norm("norm1_k", &store)
            valueNorm = norm("norm1_v", &store)
            middleNorm = norm("norm2_cross", &store)
            attention = CrossAttentionParameters(
                "\(prefix).cross_attn", options, block: block, initialization: initialization, adding: &store,
                random: random)
            fc1 = LinearParameters(
                "\(prefix).mlp_cross.fc1", width, options.hidden, weight: initialization.linear, &store, random)
            fc2 = LinearParameters(
                "\(prefix).mlp_cross.fc2", options.hidden, width, weight: initialization.linear,
                dividedBy: initialization.branchDivisor(block), &store, random)
            scales = options.layerScale.map { value in
                let values = [Float](repeating: Float(value), count: width)
                return (
                    store.add("\(prefix).gamma_1_cross", [width], values),
                    store.add("\(prefix).gamma_2_cross", [width], values)
                )
            }
        }

        /// `positions` are those of visible and hidden patches one after another, and of hidden ones alone.
        func callAsFunction(
            _ x: Variable, visible: Variable, positions: (all: Variable, hidden: Variable), _ store: ParameterStore,
            drop: BranchFactors?, on tape: inout Tape
        ) -> Variable {
            let tokens = tape.concatRows([visible, x])
            let mixed = attention(
                queryNorm(tape.add(x, positions.hidden), store, &tape),
                keys: keyNorm(tape.add(tokens, positions.all), store, &tape),
                values: valueNorm(tokens, store, &tape), store, on: &tape)
            let attended = sum(x, mixed, scale: scales?.attention, factors: drop?.attention, store, &tape)
            let stream = middleNorm(attended, store, &tape)
            let changed = fc2(fc1(stream, store, then: .gelu, &tape), store, &tape)
            return sum(stream, changed, scale: scales?.perceptron, factors: drop?.perceptron, store, &tape)
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
}
