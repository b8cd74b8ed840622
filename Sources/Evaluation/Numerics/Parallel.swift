import Dispatch
import Synchronization

/// Loops shared between the processor's cores so that results do not depend on how many there are: the pieces and the
/// order in which their sums are added follow from the size of the problem.
enum Parallel {
    /// Threads that a loop may use; nil for one a processor.
    @TaskLocal static var threads: Int?

    /// Calls `body` for 0..<count, in any order; each call writes to a place of its own.
    static func forEach(_ count: Int, _ body: (Int) -> Void) {
        BLAS.useCallingThreadOnly()
        if count == 1 || threads == 1 {
            for index in 0..<count { body(index) }
        } else if count > 1 {
            withoutActuallyEscaping(body) { body in
                // Safe: all calls end before this one does, and each writes to its own place.
                nonisolated(unsafe) let body = body
                guard let threads, threads < count else {
                    return DispatchQueue.concurrentPerform(iterations: count) { body($0) }
                }
                let next = Atomic(0)
                DispatchQueue.concurrentPerform(iterations: threads) { _ in
                    while true {
                        let index = next.add(1, ordering: .relaxed).oldValue
                        guard index < count else { return }
                        body(index)
                    }
                }
            }
        }
    }

    /// Cuts 0..<rows into at most 32 slabs of equal length (the last may be shorter).
    static func slabs(_ rows: Int) -> [Range<Int>] {
        let length = max(256, (rows + 31) / 32)
        return stride(from: 0, to: rows, by: length).map { $0..<min($0 + length, rows) }
    }

    /// Sums vectors of `length` numbers over rows: `body` adds the rows of a slab to a vector of zeros.
    static func sum(
        rows: Int, length: Int, _ body: (Range<Int>, UnsafeMutablePointer<Double>) -> Void
    ) -> [Double] {
        let slabs = slabs(rows)
        var parts = [Double](repeating: 0, count: max(1, slabs.count) * length)
        parts.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            forEach(slabs.count) { body(slabs[$0], base + $0 * length) }
            for slab in slabs.indices.dropFirst() {
                for i in 0..<length { base[i] += base[slab * length + i] }
            }
        }
        return [Double](parts.prefix(length))
    }
}
