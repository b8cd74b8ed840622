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
    package init(_ values: [Float], features: Int, correction: Int, epsilon: Double) {
        let moments = ColumnMoments(values, features: features)
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

    /// Of rows `values` [n, features], in two passes.
    init(_ values: [Float], features: Int) {
        let design = DesignMatrix(values, features: features)
        let rows = design.rows
        let mean = Parallel.sum(rows: rows, length: features) { slab, sum in
            design.forEachBlock(of: slab) { rows, block in
                for row in 0..<rows.count {
                    for i in 0..<features { sum[i] += block[row * features + i] }
                }
            }
        }.map { $0 / Double(rows) }
        squares = Parallel.sum(rows: rows, length: features) { slab, sum in
            design.forEachBlock(of: slab) { rows, block in
                mean.withUnsafeBufferPointer { mean in
                    for row in 0..<rows.count {
                        for i in 0..<features {
                            let difference = block[row * features + i] - mean[i]
                            sum[i] += difference * difference
                        }
                    }
                }
            }
        }
        self.mean = mean
        self.rows = rows
    }
}
