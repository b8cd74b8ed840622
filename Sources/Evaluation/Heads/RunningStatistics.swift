public import Autodiff

/// What a batch norm keeps: in training a batch is normed by its own mean and variance, in evaluation by running ones.
public struct RunningStatistics: Sendable {
    /// The running mean of each column, `[D]`.
    public var mean: Tensor
    /// The running variance of each column, divided by the rows less one, `[D]`.
    public var variance: Tensor
    /// Added to the variance under the root.
    private static let epsilon: Float = 1e-5
    /// Share of a batch in the running values.
    private static let momentum: Float = 0.1

    /// Mean 0 and variance 1.
    public init(width: Int) {
        mean = Tensor(zeros: [width])
        variance = Tensor(filled: 1, [width])
    }

    /// Rows `[B, D]` normed by themselves, times `weight` and plus `bias`; the running values move a tenth of the way.
    mutating func training(
        _ x: Variable, weight: Variable? = nil, bias: Variable? = nil, on tape: inout Tape
    ) -> Variable {
        let (normed, mean, variance) = tape.batchNorm(x, weight: weight, bias: bias, epsilon: Self.epsilon)
        let rows = Float(x.shape[0])
        let unbiased = rows / max(1, rows - 1)
        self.mean = Self.moved(self.mean, mean.array)
        self.variance = Self.moved(self.variance, variance.array.map { $0 * unbiased })
        return normed
    }

    /// Rows `[B, D]` normed by the running values, times `weight` and plus `bias`.
    func evaluation(_ x: Variable, weight: Variable? = nil, bias: Variable? = nil, on tape: inout Tape) -> Variable {
        let scale = Tensor(variance.array.map { 1 / ($0 + Self.epsilon).squareRoot() }, variance.shape)
        var y = tape.multiply(tape.subtract(x, tape.constant(mean)), tape.constant(scale))
        if let weight { y = tape.multiply(y, weight) }
        if let bias { y = tape.add(y, bias) }
        return y
    }

    private static func moved(_ old: Tensor, _ batch: [Float]) -> Tensor {
        Tensor(zip(old.array, batch).map { (1 - momentum) * $0 + momentum * $1 }, old.shape)
    }
}
