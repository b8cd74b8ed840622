/// Lengths of a tensor's axes, outermost first; at most six.
///
/// A collection of `Int`: `shape[0]`, `shape.last`, `Array(shape)`. Written as a literal where one is expected:
/// `Tensor(values, [2, 3])`. The empty shape is that of a single number.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral {
    /// The most axes that a tensor may have.
    public static let maximalRank = 6
    private var lengths: InlineArray<6, Int>

    /// Number of axes.
    public let rank: Int

    /// Makes the shape with these lengths.
    public init(_ lengths: some Collection<Int>) {
        require(lengths.count <= Self.maximalRank, "a shape has at most 6 axes, not \(lengths.count)")
        require(lengths.allSatisfy { $0 >= 0 }, "negative length in the shape \(Array(lengths))")
        self.lengths = InlineArray(repeating: 1)
        self.rank = lengths.count
        for (axis, length) in lengths.enumerated() { self.lengths[axis] = length }
    }

    /// Makes the shape with these lengths.
    public init(arrayLiteral elements: Int...) {
        self.init(elements)
    }

    /// Number of elements: the product of all lengths.
    public var elementCount: Int {
        var product = 1
        for axis in 0..<rank { product *= lengths[axis] }
        return product
    }

    /// Length of the last axis; 1 for the empty shape.
    public var columns: Int { rank == 0 ? 1 : lengths[rank - 1] }

    /// Number of rows when everything but the last axis is counted as rows; also right where `columns` is 0.
    public var rows: Int {
        var product = 1
        for axis in 0..<Swift.max(rank - 1, 0) { product *= lengths[axis] }
        return product
    }

    /// The same shape with another last axis.
    public func withColumns(_ columns: Int) -> Shape {
        require(rank > 0, "the shape of a number has no columns")
        var copy = self
        copy.lengths[rank - 1] = columns
        return copy
    }

    /// The same shape without one axis.
    func removing(axis: Int) -> Shape {
        var lengths = Array(self)
        lengths.remove(at: axis)
        return Shape(lengths)
    }

    /// Whether both shapes have the same axes.
    public static func == (left: Shape, right: Shape) -> Bool {
        guard left.rank == right.rank else { return false }
        for axis in 0..<left.rank where left.lengths[axis] != right.lengths[axis] { return false }
        return true
    }

    /// Feeds the lengths into the hasher.
    public func hash(into hasher: inout Hasher) {
        for length in self { hasher.combine(length) }
    }
}

extension Shape: RandomAccessCollection, MutableCollection {
    /// Always 0.
    public var startIndex: Int { 0 }
    /// The number of axes.
    public var endIndex: Int { rank }
    /// The length of one axis.
    public subscript(axis: Int) -> Int {
        get {
            require(axis >= 0 && axis < rank, "axis \(axis) of the shape \(self)")
            return lengths[axis]
        }
        set {
            require(axis >= 0 && axis < rank, "axis \(axis) of the shape \(self)")
            require(newValue >= 0, "negative length \(newValue) for axis \(axis) of the shape \(self)")
            lengths[axis] = newValue
        }
    }
}

extension Shape: CustomStringConvertible {
    /// The lengths in brackets: `[2, 3]`.
    public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}
