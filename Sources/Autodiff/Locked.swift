import CPalimpsestKernels

/// A value that threads share, one at a time.
///
/// A lock of the system rather than `Synchronization.Mutex`, which the thread sanitizer does not see on Linux: it would report a
/// race at every use.
///
/// `@unchecked Sendable`: the value is touched only while the lock is held.
final class Locked<Value>: @unchecked Sendable {
    private let lock: OpaquePointer
    private var value: Value

    init(_ value: sending Value) {
        guard let lock = pal_lock_create() else { fatalError("the system gave no memory for a lock") }
        self.lock = lock
        self.value = value
    }

    deinit { pal_lock_destroy(lock) }

    /// Runs `body` on the value, alone.
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pal_lock_acquire(lock)
        defer { pal_lock_release(lock) }
        return body(&value)
    }
}
