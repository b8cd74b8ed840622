public import ImageMasking

/// Why a method cannot be made, or cannot take a step.
public enum MethodError: Error, Sendable, CustomStringConvertible {
    /// The mask plan is of a kind that the method cannot use.
    case wrongPlan(method: String, MaskPlan.Kind)
    /// The batch is not one that the method can use.
    case unusableBatch(method: String, reason: String)
    /// A file that the method's options name is not one that it can use.
    case unusableFile(path: String, reason: String)

    /// The reason in one sentence.
    public var description: String {
        switch self {
        case .unusableBatch(let method, let reason): "method \"\(method)\" cannot use the batch: \(reason)"
        case .unusableFile(let path, let reason): "\(path): \(reason)"
        case .wrongPlan(let method, let kind): "method \"\(method)\" cannot use a plan of \(kind.rawValue)"
        }
    }
}
