import Foundation

/// A lock on the folder of a run or a sweep, so that two processes never write to it at once.
///
/// The operating system releases it when the process ends, however it ends: a stale lock cannot be in the way.
package final class RunLock: Sendable {
    private let descriptor: Int32

    /// Locks a folder; nil when another process holds it.
    init?(folder: String) throws(RunError) {
        let path = folder + "/" + RunFolder.lockName
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard opened >= 0 else {
            throw RunError(.cannotCreate, "cannot create \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            return nil
        }
        descriptor = opened
        // For people who look: which process it is.
        ftruncate(descriptor, 0)
        let text = "\(getpid())\n"
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
    }

    deinit { close(descriptor) }

    /// Whether the locked file is still the one of that name.
    func isAt(_ path: String) -> Bool {
        var (held, found) = (stat(), stat())
        return fstat(descriptor, &held) == 0 && stat(path, &found) == 0 && held.st_dev == found.st_dev
            && held.st_ino == found.st_ino
    }
}
