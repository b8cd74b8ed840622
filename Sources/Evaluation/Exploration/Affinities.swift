import Foundation

/// How close the rows of a set are to each other, as probabilities that sum to 1: the affinities of t-SNE (van der Maaten and
/// Hinton, JMLR 9, 2008, eq. 1 and 2), over the nearest neighbours alone (van der Maaten, JMLR 15, 2014, §4.1).
package struct Affinities: Sendable {
    /// Where the entries of each row begin, and their number at the end: [rows + 1].
    package let starts: [Int]
    /// The other row of each entry, rising in a row.
    package let others: [Int32]
    /// The affinity of each entry: that of i and j is that of j and i.
    package let values: [Double]

    /// The number of rows.
    package var rows: Int { starts.count - 1 }

    /// Neighbours that a perplexity needs.
    static func neighbours(for perplexity: Double) -> Int { Int((3 * perplexity).rounded(.up)) }

    /// Affinities of rows to their neighbours, with as many neighbours in effect (`perplexity`) for each.
    package init(_ near: SetNeighbours, rows: Int, perplexity: Double) {
        var counts = [Int](repeating: 0, count: rows)
        var own: [[Double]] = []
        own.reserveCapacity(rows)
        for row in 0..<rows {
            let found = near.neighbours(of: row)
            own.append(Self.conditional(found.map { max(0, 2 - 2 * $0.similarity) }, perplexity: perplexity))
            counts[row] += found.count
            for other in found { counts[other.row] += 1 }
        }
        // Each pair once from either side: what i thinks of j stands in the rows of both.
        var places = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        var entries = [(other: Int32, value: Double)](repeating: (0, 0), count: places[rows])
        let begins = places
        for row in 0..<rows {
            for (other, value) in zip(near.neighbours(of: row).map(\.row), own[row]) {
                entries[places[row]] = (Int32(other), value)
                entries[places[other]] = (Int32(row), value)
                places[row] += 1
                places[other] += 1
            }
        }
        var starts = [0]
        var others: [Int32] = []
        var values: [Double] = []
        for row in 0..<rows {
            for entry in entries[begins[row]..<begins[row + 1]].sorted(by: { $0.other < $1.other }) {
                let value = entry.value / Double(2 * rows)
                if others.count > starts[row], others[others.count - 1] == entry.other {
                    values[values.count - 1] += value
                } else {
                    others.append(entry.other)
                    values.append(value)
                }
            }
            starts.append(others.count)
        }
        (self.starts, self.others, self.values) = (starts, others, values)
    }

    /// Probabilities of neighbours at squared `distances`: those of a Gaussian whose width gives them the perplexity, found by
    /// bisection.
    package static func conditional(_ distances: [Double], perplexity: Double) -> [Double] {
        guard let nearest = distances.min() else { return [] }
        let wanted = log(min(perplexity, Double(distances.count)))
        var (low, high, beta) = (0.0, Double.infinity, 1.0)
        var weights: [Double] = []
        for _ in 0..<64 {
            // The nearest is taken off, so that the sum is at least 1.
            weights = distances.map { exp(-beta * ($0 - nearest)) }
            let sum = weights.reduce(0, +)
            let mean = zip(weights, distances).reduce(0) { $0 + $1.0 * ($1.1 - nearest) } / sum
            let entropy = log(sum) + beta * mean
            weights = weights.map { $0 / sum }
            guard abs(entropy - wanted) > 1e-6 else { break }
            if entropy > wanted {
                low = beta
                beta = high.isFinite ? (low + high) / 2 : 2 * beta
            } else {
                high = beta
                beta = (low + high) / 2
            }
        }
        return weights
    }
}
