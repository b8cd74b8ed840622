public import Autodiff
import ContentDigests

extension ParameterStore {
    /// The SHA-256 of all parameters with their names and shapes.
    public var digest: String {
        var digest = SHA256()
        for entry in entries {
            digest.update([UInt8]("\(entry.name) \(entry.shape)\0".utf8))
            self[entry.name]?.withUnsafeBuffer { digest.update(UnsafeRawBufferPointer($0)) }
        }
        return digest.hexadecimal()
    }
}
