package import Autodiff

/// Least squares on few samples, standardised by themselves, with a constant column that is penalised like the rest
/// (big_vision's `fewshot_lsr`).
package struct LeastSquaresClassifier: Sendable {
    /// Mean and deviation (divided by n) + epsilon of the selected samples.
    package let standardisation: Standardisation
    private let design: DesignMatrix
    private let targets: [Double]
    private let classes: Int
    private let constant: Double

    /// The problem of `values` [n, features], one row a label from 0 ..< classes, with targets 2·onehot − 1.
    package init(
        _ values: [Float], features: Int, labels: [Int], classes: Int, constant: Double = 100, epsilon: Double = 1e-5,
        on engine: Engine
    ) {
        standardisation = Standardisation(values, features: features, correction: 0, epsilon: epsilon, on: engine)
        design = DesignMatrix(
            values, features: features, constant: constant, standardisation: standardisation, on: engine)
        self.classes = classes
        self.constant = constant
        targets = labels.flatMap { label in (0..<classes).map { $0 == label ? 1 : -1 } }
    }

    /// The weights [features + 1, classes], the last row of the constant column, that minimise ‖XW − T‖² + l2·‖W‖²; nil
    /// where rounding leaves no solution (l2 far below the largest eigenvalue of XᵀX).
    package func weights(l2: Double) -> [Double]? {
        let (n, width) = (design.rows, design.columns)
        var x = [Double](repeating: 0, count: n * width)
        x.withUnsafeMutableBufferPointer { if let base = $0.baseAddress { design.load(0..<n, into: base) } }
        // Right-hand sides are rows: [classes, …] throughout, transposed at the end.
        var solution: [Double]
        if n >= width {
            var matrix = design.gram()
            for i in 0..<width { matrix[i * width + i] += l2 }
            solution = product(targets, rows: classes, transposed: true, x, columns: width, inner: n)
            guard let factor = Cholesky(matrix, size: width) else { return nil }
            factor.solve(&solution, rows: classes)
        } else {
            var matrix = [Double](repeating: 0, count: n * n)
            matrix.withUnsafeMutableBufferPointer { matrix in
                x.withUnsafeBufferPointer { x in
                    guard let matrix = matrix.baseAddress, let x = x.baseAddress else { return }
                    BLAS.multiply(
                        m: n, n: n, k: width, .plain(x, stride: width), .transpose(x, stride: width), into: matrix,
                        stride: n)
                }
            }
            for i in 0..<n { matrix[i * n + i] += l2 }
            var dual = (0..<classes).flatMap { c in (0..<n).map { targets[$0 * classes + c] } }
            guard let factor = Cholesky(matrix, size: n) else { return nil }
            factor.solve(&dual, rows: classes)
            solution = product(dual, rows: classes, transposed: false, x, columns: width, inner: n)
        }
        return (0..<width).flatMap { i in (0..<classes).map { solution[$0 * width + i] } }
    }

    /// The scores of rows [m, features]: [m, classes].
    package func scores(_ weights: [Double], _ values: [Float]) -> [Double] {
        let width = design.columns
        let test = DesignMatrix(
            values, features: design.features, constant: constant, standardisation: standardisation,
            on: design.engine)
        let byClass = (0..<classes).flatMap { c in (0..<width).map { weights[$0 * classes + c] } }
        return test.times(byClass, outputs: classes)
    }

    private func product(
        _ a: [Double], rows: Int, transposed: Bool, _ b: [Double], columns: Int, inner: Int
    ) -> [Double] {
        var result = [Double](repeating: 0, count: rows * columns)
        result.withUnsafeMutableBufferPointer { result in
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    guard let result = result.baseAddress, let a = a.baseAddress, let b = b.baseAddress else { return }
                    BLAS.multiply(
                        m: rows, n: columns, k: inner,
                        transposed ? .transpose(a, stride: rows) : .plain(a, stride: inner),
                        .plain(b, stride: columns), into: result, stride: columns)
                }
            }
        }
        return result
    }
}
