import Autodiff

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
