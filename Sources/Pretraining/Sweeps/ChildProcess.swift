import Foundation

/// A process of this program for one run of a sweep, in a group of its own: signals of the terminal reach the parent alone, which
/// hands them on once; it ends when the parent does, however that ends.
package struct ChildProcess: Sendable {
    private let identifier: pid_t

    /// Starts this program with some arguments; what it says goes to a file.
    package init(_ arguments: [String], said path: String) throws(RunError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGDEF))
        // Signals that this process has taken over are the child's own again.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var words: [UnsafeMutablePointer<CChar>?] = (["pretrain"] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        // The environment byte for byte, but with this process as the parent.
        let own: UnsafeMutablePointer<CChar> = strdup("\(ParentWatch.variable)=\(getpid())")
        defer { free(own) }
        var environment: [UnsafeMutablePointer<CChar>?] = [own]
        var place = environ
        while let setting = place.pointee {
            if strncmp(setting, own, ParentWatch.variable.utf8.count + 1) != 0 { environment.append(setting) }
            place += 1
        }
        environment.append(nil)
        var identifier: pid_t = 0
        let failure = posix_spawn(&identifier, "/proc/self/exe", &actions, &attributes, words, environment)
        guard failure == 0 else {
            throw RunError(
                .inputOutput,
                "a process cannot be started (what it says goes to \(path)): \(String(cString: strerror(failure)))")
        }
        self.identifier = identifier
    }

    /// The exit code, 128 and the signal's number for one that a signal ended; nil while it runs.
    package func outcome() -> Int32? {
        var status: Int32 = 0
        guard waitpid(identifier, &status, WNOHANG) == identifier else { return nil }
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }

    /// Asks it to stop.
    package func stop() { kill(identifier, SIGTERM) }
}
