import Autodiff
import Foundation

/// The mean squared error of predicting one row for all: per channel the variance of the targets around their mean, averaged
/// over channels. Rows are the last axis; with `flags`, one a row, only those with 1 count.
func bestConstantError(of targets: Tensor, counting flags: Tensor? = nil) -> Double {
    let (rows, columns) = (targets.shape.rows, targets.shape.columns)
    let counted = flags?.array
    var sums = [Double](repeating: 0, count: columns)
    var squares = 0.0
    var count = 0
    targets.withUnsafeBuffer { values in
        for row in 0..<rows where counted.map({ $0[row] == 1 }) ?? true {
            count += 1
            for column in 0..<columns {
                let value = Double(values[row * columns + column])
                sums[column] += value
                squares += value * value
            }
        }
    }
    let n = Double(count)
    return max(0, (squares / n - sums.reduce(0) { $0 + $1 * $1 } / (n * n)) / Double(columns))
}

/// The loss of predicting one row for all, the mean of the targets: under squared differences no constant does better, under
/// other distances hardly any.
///
/// Rows are the last axis, or whole images with `perImage`. With `normalizing`, rows are brought to length 1 first, as a cosine
/// sees them.
func constantLoss(
    of targets: Tensor, perImage: Bool = false, normalizing: Bool = false, engine: Engine,
    _ distance: (Variable, Tensor, inout Tape) -> Variable
) -> Double {
    var tape = Tape(engine: engine, recording: false)
    let targets = normalizing ? tape.normalizeRows(tape.constant(targets)).value : targets
    let columns = perImage ? targets.count / targets.shape[0] : targets.shape.columns
    let rows = targets.count / columns
    let mean = tape.mean(tape.constant(targets.reshaped([rows, columns])), axis: 0).reshaped([1, columns])
    let all = tape.gatherRows(mean, RowIndices([Int32](repeating: 0, count: rows), batch: 1, count: rows))
    return Double(distance(all.reshaped(targets.shape), targets, &tape).value.item)
}

/// The cross-entropy of predicting the labels' own frequencies for all: their entropy, in nats.
func constantLoss(ofLabels labels: [Int]) -> Double {
    let counts = Dictionary(labels.map { ($0, 1.0) }, uniquingKeysWith: +)
    let total = Double(labels.count)
    // In the order of the labels, so that the sum is the same in every process.
    return counts.sorted { $0.key < $1.key }.reduce(0) { $0 - $1.value / total * log($1.value / total) }
}
