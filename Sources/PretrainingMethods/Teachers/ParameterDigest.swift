public import Autodiff
import ContentDigests

extension ParameterStore {
    /// The SHA-256 of all parameters with their names and shapes.
    public var digest: String {
        var sum = SHA256()
        for id in ids {
            let entry = entry(id)
            sum.update(Array("\(entry.name) \(entry.shape)\n".utf8))
            self[id].withUnsafeBuffer { sum.update(UnsafeRawBufferPointer($0)) }
        }
        return sum.hexadecimal()
    }
}
