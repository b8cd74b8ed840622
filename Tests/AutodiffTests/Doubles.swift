/// A plain double-precision array with a shape: what the twins of the primitives compute with.
struct Doubles {
    var shape: [Int]
    var values: [Double]

    init(_ shape: [Int], _ values: [Double]) {
        precondition(shape.reduce(1, *) == values.count)
        self.shape = shape
        self.values = values
    }

    /// Element after element, last axis fastest.
    init(_ shape: [Int], _ value: (_ place: [Int]) -> Double) {
        self.shape = shape
        self.values = []
        var place = Array(repeating: 0, count: shape.count)
        for _ in 0..<shape.reduce(1, *) {
            values.append(value(place))
            var axis = shape.count - 1
            while axis >= 0 {
                place[axis] += 1
                if place[axis] < shape[axis] { break }
                place[axis] = 0
                axis -= 1
            }
        }
    }

    var count: Int { values.count }
    var columns: Int { shape.last ?? 1 }
    var rows: Int { shape.dropLast().reduce(1, *) }

    /// The element at a place; as in NumPy, missing leading axes and axes of length 1 repeat.
    subscript(place: [Int]) -> Double {
        var index = 0
        for (length, at) in zip(shape, place.suffix(shape.count)) { index = index * length + (length == 1 ? 0 : at) }
        return values[index]
    }

    func map(_ transform: (Double) -> Double) -> Doubles { Doubles(shape, values.map(transform)) }

    func reshaped(_ shape: [Int]) -> Doubles { Doubles(shape, values) }

    /// The rows along the last axis, each replaced by as many numbers as `transform` returns.
    func mapRows(_ transform: ([Double]) -> [Double]) -> Doubles {
        let rows = (0..<rows).map { transform(Array(values[$0 * columns..<($0 + 1) * columns])) }
        let width = rows.first?.count ?? transform(Array(repeating: 0, count: columns)).count
        return Doubles(shape.dropLast() + [width], rows.flatMap { $0 })
    }

    /// Two arrays element by element, broadcast as in NumPy.
    static func combine(_ a: Doubles, _ b: Doubles, _ operation: (Double, Double) -> Double) -> Doubles {
        let rank = max(a.shape.count, b.shape.count)
        let pad = { (shape: [Int]) in Array(repeating: 1, count: rank - shape.count) + shape }
        let shape = zip(pad(a.shape), pad(b.shape)).map { $0 == 1 ? $1 : $0 }
        return Doubles(shape) { operation(a[$0], b[$0]) }
    }
}
