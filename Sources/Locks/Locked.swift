import Foundation

/// A value that threads share, one at a time.
///
/// A lock of the system rather than `Synchronization.Mutex`, which the thread sanitizer does not see on Linux: it would
/// report a race at every use.
///
/// `@unchecked Sendable`: the value is touched only while the lock is held.
package final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    /// A value that nobody else holds.
    package init(_ value: sending Value) { self.value = value }

    /// Runs `body` on the value, alone.
    package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.withLock { body(&value) }
    }
}
