/// Row numbers for each picture of a batch: which rows to gather, or where to put them back.
public struct RowIndices: Sendable, Equatable {
    /// Number of pictures.
    public let batch: Int
    /// Number of row numbers a picture.
    public let count: Int
    /// All row numbers, picture after picture.
    public let values: [Int32]

    /// Makes the matrix `[batch, count]`.
    public init(_ values: [Int32], batch: Int, count: Int) {
        require(values.count == batch * count, "\(values.count) row indices for [\(batch), \(count)]")
        self.values = values
        self.batch = batch
        self.count = count
    }

    /// Makes the matrix whose rows are given; all rows have the same length.
    public init(_ rows: [[Int32]]) {
        let count = rows.first?.count ?? 0
        require(rows.allSatisfy { $0.count == count }, "rows of different lengths: \(rows.map(\.count))")
        self.init(rows.flatMap { $0 }, batch: rows.count, count: count)
    }

    /// The row numbers of one picture.
    public subscript(picture: Int) -> ArraySlice<Int32> {
        values[picture * count..<(picture + 1) * count]
    }

    /// The row numbers as kernels want them; the address is valid even where there are none.
    func withPointer<Result>(_ body: (UnsafePointer<Int32>) -> Result) -> Result {
        values.withUnsafeBufferPointer { values in
            if let start = values.baseAddress { return body(start) }
            var nothing: Int32 = 0
            return body(&nothing)
        }
    }

    /// Stops the program when an index is outside `0..<rows`: a kernel would read foreign memory.
    func check(below rows: Int) {
        if let bad = values.first(where: { $0 < 0 || Int($0) >= rows }) {
            fatalError("row index \(bad) outside 0..<\(rows)")
        }
    }
}
