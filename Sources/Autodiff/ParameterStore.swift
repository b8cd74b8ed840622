/// Names one parameter of a `ParameterStore`.
public struct ParameterID: Sendable, Hashable {
    /// Place in the store's order.
    public let index: Int
}

/// Name, shape and place of a parameter.
public struct ParameterEntry: Sendable, Equatable {
    /// Checkpoint name: `blocks.0.attn.qkv.weight`.
    public let name: String
    /// Lengths of the axes.
    public let shape: Shape
    /// Elements of the flat buffer; begins at a multiple of 16 floats.
    public let range: Range<Int>
}

/// Everything an optimiser may change: named tensors in one flat buffer, in the order in which they were added.
///
/// Each parameter begins at a multiple of 64 bytes; the gaps are zero and stay zero. Optimisers, clipping and averages
/// run over the flat buffer, models read parameters by their `ParameterID`.
public struct ParameterStore: Sendable {
    /// The parameters in checkpoint order.
    public private(set) var entries: [ParameterEntry] = []
    /// Length of the flat buffer in floats, gaps included.
    public private(set) var flatCount = 0
    private var buffer = Tensor(zeros: [0])
    private var places: [String: ParameterID] = [:]
    private let limit: Int
    /// True where more was added than the limit allows: the parameters are counted, their values are not there, and nothing can
    /// be computed with them.
    public private(set) var isOverLimit = false

    /// Makes an empty store for at most `limit` floats; what comes after them is counted without being made.
    public init(limit: Int = .max) { self.limit = limit }

    /// Appends a parameter; its name is new. Values are made only where they are kept.
    public mutating func add(_ name: String, _ shape: Shape, _ values: @autoclosure () -> [Float]) -> ParameterID {
        require(places[name] == nil, "the parameter \(name) exists already")
        isOverLimit = isOverLimit || shape.elementCount > limit - flatCount
        guard !isOverLimit else { return addEntry(name, shape, flatCount..<flatCount) }
        let values = values()
        require(values.count == shape.elementCount, "\(values.count) values for \(name) of shape \(shape)")
        let range = flatCount..<flatCount + values.count
        flatCount = (range.upperBound + 15) / 16 * 16
        reserve(flatCount)
        buffer.withUnsafeMutableBuffer { buffer in
            for (place, value) in zip(range, values) { buffer[place] = value }
        }
        return addEntry(name, shape, range)
    }

    private mutating func addEntry(_ name: String, _ shape: Shape, _ range: Range<Int>) -> ParameterID {
        let id = ParameterID(index: entries.count)
        entries.append(ParameterEntry(name: name, shape: shape, range: range))
        places[name] = id
        return id
    }

    /// The parameter of that name, if there is one.
    public func id(named name: String) -> ParameterID? { places[name] }

    /// All parameters in order.
    public var ids: [ParameterID] { entries.indices.map(ParameterID.init(index:)) }

    /// Numbers in all parameters, gaps left out.
    public var parameterCount: Int {
        entries.reduce(0) { sum, entry in
            let (total, overflow) = sum.addingReportingOverflow(entry.shape.elementCount)
            return overflow ? .max : total
        }
    }

    /// Name, shape and place of a parameter.
    public func entry(_ id: ParameterID) -> ParameterEntry { entries[id.index] }

    /// A parameter's value; nothing is copied, and the store copies before its next write while the value is held.
    public subscript(id: ParameterID) -> Tensor {
        let entry = entries[id.index]
        return buffer.view(entry.range, as: entry.shape)
    }

    /// The value of the parameter of that name.
    public subscript(name: String) -> Tensor? { places[name].map { self[$0] } }

    /// Replaces a parameter's value by one of the same shape.
    public mutating func setValue(_ value: Tensor, for id: ParameterID) {
        let entry = entries[id.index]
        require(value.shape == entry.shape, "\(entry.name) has the shape \(entry.shape), not \(value.shape)")
        value.withUnsafeBuffer { source in
            buffer.withUnsafeMutableBuffer { buffer in
                for (place, number) in zip(entry.range, source) { buffer[place] = number }
            }
        }
    }

    /// The whole flat buffer, gaps included; nothing is copied.
    public var flat: Tensor { buffer.view(0..<flatCount, as: [flatCount]) }

    /// Writes the flat buffer, in place when no one holds values of it. The gaps stay zero.
    public mutating func withUnsafeMutableBuffer<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = flatCount
        return try buffer.withUnsafeMutableBuffer { (buffer) throws(Failure) -> Result in
            try body(UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
        }
    }

    /// Grows the buffer to at least `count` floats, by doubling; pages that are never used cost nothing.
    private mutating func reserve(_ count: Int) {
        guard count > buffer.count else { return }
        var grown = Tensor(zeros: [max(count, 2 * buffer.count)])
        let old = buffer
        grown.withUnsafeMutableBuffer { target in
            old.withUnsafeBuffer { source in
                for place in source.indices { target[place] = source[place] }
            }
        }
        buffer = grown
    }
}

/// The gradients of all parameters of a store, in one flat buffer laid out like the store's.
public struct Gradients: Sendable {
    /// The parameters, as in the store.
    public let entries: [ParameterEntry]
    private var buffer: Tensor

    /// Zeros for every parameter of `store`.
    public init(for store: ParameterStore) {
        self.entries = store.entries
        self.buffer = Tensor(zeros: [store.flatCount])
    }

    /// No gradients of no parameters.
    static let none = Gradients(for: ParameterStore())

    /// Length of the flat buffer in floats, gaps included.
    public var flatCount: Int { buffer.count }

    /// The gradient of one parameter; nothing is copied.
    public subscript(id: ParameterID) -> Tensor {
        let entry = entries[id.index]
        return buffer.view(entry.range, as: entry.shape)
    }

    /// The gradient of the parameter of that name.
    public subscript(name: String) -> Tensor? {
        entries.first { $0.name == name }.map { buffer.view($0.range, as: $0.shape) }
    }

    /// The whole flat buffer, gaps included; nothing is copied.
    public var flat: Tensor { buffer }

    /// Writes the flat buffer. The gaps stay zero.
    public mutating func withUnsafeMutableBuffer<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try buffer.withUnsafeMutableBuffer(body)
    }

    /// Writes the gradient of one parameter.
    mutating func withUnsafeMutableBuffer(
        of id: ParameterID, _ body: (UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        let range = entries[id.index].range
        buffer.withUnsafeMutableBuffer { body(UnsafeMutableBufferPointer(rebasing: $0[range])) }
    }

    /// Adds the gradients of another batch.
    public mutating func add(_ other: Gradients, on engine: Engine) {
        require(entries == other.entries, "gradients of different stores")
        other.buffer.withUnsafeBuffer { source in
            buffer.withUnsafeMutableBuffer { engine.add(source, to: $0) }
        }
    }

    /// Multiplies all gradients.
    public mutating func scale(by factor: Float, on engine: Engine) {
        buffer.withUnsafeMutableBuffer { engine.scale($0, by: factor) }
    }
}
