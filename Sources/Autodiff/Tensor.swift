/// Float32 numbers in row-major order: a value that copies its buffer only when it is written while shared.
public struct Tensor: Sendable {
    /// Lengths of the axes.
    public let shape: Shape
    private var storage: Storage
    private let offset: Int

    /// Undefined contents.
    init(undefined shape: Shape, pool: BufferPool? = nil) {
        self.init(shape: shape, storage: Storage(capacity: shape.elementCount, pool: pool), offset: 0)
    }

    private init(shape: Shape, storage: Storage, offset: Int) {
        self.shape = shape
        self.storage = storage
        self.offset = offset
    }

    /// The given numbers, last axis fastest.
    public init(_ values: [Float], _ shape: Shape) {
        require(
            values.count == shape.elementCount, "\(values.count) values for a tensor of shape \(shape)")
        self.init(undefined: shape)
        values.withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return }
            pointer.update(from: start, count: values.count)
        }
    }

    /// One number, everywhere.
    public init(filled value: Float, _ shape: Shape) {
        self.init(undefined: shape)
        pointer.update(repeating: value, count: count)
    }

    /// Zeros.
    public init(zeros shape: Shape) {
        self.init(filled: 0, shape)
    }

    /// Number of elements.
    public var count: Int { shape.elementCount }

    /// The elements, last axis fastest.
    public var array: [Float] { withUnsafeBuffer { Array($0) } }

    /// The only element.
    public var item: Float {
        require(count == 1, "item of a tensor of shape \(shape)")
        return withUnsafeBuffer { $0[0] }
    }

    /// The same elements under another shape with as many elements; nothing is copied.
    public func reshaped(_ shape: Shape) -> Tensor {
        require(shape.elementCount == count, "a tensor of shape \(self.shape) seen as \(shape)")
        return Tensor(shape: shape, storage: storage, offset: offset)
    }

    /// A range of the elements in row-major order under a shape of its own; nothing is copied.
    public func view(_ elements: Range<Int>, as shape: Shape) -> Tensor {
        require(
            elements.lowerBound >= 0 && elements.upperBound <= count && elements.count == shape.elementCount,
            "elements \(elements) of a tensor of shape \(self.shape) seen as \(shape)")
        return Tensor(shape: shape, storage: storage, offset: offset + elements.lowerBound)
    }

    /// A range of the first axis, for example some pictures of a batch; nothing is copied.
    public func entries(_ range: Range<Int>) -> Tensor {
        require(
            shape.rank > 0 && range.lowerBound >= 0 && range.upperBound <= shape[0],
            "entries \(range) of the first axis of a tensor of shape \(shape)")
        var part = shape
        part[0] = range.count
        let size = shape[0] == 0 ? 0 : count / shape[0]
        return view(range.lowerBound * size..<range.upperBound * size, as: part)
    }

    /// Reads the elements.
    public func withUnsafeBuffer<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: storage.base + offset, count: count))
    }

    /// Writes the elements, in place when no one else holds the buffer, else in a copy.
    public mutating func withUnsafeMutableBuffer<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        makeUnique()
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeMutableBufferPointer(start: storage.base + offset, count: count))
    }

    /// Whether a write happens in place.
    var isUnique: Bool {
        mutating get { isKnownUniquelyReferenced(&storage) }
    }

    private mutating func makeUnique() {
        guard !isUnique else { return }
        var copy = Tensor(undefined: shape, pool: storage.pool)
        copy.pointer.update(from: pointer, count: count)
        swap(&self, &copy)
    }

    /// The first element's address. Valid while this tensor lives; written only by whoever made the tensor, before
    /// anyone else has seen it.
    var pointer: UnsafeMutablePointer<Float> { storage.base + offset }
}
