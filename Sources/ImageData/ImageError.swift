/// Why a picture, an archive or a dataset could not be read.
public struct ImageError: Error, Sendable, Equatable, Codable, CustomStringConvertible {
    /// The kind of fault; the raw values are the words of JSON output.
    public enum Reason: String, Sendable, CaseIterable, Codable {
        /// No picture, by its first bytes.
        case notAnImage = "not-an-image"
        /// A format, or a variant of one, that is not read here.
        case unsupported
        /// The file ends before its content does.
        case truncated
        /// The content contradicts itself or its format.
        case corrupt
        /// More than the limits allow.
        case tooLarge = "too-large"
        /// The file is missing or the system refused to read it.
        case io
        /// A label that is no integer, out of range, or missing where one is needed.
        case label
        /// The same member twice in one sample of a shard.
        case duplicate
        /// A dataset without a single sample, or a class without one.
        case empty
        /// Another number of channels than the model has, in a way that cannot be converted.
        case channels
        /// A part that the set does not have.
        case noPart = "no-part"
    }

    /// The kind of fault.
    public var reason: Reason
    /// The file; empty where the bytes came from no file.
    public var path: String
    /// The member inside the file, for archives: a key, a member name or a record number.
    public var member: String?
    /// What was found and, where it helps, what is allowed.
    public var message: String

    /// A fault at a place.
    public init(_ reason: Reason, path: String, member: String? = nil, _ message: String) {
        self.reason = reason
        self.path = path
        self.member = member
        self.message = message
    }

    /// The place, the kind of fault and the message, in one line.
    public var description: String {
        // Names come from files: none of their characters may move the cursor of a terminal.
        let path = FileName(path).description
        let place: String? =
            switch (path.isEmpty, member.map({ FileName($0).description })) {
            case (true, nil): nil
            case (true, let member?): "`\(member)`"
            case (false, nil): "`\(path)`"
            case (false, let member?): "`\(path)`, member `\(member)`"
            }
        return (place.map { "\($0): " } ?? "") + "\(message) (\(reason.rawValue))"
    }
}
