/// Why features cannot be evaluated: one sentence, ready to show.
public struct EvaluationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    /// An error of one sentence.
    public init(_ description: String) {
        self.description = description
    }
}
