public import Autodiff

/// Collects named values on the way through a forward pass, for golden cases and pictures.
///
/// Passed as an optional: a pass without one computes and keeps nothing extra.
public final class ForwardTrace {
    /// The values by the names of the method's specification, such as `act/block_0`.
    public private(set) var points: [String: Tensor] = [:]

    /// An empty trace.
    public init() {}

    /// Keeps a value under a name.
    public func record(_ name: String, _ value: Tensor) { points[name] = value }
}
