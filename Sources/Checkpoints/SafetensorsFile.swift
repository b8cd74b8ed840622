/// Named tensors and a few strings about them: the content of a safetensors file.
public struct SafetensorsFile: Sendable, Equatable {
    /// The tensors by name. Names are keys, never paths.
    public private(set) var tensors: [String: StoredTensor] = [:]
    /// The names in the order of the file, or in the order in which they were added.
    public private(set) var names: [String] = []
    /// Strings about the file: `format`, versions, a recipe as JSON text.
    public var metadata: [String: String]

    /// A file without tensors.
    public init(metadata: [String: String] = [:]) {
        self.metadata = metadata
    }

    /// A file of the given tensors; a name that comes twice keeps its last tensor.
    public init(_ tensors: [(name: String, tensor: StoredTensor)], metadata: [String: String] = [:]) {
        self.metadata = metadata
        for (name, tensor) in tensors { self[name] = tensor }
    }

    /// The tensor of a name; setting adds it at the end, replaces it where it is, or removes it (nil).
    public subscript(name: String) -> StoredTensor? {
        get { tensors[name] }
        set {
            let known = tensors.updateValue(newValue, forKey: name)
            if newValue == nil {
                if known { names.removeAll { $0 == name } }
            } else if !known {
                names.append(name)
            }
        }
    }
}

extension Dictionary {
    /// Sets or removes a value; true where the key was there before.
    fileprivate mutating func updateValue(_ value: Value?, forKey key: Key) -> Bool {
        guard let value else { return removeValue(forKey: key) != nil }
        return updateValue(value, forKey: key) != nil
    }
}
