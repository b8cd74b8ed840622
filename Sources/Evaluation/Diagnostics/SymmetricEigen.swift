/// Eigenvalues and eigenvectors of a symmetric matrix, by cyclic Jacobi rotations in double precision.
package struct SymmetricEigen {
    /// The eigenvalues, falling.
    package let values: [Double]
    /// The unit eigenvectors, one behind the other, in the order of the values.
    package let vectors: [Double]
    private let size: Int

    /// Decomposes `matrix` `[size, size]`.
    package init(_ matrix: [Double], size: Int) {
        precondition(matrix.count == size * size, "\(matrix.count) numbers for a matrix of \(size) rows")
        var a = matrix
        var v = [Double](repeating: 0, count: size * size)
        for i in 0..<size { v[i * size + i] = 1 }
        let scale = a.reduce(0) { $0 + $1 * $1 }
        for _ in 0..<60 {
            var off = 0.0
            for i in 0..<size { for j in i + 1..<max(i + 1, size) { off += a[i * size + j] * a[i * size + j] } }
            // Off-diagonal rest below rounding of the whole: nothing left to turn.
            if off <= 1e-32 * scale { break }
            for p in 0..<size { for q in p + 1..<max(p + 1, size) { Self.rotate(&a, &v, size, p, q) } }
        }
        let order = (0..<size).sorted { a[$0 * size + $0] > a[$1 * size + $1] }
        values = order.map { a[$0 * size + $0] }
        vectors = order.flatMap { Array(v[$0 * size..<($0 + 1) * size]) }
        self.size = size
    }

    /// The eigenvector of value number `index`.
    func vector(_ index: Int) -> ArraySlice<Double> { vectors[index * size..<(index + 1) * size] }

    /// Turns rows and columns p and q so that a[p, q] becomes 0; rows of `v` collect the eigenvectors.
    private static func rotate(_ a: inout [Double], _ v: inout [Double], _ n: Int, _ p: Int, _ q: Int) {
        let apq = a[p * n + q]
        guard apq != 0 else { return }
        let theta = (a[q * n + q] - a[p * n + p]) / (2 * apq)
        let t = (theta >= 0 ? 1.0 : -1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        a.withUnsafeMutableBufferPointer { a in
            for k in 0..<n {
                let (x, y) = (a[k * n + p], a[k * n + q])
                a[k * n + p] = c * x - s * y
                a[k * n + q] = s * x + c * y
            }
            for k in 0..<n {
                let (x, y) = (a[p * n + k], a[q * n + k])
                a[p * n + k] = c * x - s * y
                a[q * n + k] = s * x + c * y
            }
        }
        v.withUnsafeMutableBufferPointer { v in
            for k in 0..<n {
                let (x, y) = (v[p * n + k], v[q * n + k])
                v[p * n + k] = c * x - s * y
                v[q * n + k] = s * x + c * y
            }
        }
    }
}
