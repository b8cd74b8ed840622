public import Autodiff
public import RandomStreams
public import RecipeSchema
import TrainingStep
public import VisionTransformers

/// The norm between the layers of a projection head.
public enum HeadNorm: String, RecipeEnum {
    /// Over the batch, with running statistics for evaluation.
    case batch = "BN"
    /// Over the channels.
    case layer = "LN"
}

/// The activation between the layers of a projection head.
public enum HeadActivation: String, RecipeEnum {
    /// max(x, 0).
    case relu = "ReLU"
    /// The exact GELU.
    case gelu = "GELU"
}

/// A perceptron on pooled features: linear layers, after each but the last a norm and an activation.
///
/// Names count the modules in order, as in a PyTorch `Sequential`: with a norm `name.0`, `name.1` (norm), `name.3` …, without
/// one `name.0`, `name.2` …; an empty dropout behind each activation counts one more. Of no layers it is the identity.
public struct ProjectionHead: Sendable {
    /// Widths and layers of a head.
    public struct Size: Sendable {
        /// Width of the input.
        public var width: Int
        /// Width between layers.
        public var hidden: Int
        /// Linear layers.
        public var depth: Int
        /// Width of the output.
        public var outputs: Int

        /// A size; as wide behind as in front unless told otherwise.
        public init(width: Int, hidden: Int, depth: Int, outputs: Int? = nil) {
            self.width = width
            self.hidden = hidden
            self.depth = depth
            self.outputs = outputs ?? width
        }
    }

    /// How the linear layers of a head are made.
    public struct Layers: Sendable {
        /// The initial weights.
        public var weight: InitialLaw
        /// The initial biases; nil: layers without bias.
        public var bias: InitialLaw?
        /// Whether an empty dropout stands behind each activation, where names count it.
        public var countsDropout: Bool

        /// Layers of some make.
        public init(weight: InitialLaw, bias: InitialLaw?, countsDropout: Bool) {
            self.weight = weight
            self.bias = bias
            self.countsDropout = countsDropout
        }

        /// Xavier weights and no bias (LUT's code).
        public static let plain = Layers(weight: .xavierUniform, bias: nil, countsDropout: false)
        /// What torchvision's perceptron has: PyTorch's own initial values, biases, a dropout.
        public static let torchvision = Layers(weight: .inputUniform, bias: .inputUniform, countsDropout: true)
    }

    private struct Layer: Sendable {
        var linear: LinearParameters
        /// The norm's name in checkpoints, its weight and bias; nil behind the last layer and without norms.
        var norm: (name: String, weight: ParameterID, bias: ParameterID)?
        var isLast: Bool
    }

    private let layers: [Layer]
    private let norm: HeadNorm?
    private let activation: HeadActivation

    /// Adds a head to a store, its norms of ones and zeros.
    public init(
        _ name: String, _ size: Size, norm: HeadNorm?, activation: HeadActivation, layers make: Layers = .plain,
        adding store: inout ParameterStore, random: RandomStream
    ) {
        self.norm = norm
        self.activation = activation
        var layers: [Layer] = []
        let modules = (norm == nil ? 2 : 3) + (make.countsDropout ? 1 : 0)
        for index in 0..<size.depth {
            let isLast = index == size.depth - 1
            let linear = LinearParameters(
                "\(name).\(modules * index)", index == 0 ? size.width : size.hidden,
                isLast ? size.outputs : size.hidden, hasBias: make.bias != nil, weight: make.weight,
                bias: make.bias ?? .zero, &store, random)
            var layer = Layer(linear: linear, norm: nil, isLast: isLast)
            if norm != nil && !isLast {
                let norm = "\(name).\(modules * index + 1)"
                layer.norm = (
                    norm, store.add("\(norm).weight", [size.hidden], [Float](repeating: 1, count: size.hidden)),
                    store.add("\(norm).bias", [size.hidden], [Float](repeating: 0, count: size.hidden))
                )
            }
            layers.append(layer)
        }
        self.layers = layers
    }

    /// Running statistics before any batch: mean 0 and variance 1 of every batch norm.
    public func initialStatistics(_ store: ParameterStore) -> RunningStatistics {
        var statistics = RunningStatistics()
        for layer in layers where norm == .batch {
            guard let norm = layer.norm else { continue }
            let width = store.entry(norm.weight).shape.elementCount
            statistics.tensors["\(norm.name).running_mean"] = Tensor(zeros: [width])
            statistics.tensors["\(norm.name).running_var"] = Tensor(filled: 1, [width])
        }
        return statistics
    }

    /// The head in training on `[B, D]`: batch norms use this batch, and the running statistics note it.
    public func callAsFunction(
        _ x: Variable, _ store: ParameterStore, updating statistics: inout RunningStatistics, on tape: inout Tape
    ) -> Variable {
        run(x, store, on: &tape) { y, name, weight, bias, tape in
            let (output, mean, variance) = tape.batchNorm(y, weight: weight, bias: bias, epsilon: 1e-5)
            statistics.note(mean: mean, variance: variance, rows: y.shape.rows, of: name)
            return output
        }
    }

    /// The head in evaluation on `[B, D]`: batch norms use running statistics.
    public func callAsFunction(
        _ x: Variable, _ store: ParameterStore, using statistics: RunningStatistics, on tape: inout Tape
    ) -> Variable {
        run(x, store, on: &tape) { y, name, weight, bias, tape in
            guard let mean = statistics.tensors["\(name).running_mean"],
                let variance = statistics.tensors["\(name).running_var"]
            else { preconditionFailure("no running statistics of \(name)") }
            let scale = Tensor(variance.array.map { 1 / ($0 + 1e-5).squareRoot() }, variance.shape)
            let centred = tape.subtract(y, tape.constant(mean))
            return tape.add(tape.multiply(tape.multiply(centred, tape.constant(scale)), weight), bias)
        }
    }

    private func run(
        _ x: Variable, _ store: ParameterStore, on tape: inout Tape,
        batchNorm: (Variable, String, Variable, Variable, inout Tape) -> Variable
    ) -> Variable {
        var x = x
        for layer in layers {
            x = layer.linear(x, store, &tape)
            if let norm = layer.norm {
                let weight = tape.parameter(norm.weight, of: store)
                let bias = tape.parameter(norm.bias, of: store)
                x =
                    self.norm == .batch
                    ? batchNorm(x, norm.name, weight, bias, &tape)
                    : tape.layerNorm(x, weight: weight, bias: bias, epsilon: 1e-6)
            }
            if !layer.isLast { x = activation == .relu ? tape.relu(x) : tape.gelu(x) }
        }
        return x
    }
}

/// Running means and variances of batch norms, by checkpoint name.
public struct RunningStatistics: Sendable {
    /// `name.running_mean` and `name.running_var` of each norm.
    public var tensors: [String: Tensor] = [:]
    /// What batches showed and the statistics have not taken in yet.
    private var observed: [Observation] = []

    /// No norms.
    public init() {}

    /// Notes the statistics of a batch; its variance is divided by rows − 1 here.
    mutating func note(mean: Tensor, variance: Tensor, rows: Int, of name: String) {
        let unbiased = Float(rows) / Float(max(1, rows - 1))
        observed.append(Observation("\(name).running_mean", mean.array))
        observed.append(Observation("\(name).running_var", variance.array.map { $0 * unbiased }))
    }

    /// What was noted since the last call.
    mutating func takeObservations() -> [Observation] {
        defer { observed = [] }
        return observed
    }

    /// new = 0.9 · old + 0.1 · observed
    mutating func apply(_ observations: [Observation]) {
        for observation in observations { blend(observation.values, into: observation.name, share: 0.1) }
    }

    /// Moves towards other statistics, as a moving average of the network does: new = momentum · old + (1 − momentum) · other.
    mutating func follow(_ other: RunningStatistics, momentum: Double) {
        for name in tensors.keys {
            if let values = other.tensors[name]?.array { blend(values, into: name, share: Float(1 - momentum)) }
        }
    }

    private mutating func blend(_ values: [Float], into name: String, share: Float) {
        guard let old = tensors[name] else { preconditionFailure("no running statistics \(name)") }
        let new = zip(old.array, values).map { $0 + ($1 - $0) * share }
        tensors[name] = Tensor(new, old.shape)
    }
}
