package import Autodiff
package import RandomStreams

/// Clusters by k-means: Lloyd's rounds (Lloyd 1982) from centres that k-means++ draws (Arthur and Vassilvitskii 2007), the best of
/// several starts. The same stream gives the same clusters on any number of threads.
package struct KMeans: Sendable {
    /// The centres [count, width].
    package let centres: [Double]
    /// The cluster of each row.
    package let assignment: [Int]
    /// The sum over rows of the squared distance to their centre.
    package let inertia: Double
    /// Clusters: those asked for, fewer where there are fewer different rows.
    package let count: Int
    private let width: Int

    /// Clusters of `rows` [n, width], n at least 1.
    package init(
        _ rows: [Double], width: Int, clusters: Int, starts: Int = 4, rounds: Int = 100, random: RandomStream,
        on engine: Engine
    ) {
        BLAS.useCallingThreadOnly()
        var best = Self(one: rows, width, clusters, rounds, random.child(0), engine)
        for start in 1..<max(1, starts) {
            let other = Self(one: rows, width, clusters, rounds, random.child(start), engine)
            if other.inertia < best.inertia { best = other }
        }
        self = best
    }

    /// One start.
    private init(
        one rows: [Double], _ width: Int, _ clusters: Int, _ rounds: Int, _ random: RandomStream, _ engine: Engine
    ) {
        self.width = width
        let total = rows.count / width
        var centres = Self.seeds(rows, width, clusters, random, engine)
        let count = centres.count / width
        var (assignment, distances) = Self.assigned(rows, width, centres, engine)
        for _ in 0..<rounds {
            centres = Self.means(rows, width, assignment, count, engine)
            // A centre that lost all its rows takes the row that lies farthest from its own.
            let sizes = Self.sizes(assignment, count)
            var taken = Set<Int>()
            for empty in sizes.indices where sizes[empty] == 0 {
                let free = (0..<total).filter { !taken.contains($0) }
                guard let farthest = free.max(by: { distances[$0] < distances[$1] }) else { continue }
                taken.insert(farthest)
                for i in 0..<width { centres[empty * width + i] = rows[farthest * width + i] }
            }
            let next = Self.assigned(rows, width, centres, engine)
            distances = next.distances
            guard next.assignment != assignment else { break }
            assignment = next.assignment
        }
        self.centres = centres
        self.assignment = assignment
        self.count = count
        inertia = distances.reduce(0, +)
    }

    /// Rows in each cluster.
    package var sizes: [Int] { Self.sizes(assignment, count) }

    private static func sizes(_ assignment: [Int], _ count: Int) -> [Int] {
        var sizes = [Int](repeating: 0, count: count)
        for cluster in assignment { sizes[cluster] += 1 }
        return sizes
    }

    /// Squared distances of rows to all centres [n, count].
    package func squaredDistances(_ rows: [Double], on engine: Engine) -> [Double] {
        Self.squaredDistances(rows, width, centres, engine)
    }

    /// The mean over rows of (b − a) / max(a, b), with the distance a to a row's own centre and b to the next one: the simplified
    /// silhouette (Hruschka et al. 2004), from −1 to 1. Nil for fewer than two clusters.
    package func silhouette(_ rows: [Double], on engine: Engine) -> Double? {
        guard count > 1 else { return nil }
        let distances = squaredDistances(rows, on: engine)
        var sum = 0.0
        for (row, own) in assignment.enumerated() {
            let a = distances[row * count + own].squareRoot()
            var next = Double.infinity
            for other in 0..<count where other != own { next = min(next, distances[row * count + other]) }
            let b = next.squareRoot()
            if max(a, b) > 0 { sum += (b - a) / max(a, b) }
        }
        return sum / Double(assignment.count)
    }

    /// Each further centre is a row drawn with a chance that is proportional to its squared distance to the nearest one before.
    private static func seeds(
        _ rows: [Double], _ width: Int, _ clusters: Int, _ random: RandomStream, _ engine: Engine
    ) -> [Double] {
        var stream = random
        let total = rows.count / width
        var centres: [Double] = []
        var nearest = [Double](repeating: .infinity, count: total)
        var row = stream.integer(below: total)
        while true {
            let centre = Array(rows[row * width..<(row + 1) * width])
            centres += centre
            guard centres.count < clusters * width else { return centres }
            for (place, distance) in squaredDistances(rows, width, centre, engine).enumerated() {
                nearest[place] = min(nearest[place], distance)
            }
            let sum = nearest.reduce(0, +)
            guard sum > 0 else { return centres }
            var rest = stream.uniformDouble() * sum
            row = nearest.lastIndex { $0 > 0 } ?? 0
            for (place, distance) in nearest.enumerated() where distance > 0 {
                rest -= distance
                if rest < 0 {
                    row = place
                    break
                }
            }
        }
    }

    /// The nearest centre of each row, the first of equal ones, and the squared distance to it.
    private static func assigned(
        _ rows: [Double], _ width: Int, _ centres: [Double], _ engine: Engine
    ) -> (assignment: [Int], distances: [Double]) {
        let count = centres.count / width
        let distances = squaredDistances(rows, width, centres, engine)
        var assignment = [Int](repeating: 0, count: rows.count / width)
        var least = [Double](repeating: 0, count: assignment.count)
        for row in assignment.indices {
            var best = 0
            for c in 1..<max(1, count) where distances[row * count + c] < distances[row * count + best] { best = c }
            assignment[row] = best
            least[row] = distances[row * count + best]
        }
        return (assignment, least)
    }

    /// ‖x − c‖² [n, centres], by differences: exact for equal vectors, which x² − 2xc + c² is not.
    private static func squaredDistances(
        _ rows: [Double], _ width: Int, _ centres: [Double], _ engine: Engine
    ) -> [Double] {
        let count = centres.count / width
        let slabs = Slabs.of(rows.count / width)
        var distances = [Double](repeating: 0, count: rows.count / width * count)
        distances.withUnsafeMutableBufferPointer { target in
            rows.withUnsafeBufferPointer { rows in
                centres.withUnsafeBufferPointer { centres in
                    guard let target = target.baseAddress, let rows = rows.baseAddress,
                        let centres = centres.baseAddress
                    else { return }
                    engine.forEach(slabs.count) { slab in
                        for row in slabs[slab] {
                            for c in 0..<count {
                                target[row * count + c] = squaredDistance(
                                    rows + row * width, centres + c * width, width)
                            }
                        }
                    }
                }
            }
        }
        return distances
    }

    /// Σ(x − y)² in four sums side by side, which the processor adds at once; always in the same order.
    private static func squaredDistance(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ count: Int) -> Double
    {
        var sums = SIMD4<Double>.zero
        var i = 0
        while i + 4 <= count {
            let difference =
                SIMD4(x[i], x[i + 1], x[i + 2], x[i + 3]) - SIMD4(y[i], y[i + 1], y[i + 2], y[i + 3])
            sums += difference * difference
            i += 4
        }
        var sum = (sums[0] + sums[1]) + (sums[2] + sums[3])
        while i < count {
            let difference = x[i] - y[i]
            sum += difference * difference
            i += 1
        }
        return sum
    }

    /// The mean of the rows of each cluster; zeros for one without rows.
    private static func means(
        _ rows: [Double], _ width: Int, _ assignment: [Int], _ count: Int, _ engine: Engine
    ) -> [Double] {
        var centres = rows.withUnsafeBufferPointer { rows in
            Slabs.sum(rows: assignment.count, length: count * width, on: engine) { slab, sums in
                for row in slab {
                    let target = sums + assignment[row] * width
                    for i in 0..<width { target[i] += rows[row * width + i] }
                }
            }
        }
        for (cluster, size) in sizes(assignment, count).enumerated() where size > 0 {
            for i in 0..<width { centres[cluster * width + i] /= Double(size) }
        }
        return centres
    }
}
