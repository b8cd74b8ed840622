/// Why a file could not be read, taken as valid, or written: one sentence, ready to show.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault it is.
    public enum Kind: Sendable, Equatable {
        /// The content is not what the format allows.
        case invalid
        /// There is no such file.
        case missing
        /// The file cannot be opened or read.
        case unreadable
        /// The file or folder cannot be created or written.
        case unwritable
    }

    /// What kind of fault it is.
    public let kind: Kind
    /// The file or folder, as it was named.
    public let path: String
    /// What was found and what is allowed; names neither file nor folder again.
    public let reason: String

    /// An error about `path`.
    public init(_ kind: Kind, path: String, _ reason: String) {
        self.kind = kind
        self.path = path
        self.reason = reason
    }

    /// The whole sentence.
    public var description: String { "\(path): \(reason)" }
}
