public import Autodiff
import RandomStreams

/// The two-dimensional discrete Fourier transform of real pictures, as products with matrices of cosines and sines.
///
/// With c and s the cosines and sines of 2π·f·y/n, the picture X `[H, W]` gives four real quadrants
///
///     Q = [[c_H X c_Wᵀ, c_H X s_Wᵀ], [s_H X c_Wᵀ, s_H X s_Wᵀ]]        F = (Q₀₀ − Q₁₁) − i (Q₀₁ + Q₁₀)
///
/// so the transform is two products, exact for any size, odd and prime ones too. Its adjoint, which is the inverse where the
/// transform is orthonormal, applies the transposed matrices to [[Re, −Im], [−Im, −Re]].
public struct FourierTransform: Sendable {
    /// The order of the frequencies along an axis of n pixels.
    public enum Order: Sendable {
        /// 0, 1, …, n − 1.
        case natural
        /// −⌊n/2⌋ first, 0 at place ⌊n/2⌋.
        case shifted
    }

    /// Frequencies along the height.
    public let rows: Int
    /// Frequencies along the width.
    public let columns: Int

    private let alongHeight: Tensor
    private let alongWidth: Tensor
    private let backAlongHeight: Tensor
    private let backAlongWidth: Tensor

    /// The transform of pictures of a size; `limit` leaves out frequencies above it in either direction.
    ///
    /// An orthonormal transform is divided by √(H·W).
    public init(
        height: Int, width: Int, order: Order = .shifted, isOrthonormal: Bool = true, limit: Int? = nil
    ) {
        (alongHeight, backAlongHeight) = Self.matrices(height, order, isOrthonormal, limit)
        (alongWidth, backAlongWidth) = Self.matrices(width, order, isOrthonormal, limit)
        rows = alongHeight.shape[0] / 2
        columns = alongWidth.shape[0] / 2
    }

    /// The frequencies along an axis, in order.
    public static func frequencies(_ length: Int, _ order: Order, limit: Int? = nil) -> [Int] {
        let all = order == .shifted ? (0..<length).map { $0 - length / 2 } : Array(0..<length)
        return limit.map { limit in all.filter { abs($0) <= limit } } ?? all
    }

    /// The cosines above the sines, `[2 · frequencies, length]`, and the same transposed.
    private static func matrices(
        _ length: Int, _ order: Order, _ isOrthonormal: Bool, _ limit: Int?
    ) -> (Tensor, Tensor) {
        let scale = isOrthonormal ? 1 / Double(length).squareRoot() : 1
        let waves = (0..<length).map { step -> (Float, Float) in
            let turns = Double(step) / Double(length)
            return (Float(scale * cosine(turns: turns)), Float(scale * cosine(turns: turns - 0.25)))
        }
        let frequencies = frequencies(length, order, limit: limit)
        let count = frequencies.count
        var matrix = [Float](repeating: 0, count: 2 * count * length)
        var transposed = matrix
        for (row, frequency) in frequencies.enumerated() {
            for pixel in 0..<length {
                let step = (frequency * pixel) % length
                let (c, s) = waves[step < 0 ? step + length : step]
                matrix[row * length + pixel] = c
                matrix[(count + row) * length + pixel] = s
                transposed[pixel * 2 * count + row] = c
                transposed[pixel * 2 * count + count + row] = s
            }
        }
        return (Tensor(matrix, [2 * count, length]), Tensor(transposed, [length, 2 * count]))
    }

    /// The quadrants `[…, 2 · rows, 2 · columns]` of pictures `[…, H, W]`.
    public func quadrants(_ pictures: Variable, on tape: inout Tape) -> Variable {
        let wide = tape.linearFilter(pictures, matrix: alongWidth, along: .last)
        return tape.linearFilter(wide, matrix: alongHeight, along: .secondToLast)
    }

    /// The adjoint: pictures `[…, H, W]` of spectra laid out as [[Re, −Im], [−Im, −Re]].
    public func pictures(_ spectra: Variable, on tape: inout Tape) -> Variable {
        let wide = tape.linearFilter(spectra, matrix: backAlongHeight, along: .secondToLast)
        return tape.linearFilter(wide, matrix: backAlongWidth, along: .last)
    }

    /// Real and imaginary part of every frequency, `[…, rows, columns, 2]`.
    public func spectrum(ofQuadrants quadrants: Tensor) -> [Float] {
        let q = quadrants.array
        let plane = 4 * rows * columns
        var result: [Float] = []
        result.reserveCapacity(q.count / 2)
        for start in stride(from: 0, to: q.count, by: plane) {
            for row in 0..<rows {
                for column in 0..<columns {
                    let top = start + row * 2 * columns + column
                    let bottom = top + rows * 2 * columns
                    result.append(q[top] - q[bottom + columns])
                    result.append(-(q[top + columns] + q[bottom]))
                }
            }
        }
        return result
    }
}
