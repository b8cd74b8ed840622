public import Autodiff
public import RandomStreams

/// Transformer blocks one after another, with the relative position table that they may share.
public struct TransformerStack: Sendable {
    private let blocks: [TransformerBlock]
    private let shared: RelativePositionBias?

    /// What to keep of a pass besides its result.
    public struct Kept: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int
        /// A set of these bits.
        public init(rawValue: Int) { self.rawValue = rawValue }
        /// The output of every block.
        public static let layers = Kept(rawValue: 1)
        /// The attention probabilities of the last block.
        public static let lastAttention = Kept(rawValue: 2)
        /// The attention probabilities of every block.
        public static let attention = Kept(rawValue: 4)
        /// What enters the first block of an encoder.
        public static let input = Kept(rawValue: 16)
        /// The hidden units of every block's perceptron, behind their activation.
        public static let hidden = Kept(rawValue: 8)
    }

    /// Values of one pass.
    public struct Output {
        /// The output of the last block, `[B, T, W]`.
        public var tokens: Variable
        /// The outputs of all blocks, if they were asked for.
        public var layers: [Variable] = []
        /// The probabilities `[B, heads, T, T]` of the blocks that were asked for, the last one at the end; without gradient.
        public var attention: [Tensor] = []
        /// The hidden units `[B, T, H]` of all blocks, if they were asked for; without gradient.
        public var hidden: [Tensor] = []
    }

    /// `depth` blocks, added to `store` as `owner`+`name`.0 and so on; a shared table as `owner`+`rel_pos_bias`.
    public init(
        _ name: String = "blocks", of owner: String = "", depth: Int, _ options: BlockOptions,
        relativePositions: RelativePositions? = nil, initialization: Initialization = .mae,
        adding store: inout ParameterStore, random: RandomStream
    ) {
        shared = relativePositions.flatMap { positions in
            positions.isShared
                ? RelativePositionBias(
                    below: "\(owner)rel_pos_bias", positions, heads: options.heads, adding: &store) : nil
        }
        blocks = (0..<depth).map { index in
            TransformerBlock(
                "\(owner)\(name).\(index)", options, relativePositions: relativePositions, block: index,
                initialization: initialization, adding: &store, random: random)
        }
    }

    /// Number of blocks.
    public var depth: Int { blocks.count }

    /// Runs the first `layers` blocks (nil: all) on `[B, T, W]`.
    public func callAsFunction(
        _ x: Variable, _ store: ParameterStore, drop: [BranchFactors]? = nil, layers: Int? = nil, keeping: Kept = [],
        on tape: inout Tape
    ) -> Output {
        let bias = shared?(store, on: &tape)
        let count = layers ?? depth
        var output = Output(tokens: x)
        for (index, block) in blocks.prefix(count).enumerated() {
            let wantsProbabilities =
                keeping.contains(.attention) || (index == count - 1 && keeping.contains(.lastAttention))
            let (x, factors) = (output.tokens, drop?[index])
            if wantsProbabilities || keeping.contains(.hidden) {
                let run = block.run(
                    x, store, drop: factors, shared: bias, wantsProbabilities: wantsProbabilities, on: &tape)
                output.tokens = run.output
                if let probabilities = run.probabilities { output.attention.append(probabilities) }
                if keeping.contains(.hidden) { output.hidden.append(run.hidden.value) }
            } else {
                output.tokens = tape.recomputed { block(x, store, drop: factors, shared: bias, on: &$0) }
            }
            if keeping.contains(.layers) { output.layers.append(output.tokens) }
        }
        return output
    }
}
