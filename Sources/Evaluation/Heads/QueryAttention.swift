import Autodiff
import Foundation

/// Where one query looks.
enum QueryAttention {
    /// A query `[1, D]` for each picture, `[B, 1, D]`.
    static func queries(_ one: Variable, images: Int, on tape: inout Tape) -> Variable {
        tape.gatherRows(one, RowIndices([Int32](repeating: 0, count: images), batch: images, count: 1))
            .reshaped([images, 1, one.shape[1]])
    }

    /// softmax(q·kᵀ/√w) `[B, heads, T]` of a query `[D]` over keys of tokens `[B, T, D]`, head by head of width w, in double
    /// precision; a key begins at every `stride` numbers.
    static func weights(_ query: [Float], keys: [Float], stride: Int, _ tokens: Shape, heads: Int) -> Tensor {
        let (images, count, width) = (tokens[0], tokens[1], tokens[2] / heads)
        let scale = 1 / Double(width).squareRoot()
        var weights: [Float] = []
        weights.reserveCapacity(images * heads * count)
        for image in 0..<images {
            for head in 0..<heads {
                let scores = (0..<count).map { token in
                    let start = (image * count + token) * stride + head * width
                    return (0..<width).reduce(0.0) {
                        $0 + Double(query[head * width + $1]) * Double(keys[start + $1])
                    } * scale
                }
                let largest = scores.max() ?? 0
                let powers = scores.map { exp($0 - largest) }
                let sum = powers.reduce(0, +)
                weights += powers.map { Float($0 / sum) }
            }
        }
        return Tensor(weights, [images, heads, count])
    }
}
