/// Points of a plane in squares within squares, for sums over all points in which far ones count together (Barnes and Hut,
/// Nature 324, 1986).
struct Quadtree: Sendable {
    private struct Square {
        /// The mean of the points.
        var centre: SIMD2<Double>
        /// The length of a side.
        var side: Double
        /// The points, by their places in `order`.
        var points: Range<Int32>
        /// The first of the squares in it, and behind the last; empty for a square that is not divided.
        var parts: Range<Int32>
    }

    private var squares: [Square] = []
    /// The points, those of a square one behind the other.
    private var order: [Int32]
    private let points: [SIMD2<Double>]

    /// Squares with so few points are not divided.
    private static let fewest = 8
    /// Equal points cannot be divided.
    private static let deepest = 40

    /// The squares of some points.
    init(_ points: [SIMD2<Double>]) {
        self.points = points
        order = points.indices.map { Int32($0) }
        guard let first = points.first else { return }
        let low = points.reduce(first) { pointwiseMin($0, $1) }
        let high = points.reduce(first) { pointwiseMax($0, $1) }
        squares = [
            Square(centre: .zero, side: (high - low).max(), points: 0..<Int32(points.count), parts: 0..<0)
        ]
        var corners = [(low: low, depth: 0)]
        var number = 0
        var scratch = order
        while number < squares.count {
            let (corner, depth) = corners[number]
            divide(number, corner, depth, &corners, &scratch)
            number += 1
        }
    }

    /// Finds the mean of a square, and makes the squares in it where it has many points.
    private mutating func divide(
        _ number: Int, _ corner: SIMD2<Double>, _ depth: Int, _ corners: inout [(low: SIMD2<Double>, depth: Int)],
        _ scratch: inout [Int32]
    ) {
        let (range, half) = (squares[number].points, squares[number].side / 2)
        var sum = SIMD2<Double>.zero
        for place in range { sum += points[Int(order[Int(place)])] }
        squares[number].centre = sum / Double(range.count)
        guard range.count > Self.fewest, depth < Self.deepest else { return }
        let middle = corner + half
        func quarter(_ point: Int32) -> Int {
            let point = points[Int(point)]
            return (point.x >= middle.x ? 1 : 0) + (point.y >= middle.y ? 2 : 0)
        }
        var counts = [0, 0, 0, 0]
        for place in range { counts[quarter(order[Int(place)])] += 1 }
        var ends = [Int(range.lowerBound)]
        for count in counts { ends.append(ends[ends.count - 1] + count) }
        var next = ends
        for place in range {
            let point = order[Int(place)]
            let part = quarter(point)
            scratch[next[part]] = point
            next[part] += 1
        }
        for place in range { order[Int(place)] = scratch[Int(place)] }
        let first = Int32(squares.count)
        for part in 0..<4 where counts[part] > 0 {
            squares.append(
                Square(centre: .zero, side: half, points: Int32(ends[part])..<Int32(ends[part + 1]), parts: 0..<0))
            let step = SIMD2(part & 1 == 1 ? half : 0, part & 2 == 2 ? half : 0)
            corners.append((corner + step, depth + 1))
        }
        squares[number].parts = first..<Int32(squares.count)
    }

    /// Sums over all other points of a point of t-SNE's kernel q = 1 / (1 + d²): of q, and of q² times the way from the other.
    ///
    /// The points of a square count as so many in its centre where its side is less than `openness` of the distance; 0 counts each
    /// by itself.
    func repulsion(on number: Int, openness: Double) -> (kernel: Double, force: SIMD2<Double>) {
        let own = points[number]
        var (kernel, force) = (0.0, SIMD2<Double>.zero)
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 4 * Self.deepest + 4) { stack in
            stack[0] = 0
            var height = 1
            while height > 0 {
                height -= 1
                let square = squares[Int(stack[height])]
                let way = own - square.centre
                let distance = (way * way).sum()
                if square.side * square.side < openness * openness * distance {
                    let q = 1 / (1 + distance)
                    kernel += Double(square.points.count) * q
                    force += Double(square.points.count) * q * q * way
                } else if square.parts.isEmpty {
                    for place in square.points where order[Int(place)] != number {
                        let way = own - points[Int(order[Int(place)])]
                        let q = 1 / (1 + (way * way).sum())
                        kernel += q
                        force += q * q * way
                    }
                } else {
                    for part in square.parts {
                        stack[height] = part
                        height += 1
                    }
                }
            }
        }
        return (kernel, force)
    }
}
