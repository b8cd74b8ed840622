public import Autodiff
public import RandomStreams
import VisionTransformers

/// The clustering of CAPI: a linear layer on features of length 1, trained to tell the balanced assignments of its own scores.
///
/// Darcet et al., arXiv 2502.08769. `teacher.head.layer.weight` C `[K, D]` and, if wished, `.bias` `[K]`.
public struct ClusteringHead: Sendable {
    /// What all its parameters' names begin with.
    public static let owner = "teacher.head.layer"
    private let layer: LinearParameters
    private let positionwise: Bool
    private let sinkhorn: Sinkhorn
    private let temperatures: (target: Double, own: Double)

    /// How scores become assignments.
    public struct Options: Sendable {
        /// Clusters, K.
        public var clusters: Int
        /// Whether clusters have biases.
        public var hasBias: Bool
        /// Whether each cell is balanced for itself, over the images of a batch; else all of them together.
        public var positionwise: Bool
        /// Rounds of balancing.
        public var iterations: Int
        /// What divides scores before they are balanced.
        public var targetTemperature: Double
        /// What divides them in the loss.
        public var temperature: Double

        /// Options.
        public init(
            clusters: Int, hasBias: Bool, positionwise: Bool, iterations: Int, targetTemperature: Double,
            temperature: Double
        ) {
            self.clusters = clusters
            self.hasBias = hasBias
            self.positionwise = positionwise
            self.iterations = iterations
            self.targetTemperature = targetTemperature
            self.temperature = temperature
        }
    }

    /// A head for features of a width, added to a store: standard normal weights, biases of 0.
    public init(_ options: Options, width: Int, adding store: inout ParameterStore, random: RandomStream) {
        layer = LinearParameters(
            Self.owner, width, options.clusters, hasBias: options.hasBias, weight: .normal(deviation: 1), &store, random
        )
        positionwise = options.positionwise
        sinkhorn = Sinkhorn(iterations: options.iterations)
        temperatures = (options.targetTemperature, options.temperature)
    }

    /// What a batch of features gives.
    public struct Output {
        /// The scores `[B, N, K]`.
        public var logits: Variable
        /// The balanced assignments `[B, N, K]`; without gradient.
        public var assignments: Tensor
        /// −Σ assignment · log softmax(scores/temperature), the mean over all cells.
        public var loss: Variable
    }

    /// Scores, assignments and loss of features `[B, N, D]`, which get no gradient.
    public func callAsFunction(_ features: Tensor, _ store: ParameterStore, on tape: inout Tape) -> Output {
        let (batch, cells) = (features.shape[0], features.shape[1])
        let normed = tape.normalizeRows(tape.constant(features), epsilon: 1e-7)
        let logits = layer(normed, store, &tape)
        let groups =
            positionwise
            ? (0..<cells).map { cell in (0..<batch).map { $0 * cells + cell } } : [Array(0..<batch * cells)]
        let assignments = sinkhorn(
            logits.value, groups: groups, temperature: temperatures.target, engine: tape.engine)
        let scaled = tape.scale(logits, by: Float(1 / temperatures.own))
        return Output(
            logits: logits, assignments: assignments, loss: tape.crossEntropy(scaled, targets: assignments))
    }
}

/// The head of CAPI's student: a linear layer without bias on predictions of length 1, its rows g_k·v_k/(‖v_k‖ + 1e-8).
///
/// `name.weight_g` `[K, 1]` and `name.weight_v` `[K, W]`, both trained.
public struct NormalizedHead: Sendable {
    private let lengths: ParameterID
    private let directions: ParameterID

    /// A head added to a store: lengths of 1, directions normal with deviation 0.02.
    public init(
        _ name: String, width: Int, outputs: Int, adding store: inout ParameterStore, random: RandomStream
    ) {
        lengths = store.add("\(name).weight_g", [outputs, 1], [Float](repeating: 1, count: outputs))
        let law = InitialLaw.cutNormal(deviation: 0.02, bound: 2)
        directions = store.add(
            "\(name).weight_v", [outputs, width],
            law.values(outputs * width, inputs: width, outputs: outputs, random.child("\(name).weight_v")))
    }

    /// Scores of predictions `[…, W]`, `[…, K]`.
    public func callAsFunction(_ x: Variable, _ store: ParameterStore, on tape: inout Tape) -> Variable {
        let v = tape.parameter(directions, of: store)
        let squares = tape.sum(tape.square(v), axis: 1)
        let norms = tape.addScalar(tape.sqrt(squares), 1e-8).reshaped([v.shape[0], 1])
        let factors = tape.divide(tape.parameter(lengths, of: store), norms)
        return tape.linear(tape.normalizeRows(x, epsilon: 1e-12), weight: tape.multiply(v, factors))
    }
}
