package import Autodiff
import Foundation

/// For each row of one set, the rows of another with the largest cosine similarity.
package struct NearestNeighbours: Sendable {
    /// Neighbours of each row: what was asked for, but no more than there are.
    package let count: Int
    /// Row numbers [queries, count]: falling similarity, equal ones by rising number.
    package let rows: [Int32]
    /// The similarities [queries, count].
    package let similarities: [Double]

    /// Finds the `count` nearest rows of `train` [n, features] for each row of `queries` [m, features].
    ///
    /// Candidates come from matrix products in single precision. All that could be among the nearest, by the largest
    /// error that such a product can have, are measured again in double precision and in one order of summing: the result
    /// is that of double precision, and equal rows have equal similarities.
    package init(of queries: [Float], among train: [Float], features: Int, count wanted: Int, on engine: Engine) {
        let (trainRows, queryRows) = (train.count / features, queries.count / features)
        let count = min(wanted, trainRows)
        self.count = count
        let train = UnitRows(train, features: features)
        let queries = UnitRows(queries, features: features)
        var rows = [Int32](repeating: 0, count: queryRows * count)
        var similarities = [Double](repeating: 0, count: queryRows * count)
        let blocks = stride(from: 0, to: queryRows, by: Self.queryBlock).map {
            $0..<min($0 + Self.queryBlock, queryRows)
        }
        rows.withUnsafeMutableBufferPointer { rows in
            similarities.withUnsafeMutableBufferPointer { similarities in
                engine.forEach(blocks.count) { number in
                    let block = blocks[number]
                    let places = block.lowerBound * count..<block.upperBound * count
                    Self.search(
                        queries, block, train, count, UnsafeMutableBufferPointer(rebasing: rows[places]),
                        UnsafeMutableBufferPointer(rebasing: similarities[places]))
                }
            }
        }
        self.rows = rows
        self.similarities = similarities
    }

    private static let queryBlock = 256
    private static let trainBlock = 1024

    /// Fills `rows` and `similarities` [block.count, count] for some of the queries.
    private static func search(
        _ queries: UnitRows, _ block: Range<Int>, _ train: UnitRows, _ count: Int,
        _ rows: UnsafeMutableBufferPointer<Int32>, _ similarities: UnsafeMutableBufferPointer<Double>
    ) {
        let features = train.features
        // Twice the largest error of a product of unit rows: theirs by rounding to float32, and that of the sum.
        let margin = 2 * Float(features + 8) * 0x1p-24
        var selections = [Selection](repeating: Selection(count: count, margin: margin), count: block.count)
        var query = [Float](repeating: 0, count: block.count * features)
        var chunk = [Float](repeating: 0, count: trainBlock * features)
        var products = [Float](repeating: 0, count: block.count * trainBlock)
        var exactPair = [Double](repeating: 0, count: 2 * features)
        query.withUnsafeMutableBufferPointer { query in
            chunk.withUnsafeMutableBufferPointer { chunk in
                products.withUnsafeMutableBufferPointer { products in
                    guard let query = query.baseAddress, let chunk = chunk.baseAddress,
                        let products = products.baseAddress
                    else { return }
                    queries.load(block, into: query)
                    for start in stride(from: 0, to: train.rows, by: trainBlock) {
                        let width = min(trainBlock, train.rows - start)
                        train.load(start..<(start + width), into: chunk)
                        BLAS.multiplyTransposed(
                            m: block.count, n: width, k: features, query, chunk, into: products)
                        for i in 0..<block.count {
                            selections[i].offer(
                                UnsafeBufferPointer(start: products + i * width, count: width), from: start)
                        }
                    }
                }
            }
        }
        exactPair.withUnsafeMutableBufferPointer { pair in
            guard let own = pair.baseAddress else { return }
            for i in 0..<block.count {
                queries.load(block.lowerBound + i..<block.lowerBound + i + 1, into: own)
                let exact = selections[i].candidates().map { row -> (similarity: Double, row: Int32) in
                    train.load(Int(row)..<Int(row) + 1, into: own + features)
                    return (BLAS.dot(own, own + features, count: features), row)
                }
                .sorted { $0.similarity != $1.similarity ? $0.similarity > $1.similarity : $0.row < $1.row }
                for place in 0..<count {
                    rows[i * count + place] = exact[place].row
                    similarities[i * count + place] = exact[place].similarity
                }
            }
        }
    }
}

/// Rows divided by their lengths, in double precision; a row of zeros stays one.
private struct UnitRows: Sendable {
    let features: Int
    let rows: Int
    private let values: [Float]
    private let inverseLengths: [Double]

    init(_ values: [Float], features: Int) {
        self.values = values
        self.features = features
        rows = values.count / features
        inverseLengths = (0..<rows).map { row in
            var squares = 0.0
            for i in 0..<features {
                let value = Double(values[row * features + i])
                squares += value * value
            }
            return 1 / max(squares.squareRoot(), 1e-12)
        }
    }

    /// Writes some rows, divided in double precision and then rounded where the target is of single precision.
    func load<Value: BinaryFloatingPoint>(_ rows: Range<Int>, into target: UnsafeMutablePointer<Value>) {
        values.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for (place, row) in rows.enumerated() {
                let (from, to, inverse) = (base + row * features, target + place * features, inverseLengths[row])
                for i in 0..<features { to[i] = Value(Double(from[i]) * inverse) }
            }
        }
    }
}

/// Keeps the `count` largest of a stream of numbers, and all that are within `margin` of them.
private struct Selection {
    private let count: Int
    private let margin: Float
    private var kept: [(value: Float, row: Int32)] = []
    private var threshold = -Float.infinity
    private var limit: Int

    init(count: Int, margin: Float) {
        self.count = count
        self.margin = margin
        limit = 2 * count + 512
    }

    mutating func offer(_ values: UnsafeBufferPointer<Float>, from start: Int) {
        for i in values.indices where values[i] >= threshold {
            kept.append((values[i], Int32(start + i)))
            if kept.count >= limit { tidy() }
        }
    }

    private mutating func tidy() {
        guard kept.count > count, count > 0 else { return }
        kept.sort { $0.value > $1.value }
        threshold = (kept[count - 1].value - margin).nextDown
        kept.removeLast(kept.count - (kept.firstIndex { $0.value < threshold } ?? kept.count))
        // Where very many are equal, tidying must not be done at each one more.
        limit = 2 * kept.count + 512
    }

    mutating func candidates() -> [Int32] {
        tidy()
        return kept.map(\.row)
    }
}

extension NearestNeighbours {
    /// Shares of the classes among the `k` nearest [queries, classes], each neighbour with weight exp(similarity /
    /// `temperature`), or all with the same weight where it is nil.
    package func votes(k wanted: Int, labels: [Int], classes: Int, temperature: Double?) -> [Double] {
        let k = min(wanted, count)
        let queries = count == 0 ? 0 : rows.count / count
        var votes = [Double](repeating: 0, count: queries * classes)
        for query in 0..<queries {
            // Less the largest, which divides all weights of a row by the same number: no exponential overflows.
            let largest = similarities[query * count]
            var total = 0.0
            for place in 0..<k {
                let weight = temperature.map { exp((similarities[query * count + place] - largest) / $0) } ?? 1
                votes[query * classes + labels[Int(rows[query * count + place])]] += weight
                total += weight
            }
            for c in 0..<classes { votes[query * classes + c] /= total }
        }
        return votes
    }
}
