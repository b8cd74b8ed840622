package import Autodiff
import Foundation
package import RandomStreams

/// Patch tokens of normal pictures, a few that stand for all, and how far other tokens are from the nearest of them (after Roth et al.,
/// *Towards Total Recall in Industrial Anomaly Detection*, PatchCore, arXiv 2106.08265).
///
/// As there: tokens are averaged over their neighbourhood on the grid, the memory is a greedy coreset, a picture's score is that of
/// its worst patch. Other than there: tokens are a transformer's, distances are computed in full instead of on random projections,
/// the coreset is chosen from a random subset of bounded size, and the score is not weighted anew by the neighbours of the match.
package struct PatchMemory: Sendable {
    /// The tokens that are kept, `[count, width]`.
    package let tokens: [Float]
    /// Numbers of a token.
    package let width: Int
    /// Tokens that are kept.
    package var count: Int { tokens.count / width }
    private let squares: [Float]

    /// Candidates for one token of the memory.
    package static let candidates = 10
    /// Tokens of the memory where nothing else is asked for.
    package static let usualCount = 1000

    /// Chooses at most `count` of `candidates` [n, width] so that the farthest of them from the memory is near: each further one is the
    /// farthest from those before, the first of equal ones (greedy k-centre).
    package init(choosing count: Int, of candidates: [Float], width: Int, random: RandomStream, on engine: Engine) {
        let total = candidates.count / width
        var stream = random
        var chosen: [Int] = []
        var distances = [Float](repeating: .infinity, count: total)
        let slabs = Slabs.of(total)
        var next = total > 0 ? stream.integer(below: total) : 0
        while chosen.count < min(count, total) {
            chosen.append(next)
            let latest = next
            candidates.withUnsafeBufferPointer { candidates in
                distances.withUnsafeMutableBufferPointer { distances in
                    guard let base = candidates.baseAddress, let distances = distances.baseAddress else { return }
                    engine.forEach(slabs.count) { slab in
                        for row in slabs[slab] {
                            let distance = squaredDistance(base + row * width, base + latest * width, width)
                            distances[row] = min(distances[row], distance)
                        }
                    }
                }
            }
            var farthest = 0
            for row in 1..<max(1, total) where distances[row] > distances[farthest] { farthest = row }
            // All that is left is in the memory already.
            guard total > 0, distances[farthest] > 0 else { break }
            next = farthest
        }
        tokens = chosen.flatMap { candidates[$0 * width..<($0 + 1) * width] }
        self.width = width
        squares = chosen.map { row in
            candidates.withUnsafeBufferPointer { all in
                (0..<width).reduce(0) { $0 + all[row * width + $1] * all[row * width + $1] }
            }
        }
    }

    /// The Euclidean distance of each of `rows` [n, width] to the nearest token of the memory.
    package func distances(_ rows: [Float], on engine: Engine) -> [Double] {
        let total = rows.count / width
        let block = 256
        var found = [Double](repeating: 0, count: total)
        found.withUnsafeMutableBufferPointer { found in
            rows.withUnsafeBufferPointer { rows in
                tokens.withUnsafeBufferPointer { tokens in
                    guard let found = found.baseAddress, let rows = rows.baseAddress, let tokens = tokens.baseAddress
                    else { return }
                    engine.forEach((total + block - 1) / block) { number in
                        let start = number * block
                        let here = min(block, total - start)
                        var products = [Float](repeating: 0, count: here * count)
                        products.withUnsafeMutableBufferPointer { products in
                            guard let base = products.baseAddress else { return }
                            BLAS.multiplyTransposed(
                                m: here, n: count, k: width, rows + start * width, tokens, into: base)
                        }
                        for row in 0..<here {
                            var best = 0
                            var least = Float.infinity
                            for token in 0..<count {
                                let distance = squares[token] - 2 * products[row * count + token]
                                if distance < least { (best, least) = (token, distance) }
                            }
                            // The nearest is found by products, and its distance by differences.
                            let exact = squaredDistance(rows + (start + row) * width, tokens + best * width, width)
                            found[start + row] = Double(exact).squareRoot()
                        }
                    }
                }
            }
        }
        return found
    }

    /// Tokens `[pictures, rows · columns, width]`, each the mean of those at most `reach` cells away on the grid.
    package static func averaged(
        _ tokens: [Float], rows: Int, columns: Int, width: Int, reach: Int, on engine: Engine
    ) -> [Float] {
        guard reach > 0 else { return tokens }
        let pictures = tokens.count / (rows * columns * width)
        var result = [Float](repeating: 0, count: tokens.count)
        result.withUnsafeMutableBufferPointer { result in
            tokens.withUnsafeBufferPointer { tokens in
                guard let result = result.baseAddress, let tokens = tokens.baseAddress else { return }
                engine.forEach(pictures) { picture in
                    let first = picture * rows * columns
                    for row in 0..<rows {
                        for column in 0..<columns {
                            let target = result + (first + row * columns + column) * width
                            let near = max(0, row - reach)...min(rows - 1, row + reach)
                            let beside = max(0, column - reach)...min(columns - 1, column + reach)
                            for y in near {
                                for x in beside {
                                    let source = tokens + (first + y * columns + x) * width
                                    for i in 0..<width { target[i] += source[i] }
                                }
                            }
                            let share = 1 / Float(near.count * beside.count)
                            for i in 0..<width { target[i] *= share }
                        }
                    }
                }
            }
        }
        return result
    }
}

/// Σ(x − y)² in eight sums side by side, always in the same order.
private func squaredDistance(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int) -> Float {
    var sums = SIMD8<Float>.zero
    var i = 0
    while i + 8 <= count {
        let a = UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self)
        let b = UnsafeRawPointer(y + i).loadUnaligned(as: SIMD8<Float>.self)
        sums += (a - b) * (a - b)
        i += 8
    }
    var sum = sums.sum()
    while i < count {
        let difference = x[i] - y[i]
        sum += difference * difference
        i += 1
    }
    return sum
}
