/// Why a command cannot go on: one sentence for the user, and the exit code that says the kind.
public struct RunError: Error, Sendable, CustomStringConvertible {
    /// The kinds, by exit code.
    public enum Kind: Int32, Sendable {
        /// A check failed.
        case checkFailed = 1
        /// Wrong usage or recipe.
        case usage = 64
        /// Data cannot be used.
        case data = 65
        /// A file or library that is needed is missing.
        case missing = 69
        /// A fault of ours.
        case ours = 70
        /// Output cannot be created or written.
        case cannotCreate = 73
        /// Reading or writing failed.
        case inputOutput = 74
        /// The run is in use by another process.
        case inUse = 75
        /// Training diverged.
        case diverged = 76
    }

    /// The kind.
    public let kind: Kind
    /// What was found, where, and what to do.
    public let description: String

    /// An error with its sentence.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
