import Autodiff

/// Rows cut into pieces for the engine's threads: the pieces, and the order in which their sums are added, follow from the
/// number of rows, so that results do not depend on how many threads there are.
enum Slabs {
    /// Cuts 0..<rows into at most 32 slabs of equal length (the last may be shorter).
    static func of(_ rows: Int) -> [Range<Int>] {
        let length = max(256, (rows + 31) / 32)
        return stride(from: 0, to: rows, by: length).map { $0..<min($0 + length, rows) }
    }

    /// Sums vectors of `length` numbers over rows: `body` adds the rows of a slab to a vector of zeros.
    static func sum(
        rows: Int, length: Int, on engine: Engine, _ body: (Range<Int>, UnsafeMutablePointer<Double>) -> Void
    ) -> [Double] {
        let slabs = of(rows)
        var parts = [Double](repeating: 0, count: max(1, slabs.count) * length)
        parts.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            engine.forEach(slabs.count) { body(slabs[$0], base + $0 * length) }
            for slab in slabs.indices.dropFirst() {
                for i in 0..<length { base[i] += base[slab * length + i] }
            }
        }
        return [Double](parts.prefix(length))
    }
}
