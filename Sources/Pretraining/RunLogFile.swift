import Foundation
import Locks

/// The lines of `log.txt`, dated. Those from before the folder is the run's are kept until it is.
final class RunLogFile: Sendable {
    private struct State {
        var waiting: [String] = []
        var descriptor: Int32?
    }

    private let state = Locked(State())

    deinit { state.withLock { if let descriptor = $0.descriptor { _ = close(descriptor) } } }

    /// Appends to the file from now on, what was said so far first.
    func open(_ path: String) throws(RunError) {
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw RunError(.cannotCreate, "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        state.withLock { state in
            state.descriptor = descriptor
            for line in state.waiting { Self.append(line, to: descriptor) }
            state.waiting = []
        }
    }

    func add(_ text: String) {
        let line = "\(Date.now.formatted(.iso8601)) \(text)\n"
        state.withLock { state in
            guard let descriptor = state.descriptor else {
                state.waiting.append(line)
                return
            }
            Self.append(line, to: descriptor)
        }
    }

    /// A log that cannot be written stops nothing: rows and checkpoints tell when the disk is full.
    private static func append(_ line: String, to descriptor: Int32) {
        var line = line
        line.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
    }
}
