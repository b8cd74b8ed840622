package import Autodiff

/// Mean and scale of each feature, taken from training rows alone.
package struct Standardisation: Sendable {
    /// What is taken off each feature.
    package let mean: [Double]
    /// What each feature is then divided by.
    package let scale: [Double]
    /// One over `scale`.
    let inverseScale: [Double]

    /// Takes `mean` off and divides by `scale`.
    init(mean: [Double], scale: [Double]) {
        self.mean = mean
        self.scale = scale
        inverseScale = scale.map { 1 / $0 }
    }

    /// The mean of rows `values` [n, features], and their deviation (dividing by n − `correction`) plus `epsilon`.
    package init(_ values: [Float], features: Int, correction: Int, epsilon: Double, on engine: Engine) {
        let moments = ColumnMoments(values, features: features, on: engine)
        let divisor = Double(max(moments.rows - correction, 1))
        self.init(
            mean: moments.mean, scale: moments.squares.map { ($0 / divisor).squareRoot() + epsilon })
    }
}

/// Mean and sum of squared deviations of each feature.
struct ColumnMoments {
    let rows: Int
    let mean: [Double]
    let squares: [Double]

    /// Of rows `values` [n, features], in one pass over their differences from the first row.
    init(_ values: [Float], features: Int, on engine: Engine) {
        let design = DesignMatrix(values, features: features, on: engine)
        rows = design.rows
        let origin = values.prefix(features).map(Double.init)
        let sums = Slabs.sum(rows: rows, length: 2 * features, on: engine) { slab, sum in
            design.forEachBlock(of: slab) { rows, block in
                origin.withUnsafeBufferPointer { origin in
                    for row in 0..<rows.count {
                        for i in 0..<features {
                            let difference = block[row * features + i] - origin[i]
                            sum[i] += difference
                            sum[features + i] += difference * difference
                        }
                    }
                }
            }
        }
        let count = Double(max(rows, 1))
        mean = (0..<features).map { origin[$0] + sums[$0] / count }
        squares = (0..<features).map { max(0, sums[features + $0] - sums[$0] * sums[$0] / count) }
    }
}
