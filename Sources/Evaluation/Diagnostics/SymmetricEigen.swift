/// Eigenvalues and eigenvectors of a symmetric matrix in double precision, by LAPACK (`dsyevd`: tridiagonal form, then divide and
/// conquer).
package struct SymmetricEigen {
    /// The eigenvalues, falling; not numbers where the matrix holds what is not finite.
    package let values: [Double]
    /// The unit eigenvectors, one behind the other, in the order of the values.
    package let vectors: [Double]
    private let size: Int

    /// Decomposes `matrix` `[size, size]`.
    package init(_ matrix: [Double], size: Int) {
        precondition(matrix.count == size * size, "\(matrix.count) numbers for a matrix of \(size) rows")
        var columns = matrix
        let rising = matrix.allSatisfy(\.isFinite) ? BLAS.eigenvalues(&columns, size: size) : nil
        values = rising.map { $0.reversed() } ?? [Double](repeating: .nan, count: size)
        vectors = (0..<size).reversed().flatMap { columns[$0 * size..<($0 + 1) * size] }
        self.size = size
    }

    /// The eigenvector of value number `index`.
    func vector(_ index: Int) -> ArraySlice<Double> { vectors[index * size..<(index + 1) * size] }
}
