public import Autodiff
import Foundation
public import RandomStreams

/// Sketched isotropic Gaussian regularisation: how far rows of features are from samples of a standard normal distribution, seen
/// along random directions.
///
/// Balestriero and LeCun, *LeJEPA*, arXiv 2511.08544, from its formulas. For n rows z, directions A of length 1 and knots t_j with
/// φ_j = exp(−t_j²/2), the statistic of a direction is Epps and Pulley's, by the trapezium rule on [0, `knotMax`], doubled because
/// the integrand is even, under the window φ:
///
///     y = z·A    c_j = mean cos(t_j·y)    d_j = mean sin(t_j·y)    Q = n·Σ_j w_j·((c_j − φ_j)² + d_j²)
///
/// The value is the mean of Q over the directions. Of normal samples it is near 1 whatever n is; of rows that are all the same it
/// grows with n (`collapsed`). Neither mean nor variance is estimated: the target is N(0, 1) itself.
public struct SIGReg: Sendable {
    /// Directions that features are seen along, S.
    public let slices: Int
    /// Where characteristic functions are compared, t: evenly from 0 to the largest knot.
    public let knots: [Double]
    /// The normal distribution's characteristic function at the knots, φ; also the window.
    public let window: [Double]
    /// What each knot counts, w.
    public let weights: [Double]

    /// A statistic along `slices` directions with an odd number of knots, 3 or more, from 0 to `knotMax`.
    public init(slices: Int, knots count: Int, knotMax: Double) {
        precondition(
            slices >= 1 && count >= 3 && count % 2 == 1 && knotMax > 0,
            "\(slices) slices, \(count) knots to \(knotMax)")
        self.slices = slices
        let step = knotMax / Double(count - 1)
        let knots = (0..<count).map { Double($0) * step }
        let window = knots.map { exp(-0.5 * $0 * $0) }
        self.knots = knots
        self.window = window
        weights = window.indices.map { (0 < $0 && $0 < count - 1 ? 2 : 1) * step * window[$0] }
    }

    /// Allowed knots: an odd number of them.
    package static let allowedKnots = 3...1025
    /// Allowed directions.
    package static let allowedSlices = 1...65536
    /// The largest knot that is allowed: behind it the window is 0 to all digits.
    package static let mostKnotMax = 10.0
    /// The furthest that knots may lie apart: at the first of them the window must still be open.
    private static let mostStep = 2.5
    /// Most numbers of the directions, and of what is seen along them.
    private static let (mostDraws, mostSeen) = (1 << 26, 1 << 28)

    /// Why options cannot be used on `rows` rows of `width` features, a sentence; nil where they can. Each is within its own range.
    package static func fault(slices: Int, knots: Int, knotMax: Double, rows: Int, width: Int) -> String? {
        let step = knotMax / Double(knots - 1)
        if step > mostStep {
            return
                "knots \(knots) to knot_max \(knotMax) lie \(step) apart, allowed are up to \(mostStep), or nothing is seen between "
                + "them; raise knots or lower knot_max"
        }
        for (count, what, most) in [(width, "features", mostDraws), (rows, "rows of a batch", mostSeen)]
        where count.multipliedReportingOverflow(by: slices).overflow || count * slices > most {
            return
                "slices \(slices) times \(count) \(what) are more numbers than a step may hold, allowed are up to \(most); lower "
                + "slices to \(max(1, most / count)) or less"
        }
        return nil
    }

    /// The value for rows that are all 0, over their number: 0.402 for 17 knots to 3.
    public var collapsed: Double { zip(weights, window).reduce(0) { $0 + $1.0 * (1 - $1.1) * (1 - $1.1) } }

    /// Normal numbers `[width, S]` that directions are made of.
    public func drawn(width: Int, random: RandomStream) -> Tensor {
        var stream = random
        return Tensor((0..<width * slices).map { _ in Float(stream.normal()) }, [width, slices])
    }

    /// Directions A `[K, S]`: draws of that shape, each column divided by its length.
    public static func directions(_ draws: Tensor) -> Tensor {
        let (rows, columns) = (draws.shape[0], draws.shape[1])
        var values = draws.array
        for column in 0..<columns {
            let squares = (0..<rows).reduce(0.0) { sum, row in
                let value = Double(values[row * columns + column])
                return sum + value * value
            }
            // A column of zeros has no direction: it stays, and sees nothing.
            let length = max(squares.squareRoot(), .leastNormalMagnitude)
            for row in 0..<rows {
                let place = row * columns + column
                values[place] = Float(Double(values[place]) / length)
            }
        }
        return Tensor(values, draws.shape)
    }

    /// The value of features `[…, n, K]` along directions `[K, S]`: the mean of the statistics of all directions and of all sets of
    /// n rows; and the statistics `[…, S]`.
    public func callAsFunction(
        _ features: Variable, along directions: Tensor, on tape: inout Tape
    ) -> (value: Variable, statistics: Tensor) {
        let shape = features.shape
        let (rank, width) = (shape.rank, shape.columns)
        precondition(
            rank >= 2 && directions.shape == [width, slices] && shape.elementCount > 0,
            "features of \(shape) along directions of \(directions.shape) for \(slices) slices")
        let rows = shape.elementCount / width
        let count = shape[rank - 2]
        let seen = tape.matmul(features.reshaped([rows, width]), tape.constant(directions))
        let found = statistics(seen.value, count, wantsSlope: seen.needsGradient, on: tape.engine)
        let leading = Array(shape.dropLast(2))
        let mean = found.statistics.reduce(0, +) / Double(found.statistics.count)
        let value: Variable
        if let slope = found.slope {
            value = tape.loss(mean, of: seen, slope: slope)
        } else {
            value = tape.constant(Tensor([Float(mean)], []))
        }
        return (value, Tensor(found.statistics.map { Float($0) }, Shape(leading + [slices])))
    }

    /// Four directions at once.
    private typealias Lanes = SIMD4<Double>

    /// Cosine and sine of a multiple of an angle.
    private struct Turn {
        var cosine = Lanes(repeating: 1)
        var sine = Lanes.zero

        /// Goes on by the angle of `other`.
        @inline(__always) mutating func advance(by other: Turn) {
            let real: Lanes = cosine * other.cosine - sine * other.sine
            let imaginary: Lanes = sine * other.cosine + cosine * other.sine
            (cosine, sine) = (real, imaginary)
        }
    }

    /// The statistic of every set of `count` rows of `seen` `[rows, S]` along every direction, and the derivative of their mean by
    /// each number.
    ///
    /// Cosine and sine are computed for the first knot alone; the others follow by the addition of angles, in double precision,
    /// where that costs no digit that matters. Each block of directions of each set is a task of its own, and no sum crosses tasks,
    /// so the bits do not depend on threads.
    private func statistics(
        _ seen: Tensor, _ count: Int, wantsSlope: Bool, on engine: Engine
    ) -> (statistics: [Double], slope: Tensor?) {
        let sets = seen.shape[0] / count
        let blocks = (slices + Lanes.scalarCount - 1) / Lanes.scalarCount
        let share = 1 / Double(sets * slices)
        var slope = wantsSlope ? engine.tensor(seen.shape) { _ in } : nil
        let results = [Double](unsafeUninitializedCapacity: sets * slices) { results, initialized in
            // Tasks write to places of their own, which outlive the loop.
            nonisolated(unsafe) let results = results
            seen.withUnsafeBuffer { seen in
                func run(_ slope: UnsafeMutableBufferPointer<Float>?) {
                    engine.forEach(sets * blocks) { task in
                        let (set, first) = (task / blocks, task % blocks * Lanes.scalarCount)
                        let columns = first..<min(first + Lanes.scalarCount, slices)
                        let values = block(
                            UnsafeBufferPointer(rebasing: seen[set * count * slices..<(set + 1) * count * slices]),
                            columns, count, share: share,
                            slope: slope.map {
                                UnsafeMutableBufferPointer(
                                    rebasing: $0[set * count * slices..<(set + 1) * count * slices])
                            })
                        for (lane, column) in columns.enumerated() { results[set * slices + column] = values[lane] }
                    }
                }
                if slope == nil { run(nil) } else { slope?.withUnsafeMutableBuffer { run($0) } }
            }
            initialized = sets * slices
        }
        return (results, slope)
    }

    /// The statistics of up to four columns of `seen` `[count, S]`, and their derivatives times `share` in `slope`.
    private func block(
        _ seen: UnsafeBufferPointer<Float>, _ columns: Range<Int>, _ count: Int, share: Double,
        slope: UnsafeMutableBufferPointer<Float>?
    ) -> Lanes {
        let size = knots.count
        let step = knots[1]
        return withUnsafeTemporaryAllocation(of: Turn.self, capacity: count + size) { room in
            room.initialize(repeating: Turn(cosine: .zero))
            // The first knot's angle of every row, then the sums of all rows for every knot.
            let first = UnsafeMutableBufferPointer(rebasing: room[..<count])
            let sums = UnsafeMutableBufferPointer(rebasing: room[count...])
            for row in 0..<count {
                for (lane, column) in columns.enumerated() {
                    let angle = step * Double(seen[row * slices + column])
                    first[row].cosine[lane] = cos(angle)
                    first[row].sine[lane] = sin(angle)
                }
                var turn = Turn()
                for knot in 0..<size {
                    sums[knot].cosine += turn.cosine
                    sums[knot].sine += turn.sine
                    turn.advance(by: first[row])
                }
            }
            var statistic = Lanes.zero
            let n = Double(count)
            for knot in 0..<size {
                let real: Lanes = sums[knot].cosine / n - window[knot]
                let imaginary: Lanes = sums[knot].sine / n
                let squares: Lanes = real * real + imaginary * imaginary
                statistic += weights[knot] * squares
                // What cosine and sine of a row count in the derivative by it.
                let factor = 2 * share * weights[knot] * knots[knot]
                sums[knot] = Turn(cosine: factor * imaginary, sine: -factor * real)
            }
            if let slope {
                for row in 0..<count {
                    var (turn, derivative) = (Turn(), Lanes.zero)
                    for knot in 0..<size {
                        derivative += sums[knot].cosine * turn.cosine
                        derivative += sums[knot].sine * turn.sine
                        turn.advance(by: first[row])
                    }
                    for (lane, column) in columns.enumerated() {
                        slope[row * slices + column] = Float(derivative[lane])
                    }
                }
            }
            return n * statistic
        }
    }
}
