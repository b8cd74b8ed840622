import Foundation

/// The processor time that a body takes in its own thread, in seconds: whatever else the machine does is not counted. Bounds on it are
/// for what would take minutes, and ten times what is needed, since checkers of memory make everything so much slower.
public func processorSeconds(_ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    try body()
    return now() - start
}
