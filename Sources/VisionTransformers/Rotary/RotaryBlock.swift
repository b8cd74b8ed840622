public import Autodiff
public import RandomStreams

/// Which images of a batch take part in a branch; the others pass it by.
///
/// With m of B images chosen, x_b grows by (B/m)·f(x)_b for those, and stays for the others (stochastic depth of DINOv2 and CAPI).
public struct ChosenImages: Sendable, Equatable {
    /// Their places in the batch.
    public var images: [Int]

    /// Images of a batch, at least one.
    public init(_ images: [Int]) { self.images = images }

    /// How many of a batch take part at a rate.
    public static func count(of batch: Int, rate: Double) -> Int { max(Int(Double(batch) * (1 - rate)), 1) }
}

/// Attention and perceptron of a block, each with the images that take part; nil: all.
public struct ChosenBranches: Sendable, Equatable {
    /// Those of the attention.
    public var attention: ChosenImages?
    /// Those of the perceptron.
    public var perceptron: ChosenImages?

    /// Two sets of images.
    public init(attention: ChosenImages?, perceptron: ChosenImages?) {
        self.attention = attention
        self.perceptron = perceptron
    }
}

/// A block with root-mean-square norms, rotary positions and no biases, of CAPI's encoder, or of its predictor, which looks at a
/// context instead of at itself.
///
/// Names below `prefix` are the official ones: `residual1.norm.weight`, `residual1.fn.q_proj.weight` …, `residual2.fn.fc2.weight`.
/// Darcet et al., arXiv 2502.08769.
public struct RotaryBlock: Sendable {
    private let heads: Int
    private let norm1: ParameterID
    private let queries: LinearParameters
    private let keys: LinearParameters
    private let values: LinearParameters
    private let projection: LinearParameters
    private let norm2: ParameterID
    private let fc1: LinearParameters
    private let fc2: LinearParameters

    /// The ε of all norms.
    public static let epsilon: Float = 1e-5

    /// A block of a width, looking at tokens of width `context`; its perceptron is four times as wide.
    public init(
        _ prefix: String, width: Int, heads: Int, context: Int, law: InitialLaw, adding store: inout ParameterStore,
        random: RandomStream
    ) {
        self.heads = heads
        func norm(_ name: String, _ store: inout ParameterStore) -> ParameterID {
            store.add("\(prefix).\(name).weight", [width], [Float](repeating: 1, count: width))
        }
        func linear(_ name: String, _ inputs: Int, _ outputs: Int, _ store: inout ParameterStore) -> LinearParameters {
            LinearParameters("\(prefix).\(name)", inputs, outputs, hasBias: false, weight: law, &store, random)
        }
        norm1 = norm("residual1.norm", &store)
        queries = linear("residual1.fn.q_proj", width, width, &store)
        keys = linear("residual1.fn.k_proj", context, width, &store)
        values = linear("residual1.fn.v_proj", context, width, &store)
        projection = linear("residual1.fn.proj", width, width, &store)
        norm2 = norm("residual2.norm", &store)
        fc1 = linear("residual2.fn.fc1", width, 4 * width, &store)
        fc2 = linear("residual2.fn.fc2", 4 * width, width, &store)
    }

    /// What a block looks at, and where tokens are.
    package struct Surroundings {
        /// The angles of its own tokens.
        package var angles: RotaryAngles
        /// Tokens of another sequence, which are not normed again, and their angles; nil: its own.
        package var context: (tokens: Variable, angles: RotaryAngles)?
        package var pairing: RotaryPairing

        /// Tokens that look at themselves.
        package init(angles: RotaryAngles, pairing: RotaryPairing) {
            self.angles = angles
            self.pairing = pairing
        }
    }

    /// The block's output `[B, T, W]`, the attention's probabilities where wanted, and the perceptron's hidden units.
    package func run(
        _ x: Variable, _ around: Surroundings, _ store: ParameterStore, chosen: ChosenBranches?,
        drop: BranchFactors? = nil, wantsProbabilities: Bool = false, on tape: inout Tape
    ) -> (output: Variable, probabilities: Tensor?, hidden: Variable?) {
        var probabilities: Tensor?
        let attended = branch(x, chosen?.attention, drop?.attention, &tape) { x, images, epilogue, tape in
            let (mixed, found) = attention(
                x, around.entries(images, &tape), store, wantsProbabilities: wantsProbabilities, &tape)
            probabilities = found
            return projection(mixed, store, then: epilogue, &tape)
        }
        var hidden: Variable?
        let output = branch(attended, chosen?.perceptron, drop?.perceptron, &tape) { x, _, epilogue, tape in
            let normed = tape.rmsNorm(x, weight: tape.parameter(norm2, of: store), epsilon: Self.epsilon)
            let wide = fc1(normed, store, then: .gelu, &tape)
            hidden = wide
            return fc2(wide, store, then: epilogue, &tape)
        }
        return (output, probabilities, hidden)
    }

    /// x + f(x), or x + (B/m)·f(x) for the chosen images, or x + factor·f(x).
    private func branch(
        _ x: Variable, _ chosen: ChosenImages?, _ factors: Tensor?, _ tape: inout Tape,
        _ body: (Variable, [Int]?, Epilogue, inout Tape) -> Variable
    ) -> Variable {
        if let factors { return tape.add(x, tape.dropPath(body(x, nil, .none, &tape), factors: factors)) }
        guard let images = chosen?.images else { return body(x, nil, .residual(x), &tape) }
        let (batch, size) = (x.shape[0], x.value.count / x.shape[0])
        let rows = x.reshaped([1, batch, size])
        let part = tape.gatherRows(rows, RowIndices([images.map { Int32($0) }]))
        let changed = body(part.reshaped([images.count, x.shape[1], x.shape[2]]), images, .none, &tape)
        let scaled = tape.scale(changed, by: Float(Double(batch) / Double(images.count)))
        var places = [Int32](repeating: Int32(images.count), count: batch)
        for (place, image) in images.enumerated() { places[image] = Int32(place) }
        let spread = tape.restoreRows(
            scaled.reshaped([1, images.count, size]), fill: tape.constant(Tensor(zeros: [size])),
            restore: RowIndices([places]), prefix: 0)
        return tape.add(x, spread.reshaped(x.shape))
    }

    private func attention(
        _ x: Variable, _ around: Surroundings, _ store: ParameterStore, wantsProbabilities: Bool, _ tape: inout Tape
    ) -> (mixed: Variable, probabilities: Tensor?) {
        let normed = tape.rmsNorm(x, weight: tape.parameter(norm1, of: store), epsilon: Self.epsilon)
        let seen = around.context?.tokens ?? normed
        let q = around.angles(queries(normed, store, &tape), around.pairing, on: &tape)
        let k = (around.context?.angles ?? around.angles)(keys(seen, store, &tape), around.pairing, on: &tape)
        let v = values(seen, store, &tape)
        let width = q.shape[2]
        func apart(_ x: Variable) -> Variable { x.reshaped([x.shape[0] * x.shape[1], 1, width]) }
        if wantsProbabilities, around.context == nil {
            let joined = tape.concatRows([apart(q), apart(k), apart(v)]).reshaped([q.shape[0], q.shape[1], 3 * width])
            let (mixed, probabilities) = tape.attentionWithProbabilities(qkv: joined, heads: heads)
            return (mixed, probabilities)
        }
        // Keys and values side by side for each token, as the attention reads them.
        let kv = tape.concatRows([apart(k), apart(v)]).reshaped([k.shape[0], k.shape[1], 2 * width])
        return (tape.crossAttention(q: q, kv: kv, heads: heads), nil)
    }
}

extension RotaryBlock.Surroundings {
    /// What some images of the batch have around them; nil: all.
    fileprivate func entries(_ images: [Int]?, _ tape: inout Tape) -> Self {
        guard let images else { return self }
        var part = self
        part.angles = angles.entries(images)
        if let context {
            let tokens = context.tokens
            let rows = tokens.reshaped([1, tokens.shape[0], tokens.value.count / tokens.shape[0]])
            let chosen = tape.gatherRows(rows, RowIndices([images.map { Int32($0) }]))
            part.context = (
                chosen.reshaped([images.count, tokens.shape[1], tokens.shape[2]]), context.angles.entries(images)
            )
        }
        return part
    }
}
