import Foundation
import Logging
import Synchronization

/// Writes the log for people: plain sentences to a console, dated ones to the run's `log.txt`.
struct PeopleLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    private let console: FileHandle?
    private let file: FileHandle?

    init(console: FileHandle?, file: FileHandle?) {
        self.console = console
        self.file = file
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let prefix = event.level >= .warning ? "\(event.level): " : ""
        console?.write(Data("\(prefix)\(event.message)\n".utf8))
        let stamp = Date.now.formatted(.iso8601)
        try? file?.write(contentsOf: Data("\(stamp) \(prefix)\(event.message)\n".utf8))
    }

    /// A logger for a run: sentences to `console`, and to `path` where one is given.
    static func logger(console: FileHandle?, path: String? = nil) -> Logger {
        let file = path.flatMap { path -> FileHandle? in
            if !FileManager.default.fileExists(atPath: path) {
                _ = FileManager.default.createFile(atPath: path, contents: nil)
            }
            let handle = FileHandle(forWritingAtPath: path)
            _ = try? handle?.seekToEnd()
            return handle
        }
        return Logger(label: "palimpsest", factory: { _ in PeopleLog(console: console, file: file) })
    }
}

/// A line that is rewritten on a terminal.
struct ProgressLine {
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private var lastShown = ContinuousClock.now - .seconds(1)

    /// True where lines can be rewritten.
    var isActive: Bool { isTerminal }

    /// Shows a text instead of the last one, at most five times a second.
    mutating func show(_ text: String) {
        guard isTerminal, ContinuousClock.now - lastShown > .milliseconds(200) else { return }
        lastShown = .now
        FileHandle.standardOutput.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    /// Removes the line, so that other text can follow.
    func clear() {
        if isTerminal { FileHandle.standardOutput.write(Data("\r\u{1B}[K".utf8)) }
    }
}

/// A span of time for people: `42 s`, `3 min 5 s`, `2 h 10 min`.
func spoken(seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
}
