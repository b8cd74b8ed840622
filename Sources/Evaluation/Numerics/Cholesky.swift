/// The factor L of a symmetric positive definite matrix A = L·Lᵀ.
struct Cholesky {
    /// Number of rows of A.
    let size: Int
    private var factor: [Double]

    /// Factors `matrix` [size, size], of which the lower triangle is read; nil where it is not positive definite.
    init?(_ matrix: [Double], size: Int) {
        precondition(matrix.count == size * size, "\(matrix.count) numbers for a matrix of \(size) rows")
        self.size = size
        factor = matrix
        BLAS.useCallingThreadOnly()
        let positive = factor.withUnsafeMutableBufferPointer { buffer in
            guard let a = buffer.baseAddress else { return true }
            return Self.factor(a, size)
        }
        guard positive else { return nil }
    }

    /// X ← X·A⁻¹ for X [rows, size]: every row is a right-hand side.
    func solve(_ x: inout [Double], rows: Int) {
        divideByTransposedFactor(&x, rows: rows)
        divide(&x, rows: rows, transposed: false)
    }

    /// X ← X·L⁻ᵀ for X [rows, size]: the rows become uncorrelated where A is their covariance.
    func divideByTransposedFactor(_ x: inout [Double], rows: Int) { divide(&x, rows: rows, transposed: true) }

    private func divide(_ x: inout [Double], rows: Int, transposed: Bool) {
        precondition(x.count == rows * size, "\(x.count) numbers for \(rows) rows of \(size)")
        BLAS.useCallingThreadOnly()
        x.withUnsafeMutableBufferPointer { x in
            factor.withUnsafeBufferPointer { l in
                guard let x = x.baseAddress, let l = l.baseAddress else { return }
                BLAS.divide(x, m: rows, n: size, stride: size, byLower: l, stride: size, transposed: transposed)
            }
        }
    }

    /// Blocks of columns from left to right; almost all work is in matrix products.
    private static func factor(_ a: UnsafeMutablePointer<Double>, _ n: Int) -> Bool {
        let block = 96
        for start in stride(from: 0, to: n, by: block) {
            let width = min(block, n - start)
            let end = start + width
            let corner = a + start * n + start
            // What the columns before contribute to this block of columns, the corner included.
            BLAS.multiply(
                m: n - start, n: width, k: start, alpha: -1, .plain(a + start * n, stride: n),
                .transpose(a + start * n, stride: n), beta: 1, into: corner, stride: n)
            for i in 0..<width {
                for j in 0...i {
                    var sum = corner[i * n + j]
                    for k in 0..<j { sum -= corner[i * n + k] * corner[j * n + k] }
                    if j < i {
                        corner[i * n + j] = sum / corner[j * n + j]
                    } else {
                        guard sum > 0, sum.isFinite else { return false }
                        corner[i * n + i] = sum.squareRoot()
                    }
                }
            }
            BLAS.divide(
                a + end * n + start, m: n - end, n: width, stride: n, byLower: corner, stride: n, transposed: true)
        }
        return true
    }
}
