import Autodiff
import Foundation
import PretrainingMethods
import RandomStreams
import Testing

/// SIGReg against its own formulas.
struct SIGRegTests {
    private func normal(_ shape: Shape, _ seed: UInt64, scale: Float = 1) -> Tensor {
        var stream = RandomStream(seed: seed)
        return Tensor((0..<shape.elementCount).map { _ in scale * Float(stream.normal()) }, shape)
    }

    private func value(
        _ sigreg: SIGReg, of features: Tensor, seed: UInt64 = 1, threads: Int = 1
    ) throws -> (value: Float, statistics: Tensor, slope: [Float]) {
        var store = ParameterStore()
        let id = store.add("z", features.shape, features.array)
        var tape = Tape(engine: try Engine(threads: threads, poisonsBuffers: true))
        let draws = sigreg.drawn(width: features.shape.columns, random: RandomStream(seed: seed))
        let (value, statistics) = sigreg(
            tape.parameter(id, of: store), along: SIGReg.directions(draws), on: &tape)
        let number = value.value.item
        return (number, statistics, tape.gradients(of: value, for: store)[id].array)
    }

    @Test(arguments: [
        ([9, 4], 5, 17, 3.0), ([2, 7, 3], 1, 3, 1.0), ([1, 6], 4, 9, 5.0), ([5, 1], 9, 5, 2.0),
        ([2, 2, 3, 2], 6, 41, 3.0),
    ])
    func gradientsAreThoseThatDifferencesTell(sizes: [Int], slices: Int, knots: Int, largest: Double) throws {
        let shape = Shape(sizes)
        let sigreg = SIGReg(slices: slices, knots: knots, knotMax: largest)
        let draws = sigreg.drawn(width: shape.columns, random: RandomStream(seed: 8))
        for scale: Float in [1, 0.05] {
            let check = GradientCheck([normal(shape, 3, scale: scale)], on: try Engine(threads: 2)) { tape, inputs in
                sigreg(inputs[0], along: SIGReg.directions(draws), on: &tape).value
            }
            #expect(check.worstError > 0 && check.worstError < 2e-3, "\(check)")
        }
    }

    /// Cosine and sine of every knot by themselves, one number after the other.
    @Test func theAdditionOfAnglesAgreesWithEveryAngleByItself() throws {
        let (n, width, slices) = (23, 5, 7)
        let sigreg = SIGReg(slices: slices, knots: 17, knotMax: 3)
        let features = normal([n, width], 5, scale: 1.5)
        let draws = sigreg.drawn(width: width, random: RandomStream(seed: 1))
        let directions = SIGReg.directions(draws).array.map { Double($0) }
        let values = features.array.map { Double($0) }
        let found = try value(sigreg, of: features)
        var total = 0.0
        for slice in 0..<slices {
            let length = (0..<width).reduce(0.0) {
                $0 + directions[$1 * slices + slice] * directions[$1 * slices + slice]
            }
            #expect(abs(length - 1) < 1e-6)
            let seen = (0..<n).map { row in
                (0..<width).reduce(0.0) { $0 + values[row * width + $1] * directions[$1 * slices + slice] }
            }
            var statistic = 0.0
            for knot in 0..<17 {
                let t = 3.0 * Double(knot) / 16
                let window = exp(-t * t / 2)
                let weight = (knot == 0 || knot == 16 ? 1.0 : 2.0) * 3 / 16 * window
                let real = seen.reduce(0.0) { $0 + cos(t * $1) } / Double(n) - window
                let imaginary = seen.reduce(0.0) { $0 + sin(t * $1) } / Double(n)
                statistic += Double(n) * weight * (real * real + imaginary * imaginary)
            }
            #expect(abs(Double(found.statistics.array[slice]) - statistic) < 1e-5 * statistic)
            total += statistic / Double(slices)
        }
        #expect(abs(Double(found.value) - total) < 1e-5 * total)
    }

    /// The page's figures: near 1 for normal samples whatever their number, 0.402·n at 0, 3.9·n far away.
    @Test func itIsSmallForNormalSamplesAndGrowsWithThemOtherwise() throws {
        let sigreg = SIGReg(slices: 64, knots: 17, knotMax: 3)
        #expect(abs(sigreg.collapsed - 0.402) < 1e-3)
        #expect(abs(zip(sigreg.weights, sigreg.window).reduce(0) { $0 + $1.0 * (1 - $1.1 * $1.1) } - 1.052) < 1e-3)
        #expect(abs(SIGReg(slices: 1, knots: 9, knotMax: 5).collapsed - 0.409) < 1e-3)
        for count in [64, 512] {
            #expect((0.5...2).contains(Double(try value(sigreg, of: normal([count, 16], 2)).value)))
            let zeros = try value(sigreg, of: Tensor(zeros: [count, 16]))
            #expect(abs(Double(zeros.value) - sigreg.collapsed * Double(count)) < 1e-3 * Double(count))
            #expect(zeros.slope.allSatisfy { $0 == 0 }, "nothing separates what is all the same")
        }
    }

    @Test func threadsChangeNoBitAndSetsAreOnTheirOwn() throws {
        let sigreg = SIGReg(slices: 33, knots: 17, knotMax: 3)
        let features = normal([3, 40, 6], 7)
        let one = try value(sigreg, of: features)
        for threads in [2, 3, 5] {
            let other = try value(sigreg, of: features, threads: threads)
            #expect(one.value == other.value && one.slope == other.slope)
        }
        for set in 0..<3 {
            let alone = try value(sigreg, of: features.view(set * 240..<(set + 1) * 240, as: [40, 6]))
            #expect(alone.statistics.array == Array(one.statistics.array[set * 33..<(set + 1) * 33]))
        }
    }

    @Test func aDirectionOfNoLengthSeesNothing() throws {
        let directions = SIGReg.directions(Tensor([0, 3, 0, 4], [2, 2]))
        #expect(directions.array == [0, 0.6, 0, 0.8])
    }
}
