public import Autodiff
import Foundation

/// Balanced soft assignments: rows sum to 1, and all columns get nearly the same of each group of rows.
///
/// Sinkhorn and Knopp's normalisation in the form of CAPI (Darcet et al., arXiv 2502.08769; its code): of each column the maximum is
/// subtracted and 50 added, then exponentials are divided by column sums and row sums in turn, each sum with 1e-8 added.
public struct Sinkhorn: Sendable {
    /// Rounds of both divisions.
    public var iterations: Int

    /// So many rounds, at least one.
    public init(iterations: Int) { self.iterations = iterations }

    /// The assignments of scores `[rows, K]`. `groups` are the rows that are balanced together, each once; `temperature` divides the
    /// scores first.
    public func callAsFunction(
        _ scores: Tensor, groups: [[Int]], temperature: Double, engine: Engine
    ) -> Tensor {
        let columns = scores.shape.columns
        let result = engine.tensor(scores.shape) { values in
            scores.withUnsafeBuffer { _ = values.update(fromContentsOf: $0) }
        }
        var balanced = result
        balanced.withUnsafeMutableBuffer { buffer in
            guard let values = buffer.baseAddress else { return }
            engine.forEach(groups.count) { number in
                balance(values, rows: groups[number], columns: columns, Float(1 / temperature))
            }
        }
        return balanced
    }

    private func balance(_ values: UnsafeMutablePointer<Float>, rows: [Int], columns: Int, _ scale: Float) {
        var maxima = [Float](repeating: -.infinity, count: columns)
        for row in rows {
            let start = values + row * columns
            for column in 0..<columns {
                start[column] *= scale
                maxima[column] = max(maxima[column], start[column])
            }
        }
        for row in rows {
            let start = values + row * columns
            for column in 0..<columns { start[column] = exp(start[column] - maxima[column] + 50) }
        }
        var sums = [Double](repeating: 0, count: columns)
        var factors = maxima
        for _ in 0..<iterations {
            for column in 0..<columns { sums[column] = 0 }
            for row in rows {
                let start = values + row * columns
                for column in 0..<columns { sums[column] += Double(start[column]) }
            }
            for column in 0..<columns { factors[column] = Float(1 / (sums[column] + 1e-8)) }
            for row in rows {
                let start = values + row * columns
                var sum = 0.0
                for column in 0..<columns {
                    start[column] *= factors[column]
                    sum += Double(start[column])
                }
                let share = Float(1 / (sum + 1e-8))
                for column in 0..<columns { start[column] *= share }
            }
        }
    }
}
