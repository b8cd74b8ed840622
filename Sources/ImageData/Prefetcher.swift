import Foundation

/// Computes items 0, 1, 2, … on threads of its own, some ahead of their use, and hands them out in order.
///
/// An item is a function of its number alone, so the number of threads changes nothing but the time.
final class Prefetcher<Item: Sendable>: Sendable {
    private let work: Work

    /// - Parameters:
    ///   - threads: threads to start; 0 computes items when they are asked for.
    ///   - ahead: most items that are computed, or being computed, beyond those asked for.
    ///   - count: the number of items; nil for no end.
    init(
        threads: Int, ahead: Int, count: Int?, make: @escaping @Sendable (Int) -> Result<Item, ImageError>
    ) {
        precondition(threads >= 0 && (ahead >= 1 || threads == 0), "\(threads) threads and \(ahead) items ahead")
        work = Work(isThreaded: threads > 0, ahead: ahead, count: count, make: make)
        for _ in 0..<threads { work.start() }
    }

    deinit { work.stop() }

    /// The next item, waited for if need be; nil after the last one.
    func next() -> Result<Item, ImageError>? { work.next() }

    /// Seconds that `next` has waited so far.
    var waitedSeconds: Double { work.waitedSeconds }

    /// Ends the threads and waits for them; items not yet taken are dropped.
    func stop() { work.stop() }

    /// What the threads share. They hold this and not the prefetcher, whose end ends them.
    ///
    /// `@unchecked Sendable`: every mutable property is read and written only between `lock` and `unlock` of `condition`.
    private final class Work: @unchecked Sendable {
        private let condition = NSCondition()
        private let make: @Sendable (Int) -> Result<Item, ImageError>
        private let isThreaded: Bool
        private let ahead: Int
        private let count: Int?
        private var ready: [Int: Result<Item, ImageError>] = [:]
        private var nextToMake = 0
        private var nextToTake = 0
        private var threads = 0
        private var stopped = false
        private var waited = 0.0

        init(
            isThreaded: Bool, ahead: Int, count: Int?, make: @escaping @Sendable (Int) -> Result<Item, ImageError>
        ) {
            self.isThreaded = isThreaded
            self.ahead = ahead
            self.count = count
            self.make = make
        }

        func start() {
            condition.withLock { threads += 1 }
            let thread = Thread { self.run() }
            thread.name = "palimpsest data"
            thread.start()
        }

        private func run() {
            while let number = claim() {
                let item = make(number)
                condition.withLock {
                    ready[number] = item
                    condition.broadcast()
                }
            }
            condition.withLock {
                threads -= 1
                condition.broadcast()
            }
        }

        /// The number of the next item to make, once there is room for it; nil when there is nothing more to do.
        private func claim() -> Int? {
            condition.withLock {
                while true {
                    if stopped || nextToMake == count { return nil }
                    if nextToMake < nextToTake + ahead {
                        nextToMake += 1
                        return nextToMake - 1
                    }
                    condition.wait()
                }
            }
        }

        func next() -> Result<Item, ImageError>? {
            let number: Int? = condition.withLock {
                if nextToTake == count { return nil }
                nextToTake += 1
                condition.broadcast()
                return nextToTake - 1
            }
            guard let number else { return nil }
            guard isThreaded else { return make(number) }
            return condition.withLock {
                let start = ContinuousClock.now
                while ready[number] == nil, !stopped { condition.wait() }
                let spent = ContinuousClock.now - start
                waited += Double(spent.components.seconds) + Double(spent.components.attoseconds) * 1e-18
                return ready.removeValue(forKey: number)
            }
        }

        var waitedSeconds: Double { condition.withLock { waited } }

        func stop() {
            condition.withLock {
                stopped = true
                condition.broadcast()
                while threads > 0 { condition.wait() }
                ready = [:]
            }
        }
    }
}
