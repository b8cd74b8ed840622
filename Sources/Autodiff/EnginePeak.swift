import CPalimpsestKernels

/// What one kind of product took in a stretch of work.
package struct ProductTiming: Sendable, Hashable {
    /// `product`, `products` (many of one shape), `attention` or `attention back`.
    package var what: String
    /// Products of the call; pictures times heads of an attention.
    package var batch: Int
    /// Rows; queries.
    package var m: Int
    /// Columns; keys.
    package var n: Int
    /// What is summed over; width of a head.
    package var k: Int

    /// Operations of a call, a multiply-add being two: an attention is two products, four on the way back.
    package var operations: Double {
        let one = 2 * Double(batch) * Double(m) * Double(n) * Double(k)
        return what == "attention" ? 2 * one : what == "attention back" ? 4 * one : one
    }
}

extension Engine {
    /// The most operations a second that this engine's threads can do at its level: multiply-adds that wait for nothing, the best of
    /// stretches of some milliseconds within `seconds`.
    package func peakRate(seconds: Double) -> Double {
        best(seconds: seconds) { pal_peak_operations(handle, 20_000) }
    }

    /// Bytes a second that its threads read from memory, from a buffer of `mebibytes` that no cache holds.
    package func readRate(seconds: Double, mebibytes: Int = 512) -> Double {
        let count = mebibytes << 18
        let numbers = Tensor(filled: 1, [count])
        let rate = best(seconds: seconds) { pal_peak_read(handle, count, UnsafePointer(numbers.pointer)) }
        withExtendedLifetime(numbers) {}
        return rate
    }

    private func best(seconds: Double, _ body: () -> Double) -> Double {
        let start = ContinuousClock.now
        var best = 0.0
        repeat {
            let began = ContinuousClock.now
            let done = body()
            best = max(best, done / ((ContinuousClock.now - began) / .seconds(1)))
        } while (ContinuousClock.now - start) / .seconds(1) < seconds
        return best
    }

    /// What each kind of product and attention took while `body` ran, and how often it was called.
    package func timingProducts(_ body: () throws -> Void) rethrows -> [ProductTiming: (calls: Int, seconds: Double)] {
        pal_timings_begin(handle)
        var entries: UnsafePointer<pal_timing>?
        func ended() -> [ProductTiming: (calls: Int, seconds: Double)] {
            let count = pal_timings_end(handle, &entries)
            var sums: [ProductTiming: (calls: Int, seconds: Double)] = [:]
            for entry in UnsafeBufferPointer(start: entries, count: count) {
                let key = ProductTiming(
                    what: String(cString: entry.what), batch: entry.batch, m: entry.m, n: entry.n, k: entry.k)
                let old = sums[key] ?? (0, 0)
                sums[key] = (old.calls + 1, old.seconds + entry.seconds)
            }
            return sums
        }
        do { try body() } catch {
            _ = ended()
            throw error
        }
        return ended()
    }
}
