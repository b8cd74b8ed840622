#if Commands
import Checkpoints
import Foundation
import Locks
import Pretraining
import ProcessGroups
import RecipeSchema

/// The two streams of the program. What cannot be written is an error with a code of its own, never a trap.
enum Console {
    /// Sees to it that both streams are there: a closed one would be taken by the next file that is opened. A reader that goes
    /// away is an error of the write, not a signal.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        // A file that may grow no further is an error of the write, too.
        signal(SIGXFSZ, SIG_IGN)
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            // Opened for reading, so that writing to it still fails.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Writes a line to standard output.
    static func show(_ line: String) throws(RunError) { try write("\(line)\n") }

    /// Writes text to standard output as it is.
    static func write(_ text: String) throws(RunError) {
        if let reason = writeAll(text.utf8, to: STDOUT_FILENO) { throw failure(reason) }
    }

    /// The error of a standard output that takes nothing more.
    static func failure(_ reason: String) -> RunError {
        RunError(.inputOutput, "standard output cannot be written: \(reason)")
    }

    /// Writes a line to standard error, as far as that can be done.
    static func say(_ line: String) { _ = writeAll("\(line)\n".utf8, to: STDERR_FILENO) }
}

/// The log for people: plain sentences on a stream, warnings named.
enum PeopleLog {
    /// Whether standard output took all that was said: a log cannot throw, whoever hands it on asks afterwards.
    final class Outcome: Sendable {
        private let reason = Locked<String?>(nil)

        fileprivate func failed(_ why: String) { reason.withLock { $0 = $0 ?? why } }

        func check() throws(RunError) {
            if let reason = reason.withLock({ $0 }) { throw Console.failure(reason) }
        }
    }

    /// A log to standard error, or to standard output.
    static func log(to descriptor: Int32 = STDERR_FILENO, outcome: Outcome = Outcome()) -> RunLog {
        RunLog { level, sentence in
            let reason = writeAll("\(level.labelled(sentence))\n".utf8, to: descriptor)
            if let reason, descriptor == STDOUT_FILENO { outcome.failed(reason) }
        }
    }
}

/// A line that is rewritten on a terminal.
struct ProgressLine {
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private var lastShown = ContinuousClock.now - .seconds(1)

    /// True where lines can be rewritten.
    var isActive: Bool { isTerminal }

    /// Shows a text instead of the last one, at most five times a second.
    mutating func show(_ text: String) throws(RunError) {
        guard isTerminal, ContinuousClock.now - lastShown > .milliseconds(200) else { return }
        lastShown = .now
        try Console.write("\r\u{1B}[K\(text)")
    }

    /// Removes the line, so that other text can follow.
    func clear() throws(RunError) {
        if isTerminal { try Console.write("\r\u{1B}[K") }
    }
}

/// Says how far long work is, on standard error, in the first of several processes: a line that is rewritten on a terminal, a plain
/// one every half minute elsewhere.
final class WorkProgress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var what = ""
    private var start = ContinuousClock.now
    private var lastSaid = ContinuousClock.now

    /// So much of the work is done, in whatever it is counted.
    func at(_ what: String, _ done: Int, _ total: Int) {
        let now = ContinuousClock.now
        if what != self.what {
            self.what = what
            (start, lastSaid) = (now, now)
        }
        guard Processes.group.isFirst, done > 0, now - lastSaid > (isTerminal ? .milliseconds(200) : .seconds(30))
        else { return }
        lastSaid = now
        let seconds = Double((now - start).components.seconds) + 1e-18 * Double((now - start).components.attoseconds)
        let left = SpokenTime.span(seconds * Double(max(0, total - done)) / Double(done))
        let text = "\(what): \(done) of \(total), \(left) left"
        _ = writeAll((isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n").utf8, to: STDERR_FILENO)
    }

    /// Removes the line, so that other text can follow.
    func end() {
        if isTerminal, Processes.group.isFirst { _ = writeAll("\r\u{1B}[K".utf8, to: STDERR_FILENO) }
    }
}
#endif
