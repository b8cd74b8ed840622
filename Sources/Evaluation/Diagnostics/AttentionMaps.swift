import Foundation

/// What attention probabilities of one block and head look at, over pictures.
public enum AttentionMaps {
    /// The geometry that distances refer to.
    public struct Geometry: Sendable {
        /// Rows of patches.
        public var rows: Int
        /// Columns of patches.
        public var columns: Int
        /// Side of a patch, in pixels.
        public var patchSize: Int
        /// Tokens in front of the patches.
        public var prefix: Int

        /// A grid of patches behind `prefix` tokens.
        public init(rows: Int, columns: Int, patchSize: Int, prefix: Int) {
            self.rows = rows
            self.columns = columns
            self.patchSize = patchSize
            self.prefix = prefix
        }

        /// All tokens.
        public var tokens: Int { prefix + rows * columns }

        /// The mean distance between two patches, in pixels: that of uniform attention.
        public var uniformDistance: Double {
            let patches = rows * columns
            let sum = (0..<patches).reduce(0.0) { sum, i in (0..<patches).reduce(sum) { $0 + distance(i, $1) } }
            return sum / Double(patches * patches)
        }

        /// The distance between the centres of two patches, in pixels.
        func distance(_ i: Int, _ j: Int) -> Double {
            let dy = Double(i / columns - j / columns)
            let dx = Double(i % columns - j % columns)
            return Double(patchSize) * (dy * dy + dx * dx).squareRoot()
        }
    }

    /// The mean distance between a query patch and what it attends to, in pixels (Dosovitskiy et al., arXiv 2010.11929,
    /// appendix): without class row and column, rows rescaled to sum 1; `unnormalised` leaves the rescaling out.
    ///
    /// `attention` holds a matrix `[tokens, tokens]` a picture.
    public static func distance(
        _ attention: [Double], _ geometry: Geometry, unnormalised: Bool = false
    ) -> Double {
        let tokens = geometry.tokens
        let patches = geometry.rows * geometry.columns
        let pictures = attention.count / (tokens * tokens)
        var total = 0.0
        for picture in 0..<pictures {
            for i in 0..<patches {
                let row = (picture * tokens + geometry.prefix + i) * tokens + geometry.prefix
                var sum = 0.0
                var weighted = 0.0
                for j in 0..<patches {
                    sum += attention[row + j]
                    weighted += attention[row + j] * geometry.distance(i, j)
                }
                // All attention may go to the tokens in front.
                total += unnormalised ? weighted : sum > 0 ? weighted / sum : 0
            }
        }
        return total / Double(pictures * patches)
    }

    /// The mean entropy of the rows, in nats; ln T for uniform attention over T tokens.
    public static func entropy(_ attention: [Double], tokens: Int) -> Double {
        let sum = attention.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
        return sum / Double(attention.count / tokens)
    }

    /// Attention rollout of one picture (Abnar and Zuidema, arXiv 2005.00928): the product over blocks, later ones from the left,
    /// of ½·(mean over heads) + ½·I with rows of sum 1. `[tokens, tokens]`.
    ///
    /// `blocks` holds, block by block, a matrix `[tokens, tokens]` a head.
    public static func rollout(_ blocks: [[[Double]]], tokens: Int) -> [Double] {
        var product: [Double] = []
        for heads in blocks {
            var mixed = [Double](repeating: 0, count: tokens * tokens)
            for head in heads { for place in mixed.indices { mixed[place] += 0.5 * head[place] / Double(heads.count) } }
            for i in 0..<tokens {
                mixed[i * tokens + i] += 0.5
                let sum = mixed[i * tokens..<(i + 1) * tokens].reduce(0, +)
                for j in 0..<tokens { mixed[i * tokens + j] /= sum }
            }
            guard !product.isEmpty else {
                product = mixed
                continue
            }
            var next = [Double](repeating: 0, count: tokens * tokens)
            for i in 0..<tokens {
                for k in 0..<tokens {
                    let weight = mixed[i * tokens + k]
                    for j in 0..<tokens { next[i * tokens + j] += weight * product[k * tokens + j] }
                }
            }
            product = next
        }
        return product
    }

    /// What a rollout says of each patch: the class token's row, or the mean of the rows where there is none.
    public static func rolloutMap(_ rollout: [Double], _ geometry: Geometry) -> [Double] {
        let tokens = geometry.tokens
        if geometry.prefix > 0 { return Array(rollout[geometry.prefix..<tokens]) }
        return (0..<tokens).map { j in (0..<tokens).reduce(0) { $0 + rollout[$1 * tokens + j] } / Double(tokens) }
    }
}

/// The strongest common pattern of a picture's patch tokens (Muhammad and Yeasin, *Eigen-CAM*, arXiv 2008.00299).
public struct EigenCAM: Sendable {
    /// The projection of each patch on the first principal direction; its sign makes the sum of cubes positive.
    public let map: [Double]
    /// The map from 0 to 1.
    public let display: [Double]
    /// False where the first two singular values are so close that the direction is arbitrary.
    public let isDefinite: Bool

    /// The map of `patches` tokens of `width` numbers.
    public init(_ tokens: [Double], patches: Int, width: Int) {
        precondition(tokens.count == patches * width && patches > 0, "\(tokens.count) numbers")
        let centred = ColumnMeans(tokens, width: width).centred(tokens)
        let eigen = SymmetricEigen(Gram.matrix(centred, rows: patches, width: width), size: width)
        let direction = Array(eigen.vector(0))
        var map = (0..<patches).map { patch in
            (0..<width).reduce(0.0) { $0 + centred[patch * width + $1] * direction[$1] }
        }
        if map.reduce(0, { $0 + $1 * $1 * $1 }) < 0 { map = map.map { -$0 } }
        self.map = map
        let (low, high) = (map.min() ?? 0, map.max() ?? 0)
        display = map.map { ($0 - low) / (high - low + 1e-7) }
        let first = max(eigen.values[0], 0).squareRoot()
        let second = width > 1 ? max(eigen.values[1], 0).squareRoot() : 0
        isDefinite = first - second >= 1e-6 * first && first > 0
    }
}
