/// The column means of rows of numbers, in double precision.
struct ColumnMeans: Sendable {
    /// The mean of each column.
    let values: [Double]

    /// Of `matrix`, rows of `width` numbers.
    init(_ matrix: [Double], width: Int) {
        let rows = Double(matrix.count / width)
        var sums = [Double](repeating: 0, count: width)
        for place in matrix.indices { sums[place % width] += matrix[place] }
        values = sums.map { $0 / rows }
    }

    /// The rows of a matrix of the same width without these means.
    func centred(_ matrix: [Double]) -> [Double] { matrix.indices.map { matrix[$0] - values[$0 % values.count] } }
}

/// Products of a matrix with its transpose.
package enum Gram {
    /// ZᵀZ `[width, width]`, or ZZᵀ `[rows, rows]`.
    package static func matrix(_ z: [Double], rows: Int, width: Int, ofRows: Bool = false) -> [Double] {
        let size = ofRows ? rows : width
        var gram = [Double](repeating: 0, count: size * size)
        BLAS.useCallingThreadOnly()
        z.withUnsafeBufferPointer { z in
            gram.withUnsafeMutableBufferPointer { gram in
                guard let z = z.baseAddress, let gram = gram.baseAddress else { return }
                if ofRows {
                    BLAS.multiply(
                        m: rows, n: rows, k: width, .plain(z, stride: width), .transpose(z, stride: width), into: gram,
                        stride: rows)
                } else {
                    BLAS.multiply(
                        m: width, n: width, k: rows, .transpose(z, stride: width), .plain(z, stride: width),
                        into: gram, stride: width)
                }
            }
        }
        return gram
    }
}
