import Foundation

/// How far two ways to sort the same things agree, from the table of how many things each pair of classes shares: predictions
/// beside labels, or clusters beside classes.
public struct Agreement: Sendable {
    /// Things in each pair of classes, `[rows, columns]`.
    private let table: [Double]
    private let rows: [Double]
    private let columns: [Double]
    private let count: Double

    /// Of a table with so many columns.
    public init(_ table: [Int], columns width: Int) {
        let table = table.map { Double($0) }
        var (rows, columns) = ([Double](repeating: 0, count: table.count / width), [Double](repeating: 0, count: width))
        for (place, value) in table.enumerated() {
            rows[place / width] += value
            columns[place % width] += value
        }
        self.table = table
        self.rows = rows
        self.columns = columns
        count = rows.reduce(0, +)
    }

    /// Σ of the diagonal of a square table.
    private var agreed: Double { rows.indices.reduce(0) { $0 + table[$1 * (columns.count + 1)] } }
    /// Σ of products of the margins of a square table.
    private var expected: Double { zip(rows, columns).reduce(0) { $0 + $1.0 * $1.1 } }

    /// Agreement beyond chance of a square table (Cohen 1960); 0 where there is only chance.
    public var kappa: Double {
        let chance = expected / (count * count)
        return chance < 1 ? (agreed / count - chance) / (1 - chance) : 0
    }

    /// Matthews' correlation of a square table, for many classes (Gorodkin 2004); 0 where one side has one class.
    public var correlation: Double {
        func spread(_ margin: [Double]) -> Double { count * count - margin.reduce(0) { $0 + $1 * $1 } }
        let product = spread(rows) * spread(columns)
        return product > 0 ? (agreed * count - expected) / product.squareRoot() : 0
    }

    /// The mutual information over the mean of the two entropies; 1 where both sides have one class.
    public var mutualInformation: Double {
        func entropy(_ margin: [Double]) -> Double {
            margin.reduce(0) { $1 > 0 ? $0 - $1 / count * log($1 / count) : $0 }
        }
        let mean = (entropy(rows) + entropy(columns)) / 2
        guard mean > 0 else { return 1 }
        var shared = 0.0
        for (place, value) in table.enumerated() where value > 0 {
            shared +=
                value / count * log(value * count / (rows[place / columns.count] * columns[place % columns.count]))
        }
        return max(0, shared) / mean
    }

    /// Rand's index less what chance gives (Hubert and Arabie 1985); 1 where both sides are the same.
    public var adjustedRand: Double {
        func pairs(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * ($1 - 1) / 2 } }
        let (both, first, second) = (pairs(table), pairs(rows), pairs(columns))
        let all = count * (count - 1) / 2
        guard all > 0 else { return 1 }
        let chance = first * second / all
        let most = (first + second) / 2
        return most == chance ? 1 : (both - chance) / (most - chance)
    }
}
