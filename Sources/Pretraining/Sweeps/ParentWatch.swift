import Foundation

/// Ends a process that works for another one when that one is gone: a sweep that is killed leaves nothing behind that trains on.
package enum ParentWatch {
    /// The variable of the environment that names the process which is worked for.
    static let variable = "PALIMPSEST_PARENT"

    /// Where this process works for another one, sends itself SIGTERM, once, when that one has ended: what trains is saved then.
    package static func begin() {
        guard let parent = ProcessInfo.processInfo.environment[variable].flatMap({ pid_t($0) }) else { return }
        Thread.detachNewThread {
            while getppid() == parent { usleep(200_000) }
            kill(getpid(), SIGTERM)
        }
    }
}
