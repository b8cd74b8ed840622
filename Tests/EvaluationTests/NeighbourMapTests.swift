import Autodiff
import Evaluation
import Foundation
import Testing

/// Maps of features on a plane.
struct NeighbourMapTests {
    /// Rows around centres far from each other, group by group.
    private func groups(_ count: Int, each: Int, width: Int = 8) -> [Float] {
        let noise = Samples.floats(count * each * width, seed: 3)
        return noise.indices.map { noise[$0] * 0.2 + ($0 % width == $0 / width / each ? 4 : 0) }
    }

    private func affinities(_ features: [Float], width: Int, perplexity: Double) -> Affinities {
        let rows = features.count / width
        let near = SetNeighbours(
            features, width: width, count: min(rows - 1, Int(3 * perplexity)), on: Samples.engine)
        return Affinities(near, rows: rows, perplexity: perplexity)
    }

    private func points(_ count: Int, seed: UInt64) -> [SIMD2<Double>] {
        let values = Samples.floats(2 * count, seed: seed)
        return (0..<count).map { SIMD2(Double(values[2 * $0]), Double(values[2 * $0 + 1])) }
    }

    @Test func affinitiesAreSymmetricAndHaveTheirPerplexity() {
        let features = Samples.floats(50 * 6, seed: 9)
        let found = affinities(features, width: 6, perplexity: 5)
        let dense = found.dense
        #expect(abs(dense.joined().reduce(0, +) - 1) < 1e-12)
        for i in 0..<50 {
            #expect(dense[i][i] == 0)
            for j in 0..<i { #expect(dense[i][j] == dense[j][i]) }
        }
        // The entropy of a Gaussian of the right width, by its definition.
        for perplexity in [2.0, 5, 12] {
            let weights = Affinities.conditional((1...30).map { Double($0) * 0.03 }, perplexity: perplexity)
            let entropy = -weights.reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) }
            #expect(abs(entropy - log(perplexity)) < 1e-5, "\(perplexity)")
            #expect(zip(weights, weights.dropFirst()).allSatisfy { $0 > $1 })
        }
        // Neighbours at no distance share alike, whatever is wished.
        #expect(Affinities.conditional([0, 0, 0, 0], perplexity: 2) == [0.25, 0.25, 0.25, 0.25])
        #expect(Affinities.conditional([], perplexity: 2).isEmpty)
    }

    @Test func gradientIsThatOfTheDivergence() {
        let count = 40
        let affinities = affinities(Samples.floats(count * 6, seed: 2), width: 6, perplexity: 4)
        func value(_ points: [SIMD2<Double>]) -> Double {
            NeighbourMap.gradient(at: points, affinities, exaggeration: 1, openness: 0, on: Samples.engine).divergence
        }
        let start = points(count, seed: 4)
        let gradient = NeighbourMap.gradient(
            at: start, affinities, exaggeration: 1, openness: 0, on: Samples.engine
        ).gradient
        let step = 1e-5
        for row in 0..<count {
            for axis in 0..<2 {
                var (more, less) = (start, start)
                more[row][axis] += step
                less[row][axis] -= step
                let slope = (value(more) - value(less)) / (2 * step)
                #expect(abs(slope - gradient[row][axis]) < 1e-7, "row \(row), axis \(axis)")
            }
        }
        // The divergence by its definition, from all pairs.
        var kernels = 0.0
        func kernel(_ i: Int, _ j: Int) -> Double {
            let way = start[i] - start[j]
            return 1 / (1 + (way * way).sum())
        }
        for i in 0..<count { for j in 0..<count where i != j { kernels += kernel(i, j) } }
        let dense = affinities.dense
        var divergence = 0.0
        for i in 0..<count {
            for j in 0..<count where dense[i][j] > 0 {
                divergence += dense[i][j] * log(dense[i][j] * kernels / kernel(i, j))
            }
        }
        #expect(abs(divergence - value(start)) < 1e-10)
    }

    @Test func farPointsMayCountTogether() {
        let count = 600
        let affinities = affinities(Samples.floats(count * 6, seed: 2), width: 6, perplexity: 10)
        let start = points(count, seed: 6).map { $0 * 20 }
        let exact = NeighbourMap.gradient(
            at: start, affinities, exaggeration: 1, openness: 0, on: Samples.engine
        ).gradient
        let near = NeighbourMap.gradient(
            at: start, affinities, exaggeration: 1, openness: 0.5, on: Samples.engine
        ).gradient
        let size = exact.reduce(0.0) { $0 + ($1 * $1).sum() }
        let error = zip(exact, near).reduce(0.0) { $0 + (($1.0 - $1.1) * ($1.0 - $1.1)).sum() }
        #expect(error > 0 && (error / size).squareRoot() < 0.02, "\((error / size).squareRoot())")
        // All in one place: squares cannot be divided for ever, and nobody is pushed.
        let equal = [SIMD2<Double>](repeating: SIMD2(3, 4), count: 50)
        let few = self.affinities(Samples.floats(50 * 6, seed: 2), width: 6, perplexity: 4)
        let rest = NeighbourMap.gradient(at: equal, few, exaggeration: 1, openness: 0.5, on: Samples.engine).gradient
        #expect(rest.allSatisfy { $0 == .zero })
    }

    @Test func groupsStayTogether() {
        let (count, each) = (4, 30)
        let map = NeighbourMap(groups(count, each: each), width: 8, on: Samples.engine)
        let points = map.points
        #expect(points.count == count * each && map.divergence > 0 && map.divergence < 2)
        var alike = 0
        for row in points.indices {
            let nearest = points.indices.filter { $0 != row }.min { a, b in
                func distance(_ other: Int) -> Double {
                    let way = points[row] - points[other]
                    return (way * way).sum()
                }
                return distance(a) < distance(b)
            }
            if nearest.map({ $0 / each }) == row / each { alike += 1 }
        }
        #expect(alike == count * each)
    }

    @Test func threadsChangeNoBit() {
        let features = groups(3, each: 60)
        let one = NeighbourMap(features, width: 8, on: Samples.onThreads(1)).points
        let three = NeighbourMap(features, width: 8, on: Samples.onThreads(3)).points
        #expect(one == three)
    }

    @Test func fewRowsHaveAMapToo() {
        for count in [3, 4, 7] {
            let map = NeighbourMap(Samples.floats(count * 2, seed: 1), width: 2, on: Samples.engine)
            #expect(map.points.count == count && map.points.allSatisfy { $0.x.isFinite && $0.y.isFinite })
            #expect(Set(map.points.map { "\($0)" }).count == count)
        }
    }
}

extension Affinities {
    /// All affinities, [rows][rows].
    fileprivate var dense: [[Double]] {
        (0..<rows).map { row in
            var all = [Double](repeating: 0, count: rows)
            for entry in starts[row]..<starts[row + 1] { all[Int(others[entry])] = values[entry] }
            return all
        }
    }
}
