import Foundation
import Locks

/// Ends a process that works for another one when that one is gone: a sweep that is killed leaves nothing behind that trains on.
package enum ParentWatch {
    /// The variable of the environment that names the process which is worked for.
    static let variable = "PALIMPSEST_PARENT"
    private static let lost = Locked(false)

    /// True once the process that is worked for has ended. `StopSignal` takes it for a wish to stop, since a signal that comes while
    /// signals are being taken over is lost.
    static var hasLostParent: Bool { lost.withLock { $0 } }

    /// Where this process works for another one, asks itself to stop when that one has ended: what trains is saved, all else ends.
    package static func begin() {
        guard let parent = ProcessInfo.processInfo.environment[variable].flatMap({ pid_t($0) }) else { return }
        Thread.detachNewThread {
            while getppid() == parent { usleep(200_000) }
            lost.withLock { $0 = true }
            kill(getpid(), SIGTERM)
        }
    }
}
