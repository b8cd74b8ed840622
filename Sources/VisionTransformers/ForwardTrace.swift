public import Autodiff

/// Collects named values on the way through a forward pass, for golden cases and tests.
///
/// Passed as an optional: a pass without one computes and keeps nothing extra. A part that is used in several places, such as an
/// encoder, names its values by itself (`block_0`); whoever runs it hands it a scope, so that they are found under
/// `encoder/block_0`.
public struct ForwardTrace {
    private final class Storage { var points: [String: Tensor] = [:] }

    private let storage: Storage
    private let path: String

    /// An empty trace.
    public init() {
        storage = Storage()
        path = ""
    }

    private init(_ storage: Storage, _ path: String) {
        self.storage = storage
        self.path = path
    }

    /// All values of the trace by their whole names, such as `encoder/block_0`; those of other scopes too.
    public var points: [String: Tensor] { storage.points }

    /// The same trace for a part: what is recorded there stands under `name/`.
    public func scope(_ name: String) -> ForwardTrace { ForwardTrace(storage, path + name + "/") }

    /// Keeps a value under a name of this scope.
    public func record(_ name: String, _ value: Tensor) { storage.points[path + name] = value }
}
