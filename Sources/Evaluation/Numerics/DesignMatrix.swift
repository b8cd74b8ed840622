import Autodiff

/// Features as a solver sees them: rows of float32, standardised where asked, with a constant column at the end,
/// given out in double precision block by block so that the whole never takes double memory.
struct DesignMatrix: Sendable {
    /// Rows of a block that is converted at once.
    static let blockRows = 256

    let rows: Int
    /// Number of features, without the constant column.
    let features: Int
    /// Number of columns: the features and, unless it is nil, the constant.
    var columns: Int { features + (constant == nil ? 0 : 1) }

    /// The threads that share the work.
    let engine: Engine
    private let values: [Float]
    private let constant: Double?
    private let standardisation: Standardisation?

    /// `values` [rows, features], each standardised if asked, and then a column of `constant`.
    init(
        _ values: [Float], features: Int, constant: Double? = nil, standardisation: Standardisation? = nil,
        on engine: Engine
    ) {
        precondition(features > 0 && values.count % features == 0, "\(values.count) values of \(features) features")
        self.engine = engine
        self.values = values
        self.features = features
        self.constant = constant
        self.standardisation = standardisation
        rows = values.count / features
    }

    /// Writes some rows, [rows.count, columns].
    func load(_ rows: Range<Int>, into target: UnsafeMutablePointer<Double>) {
        values.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for (place, row) in rows.enumerated() {
                let from = base + row * features
                let to = target + place * columns
                if let standardisation {
                    standardisation.mean.withUnsafeBufferPointer { mean in
                        standardisation.inverseScale.withUnsafeBufferPointer { inverse in
                            for i in 0..<features { to[i] = (Double(from[i]) - mean[i]) * inverse[i] }
                        }
                    }
                } else {
                    for i in 0..<features { to[i] = Double(from[i]) }
                }
                if let constant { to[features] = constant }
            }
        }
    }

    /// Calls `body` with blocks of the rows of a slab, as doubles.
    func forEachBlock(of slab: Range<Int>, _ body: (Range<Int>, UnsafePointer<Double>) -> Void) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.blockRows * columns) { buffer in
            guard let block = buffer.baseAddress else { return }
            var start = slab.lowerBound
            while start < slab.upperBound {
                let rows = start..<min(start + Self.blockRows, slab.upperBound)
                load(rows, into: block)
                body(rows, block)
                start = rows.upperBound
            }
        }
    }

    /// XᵀX [columns, columns], its lower triangle.
    func gram() -> [Double] {
        let n = columns
        let tile = 192
        let tiles = stride(from: 0, to: n, by: tile).map { $0..<min($0 + tile, n) }
        let pairs = tiles.indices.flatMap { i in (0...i).map { (tiles[i], tiles[$0]) } }
        let rowsAtOnce = 2048
        var gram = [Double](repeating: 0, count: n * n)
        var block = [Double](repeating: 0, count: min(rows, rowsAtOnce) * n)
        gram.withUnsafeMutableBufferPointer { gram in
            block.withUnsafeMutableBufferPointer { block in
                guard let gram = gram.baseAddress, let block = block.baseAddress else { return }
                for start in stride(from: 0, to: rows, by: rowsAtOnce) {
                    let count = min(rowsAtOnce, rows - start)
                    let parts = Slabs.of(count)
                    engine.forEach(parts.count) { part in
                        let rows = parts[part]
                        load(start + rows.lowerBound..<start + rows.upperBound, into: block + rows.lowerBound * n)
                    }
                    engine.forEach(pairs.count) { pair in
                        let (i, j) = pairs[pair]
                        BLAS.multiply(
                            m: i.count, n: j.count, k: count, .transpose(block + i.lowerBound, stride: n),
                            .plain(block + j.lowerBound, stride: n), beta: 1,
                            into: gram + i.lowerBound * n + j.lowerBound, stride: n)
                    }
                }
            }
        }
        return gram
    }
}

extension DesignMatrix {
    /// X·Wᵀ [rows, outputs] for W [outputs, columns].
    func times(_ weights: [Double], outputs: Int) -> [Double] {
        precondition(weights.count == outputs * columns, "\(weights.count) weights for \(outputs) x \(columns)")
        var result = [Double](repeating: 0, count: rows * outputs)
        let slabs = Slabs.of(rows)
        result.withUnsafeMutableBufferPointer { result in
            weights.withUnsafeBufferPointer { weights in
                guard let result = result.baseAddress, let weights = weights.baseAddress else { return }
                engine.forEach(slabs.count) { slab in
                    forEachBlock(of: slabs[slab]) { rows, block in
                        BLAS.multiply(
                            m: rows.count, n: outputs, k: columns, .plain(block, stride: columns),
                            .transpose(weights, stride: columns), into: result + rows.lowerBound * outputs,
                            stride: outputs)
                    }
                }
            }
        }
        return result
    }
}
