/// Where a run says in sentences what it does: a closure, so that any logger takes them and none has to be brought along.
///
/// With swift-log: `RunLog { level, sentence in logger.log(level: level == .warning ? .warning : .info, "\(sentence)") }`.
public struct RunLog: Sendable {
    /// How much a sentence matters.
    public enum Level: String, Sendable, Comparable {
        /// What a run does.
        case info
        /// What a person should look at.
        case warning

        /// Warnings are more than what is only told.
        public static func < (left: Level, right: Level) -> Bool { left == .info && right == .warning }
    }

    private let write: @Sendable (Level, String) -> Void

    /// Hands every sentence to `write`, which several threads may call.
    public init(_ write: @escaping @Sendable (_ level: Level, _ sentence: String) -> Void) { self.write = write }

    /// Nobody listens.
    public static let silent = RunLog { _, _ in }

    /// Says what is done.
    public func info(_ sentence: String) { write(.info, sentence) }

    /// Says what should be looked at.
    public func warning(_ sentence: String) { write(.warning, sentence) }

    /// Says a sentence of any level.
    public func say(_ level: Level, _ sentence: String) { write(level, sentence) }

    /// Only what is at least as important as `level`.
    public func from(_ level: Level) -> RunLog {
        RunLog { [write] own, sentence in if own >= level { write(own, sentence) } }
    }

    /// Hands on what is said, and writes all of it to a run's file.
    func copied(to file: RunLogFile) -> RunLog {
        RunLog { [write] level, sentence in
            file.add(level.labelled(sentence))
            write(level, sentence)
        }
    }
}

extension RunLog.Level {
    /// A sentence as people read it: warnings are named.
    public func labelled(_ sentence: String) -> String { self == .warning ? "warning: \(sentence)" : sentence }
}
