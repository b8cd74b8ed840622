import Autodiff
import Testing

/// What primitives return besides a variable.
@Suite struct PlainResultTests {
    @Test(arguments: [3, 8, 48, 51]) func normalizedPixelsDivideByTheSampleDeviation(columns: Int) throws {
        let tape = Tape(engine: try Engine(threads: 2, poisonsBuffers: true))
        let patches = sampleDoubles([3, 5, columns], stream: "patches")
        let expected = patches.mapRows { row in
            let mean = row.reduce(0, +) / Double(columns)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns - 1)
            return row.map { ($0 - mean) / (variance + 1e-6).squareRoot() }
        }
        let found = tape.normalizedPixels(sampleTensor([3, 5, columns], stream: "patches"))
        #expect(found.shape == Shape([3, 5, columns]))
        #expect(worstError(found.array, expected.values) < 1e-6)
    }

    @Test func epsilonStandsInsideTheRoot() throws {
        let tape = Tape(engine: try Engine(threads: 1))
        let found = tape.normalizedPixels(Tensor([1, 1.001], [1, 2])).array
        // Variance 5e-7, so the divisor is the root of 1.5e-6, not 7.07e-4 + 1e-6.
        #expect(abs(found[1] - 0.0005 / Float(1.5e-6.squareRoot())) < 1e-3)
    }

    @Test func perPatchLossesCoverVisiblePatchesToo() throws {
        var tape = Tape(engine: try Engine(threads: 2, poisonsBuffers: true))
        let prediction = tape.constant(sampleTensor([2, 3, 7], stream: "prediction"))
        let target = sampleTensor([2, 3, 7], stream: "target")
        let (loss, perPatch) = tape.maskedMeanSquared(
            prediction, target: target, mask: Tensor([0, 1, 0, 0, 0, 1], [2, 3]))
        let squares = zip(prediction.value.array, target.array).map { Double($0 - $1) * Double($0 - $1) }
        let expected = (0..<6).map { squares[$0 * 7..<($0 + 1) * 7].reduce(0, +) / 7 }
        #expect(perPatch.shape == [2, 3])
        #expect(worstError(perPatch.array, expected) < 1e-6)
        #expect(abs(Double(loss.value.item) - (expected[1] + expected[5]) / 2) < 1e-6)
    }

    @Test func batchNormReturnsTheBiasedStatistics() throws {
        var tape = Tape(engine: try Engine(threads: 2, poisonsBuffers: true))
        let (_, mean, variance) = tape.batchNorm(tape.constant(Tensor([1, 10, 3, 10, 8, 10], [3, 2])))
        #expect(mean.array == [4, 10])
        #expect(worstError(variance.array, [26.0 / 3, 0]) < 1e-6)
    }

    @Test(arguments: [false, true]) func attentionProbabilitiesAreThoseOfTheOutput(recording: Bool) throws {
        let engine = try Engine(threads: 2, poisonsBuffers: true)
        var store = ParameterStore()
        let id = store.add("qkv", [2, 5, 18], sampleValues([2, 5, 18], stream: "qkv"))
        var tape = Tape(engine: engine, recording: recording)
        let qkv = tape.parameter(id, of: store)
        let (output, p) = tape.attentionWithProbabilities(qkv: qkv, heads: 2)
        #expect(p.shape == [2, 2, 5, 5])
        let plain = tape.attention(qkv: qkv, heads: 2)
        #expect(output.value.array == plain.value.array)
        let (weights, values) = (p.array.map(Double.init), qkv.value.array)
        var expected: [Double] = []
        for (b, i, c) in (0..<2).flatMap({ b in (0..<5).flatMap { i in (0..<6).map { (b, i, $0) } } }) {
            var mixed = 0.0
            for j in 0..<5 {
                mixed += weights[((b * 2 + c / 3) * 5 + i) * 5 + j] * Double(values[(b * 5 + j) * 18 + 12 + c])
            }
            expected.append(mixed)
        }
        #expect(worstError(output.value.array, expected) < 1e-6)
    }
}
