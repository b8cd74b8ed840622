package import Autodiff
import Foundation

/// Places of rows on a plane, where those lie together whose features are close: t-SNE (van der Maaten and Hinton, JMLR 9, 2008)
/// with sums over squares of far points (van der Maaten, JMLR 15, 2014), started from the first two principal components
/// (Kobak and Berens, Nature Communications 10, 2019).
///
/// The places depend on the features alone: nothing is drawn, and sums have one order for any number of threads.
package struct NeighbourMap: Sendable {
    /// The place of each row.
    package private(set) var points: [SIMD2<Double>]
    /// What the map gets wrong: the divergence of its affinities from those of the features, in nats.
    package let divergence: Double
    /// Neighbours in effect of each row.
    package let perplexity: Double

    /// Neighbours in effect, where there are enough rows.
    package static let usualPerplexity = 30.0
    /// Steps in all, and those of them at the start in which neighbours attract more.
    package static let steps = 750
    private static let earlySteps = 250
    private static let exaggeration = 12.0
    /// How large squares count as points.
    private static let openness = 0.5
    /// Rows that a thread takes at once.
    private static let block = 128

    /// The map of `features` [n, width], n at least 3, that are not all equal.
    package init(
        _ features: [Float], width: Int, on engine: Engine,
        onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) {
        let rows = features.count / width
        precondition(rows >= 3, "a map of \(rows) rows")
        perplexity = min(Self.usualPerplexity, Double(rows - 1) / 3)
        let near = SetNeighbours(
            features, width: width, count: min(rows - 1, Affinities.neighbours(for: perplexity)), on: engine)
        let affinities = Affinities(near, rows: rows, perplexity: perplexity)
        var points = Self.start(features, width: width)
        var moves = [SIMD2<Double>](repeating: .zero, count: rows)
        var gains = [SIMD2<Double>](repeating: .one, count: rows)
        // Belkina et al., Nature Communications 10, 2019, for a gradient with its factor 4.
        let rate = max(50, Double(rows) / Self.exaggeration / 4)
        for step in 0..<Self.steps {
            let early = step < Self.earlySteps
            let gradient = Self.gradient(
                at: points, affinities, exaggeration: early ? Self.exaggeration : 1, openness: Self.openness,
                on: engine
            ).gradient
            let momentum = early ? 0.5 : 0.8
            for row in 0..<rows {
                let agrees = (gradient[row] .> 0) .== (moves[row] .> 0)
                gains[row] = (gains[row] + 0.2).replacing(with: gains[row] * 0.8, where: agrees)
                gains[row] = pointwiseMax(gains[row], SIMD2(repeating: 0.01))
                moves[row] = momentum * moves[row] - rate * gains[row] * gradient[row]
                points[row] += moves[row]
            }
            let mean = points.reduce(.zero, +) / Double(rows)
            for row in 0..<rows { points[row] -= mean }
            onProgress(step + 1, Self.steps)
        }
        divergence =
            Self.gradient(at: points, affinities, exaggeration: 1, openness: Self.openness, on: engine).divergence
        self.points = points
    }

    /// The first two principal components of rows of length 1, the first with a deviation of 1e-4.
    private static func start(_ features: [Float], width: Int) -> [SIMD2<Double>] {
        let rows = FeatureGeometry.unitRows(features.map { Double($0) }, width: width)
        let count = rows.count / width
        let components = PrincipalComponents(rows, rows: count, width: width)
        let kept = min(2, components.variances.count)
        let projected = components.projected(rows, on: 0..<kept)
        let scale = 1e-4 / max(components.variances.first?.squareRoot() ?? 0, .leastNormalMagnitude)
        return (0..<count).map { row in
            SIMD2(projected[row * kept], kept > 1 ? projected[row * kept + 1] : 0) * scale
        }
    }

    /// The gradient of the divergence by each place, and the divergence, with affinities of the features times `exaggeration`.
    package static func gradient(
        at points: [SIMD2<Double>], _ affinities: Affinities, exaggeration: Double, openness: Double, on engine: Engine
    ) -> (gradient: [SIMD2<Double>], divergence: Double) {
        let rows = points.count
        let tree = Quadtree(points)
        var gradient = [SIMD2<Double>](repeating: .zero, count: rows)
        var repulsion = [SIMD2<Double>](repeating: .zero, count: rows)
        let blocks = (rows + block - 1) / block
        var kernels = [Double](repeating: 0, count: blocks)
        var entropies = [Double](repeating: 0, count: blocks)
        gradient.withUnsafeMutableBufferPointer { gradient in
            repulsion.withUnsafeMutableBufferPointer { repulsion in
                kernels.withUnsafeMutableBufferPointer { kernels in
                    entropies.withUnsafeMutableBufferPointer { entropies in
                        engine.forEach(blocks) { number in
                            for row in number * block..<min(rows, (number + 1) * block) {
                                let far = tree.repulsion(on: row, openness: openness)
                                kernels[number] += far.kernel
                                repulsion[row] = far.force
                                var pull = SIMD2<Double>.zero
                                for entry in affinities.starts[row]..<affinities.starts[row + 1] {
                                    let way = points[row] - points[Int(affinities.others[entry])]
                                    let distance = 1 + (way * way).sum()
                                    let value = affinities.values[entry]
                                    pull += value / distance * way
                                    // q without its sum, which is the same for all and comes at the end.
                                    if value > 0 { entropies[number] += value * log(value * distance) }
                                }
                                gradient[row] = pull
                            }
                        }
                    }
                }
            }
        }
        let sum = max(kernels.reduce(0, +), .leastNormalMagnitude)
        for row in 0..<rows { gradient[row] = 4 * (exaggeration * gradient[row] - repulsion[row] / sum) }
        return (gradient, entropies.reduce(0, +) + log(sum))
    }
}
