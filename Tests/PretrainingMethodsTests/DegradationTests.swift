import Autodiff
import ImageMasking
import PretrainingMethods
import RandomStreams
import Testing
import VisionTransformers

struct DegradationTests {
    private func blur(_ kind: BlurKind, size: Int = 5) -> BlurKernel {
        BlurKernel(kind: kind, size: size, sigma: (1.5, 0.6), theta: 0.4, beta: 0.8, omega: 1.3)
    }

    @Test(arguments: BlurKind.allCases)
    func kernelsSumTo1AndAreTheSameUpsideDown(kind: BlurKind) {
        let values = blur(kind).values
        #expect(abs(values.reduce(0, +) - 1) < 1e-12)
        for (a, b) in zip(values, values.reversed()) { #expect(abs(a - b) < 1e-15) }
        // Isotropic kinds are the same on their side too; the others are longest along the angle.
        let (right, down) = (values[2 * 5 + 4], values[4 * 5 + 2])
        let isRound = [.isotropic, .generalizedIsotropic, .plateauIsotropic, .sinc].contains(kind)
        #expect(isRound ? abs(right - down) < 1e-15 : right > 1.5 * down)
    }

    @Test func bordersAreMirroredWithoutRepeatingTheEdge() throws {
        // A kernel that is nearly one tap to each side: σ tiny along y, wide along x.
        let kernel = BlurKernel(
            kind: .anisotropic, size: 5, sigma: (50, 0.01), theta: 0, beta: 1, omega: 1)
        let picture: [Float] = [1, 2, 4, 8, 16, 32, 64, 128, 256]
        let found = Corruption.blur([kernel]).applied(
            to: Tensor(picture, [1, 1, 3, 3]), engine: try Engine(threads: 1)
        ).array
        // Row 0: … 4 2 | 1 2 4 | 2 1 …, five taps of nearly the same weight.
        for (place, sum) in [(0, 4 + 2 + 1 + 2 + 4), (1, 2 + 1 + 2 + 4 + 2), (2, 1 + 2 + 4 + 2 + 1)] {
            #expect(abs(found[place] - Float(sum) / 5) < 0.01)
        }
    }

    @Test func resizingToTheSameSizeChangesNothingAndWeightsSumTo1() {
        for interpolation in Interpolation.allCases {
            let same = ResizeMatrix.matrix(from: 5, to: 5, interpolation).array
            for place in same.indices { #expect(same[place] == (place % 6 == 0 ? 1 : 0)) }
            let matrix = ResizeMatrix.matrix(from: 7, to: 3, interpolation)
            for row in 0..<3 {
                let sum = matrix.array[row * 7..<(row + 1) * 7].reduce(0, +)
                #expect(abs(sum - 1) < 1e-6)
            }
        }
    }

    @Test func poissonCountsHaveTheMeanAndVarianceOfTheirBrightness() throws {
        // Pictures of four bytes: 16 levels would be 4; the counts' mean is byte/255 · 4.
        var options = MFMOptions()
        options.pretext = .denoise
        options.noise.type = [.poisson]
        options.noise.prob = [1]
        options.noise.poissonScale = [1, 1]
        options.noise.poissonGrayNoiseProb = 0
        let side = 64
        let bytes: [Float] = [0, 60, 130, 255]
        let picture = (0..<side * side).map { bytes[$0 % 4] / 255 }
        var encoder = EncoderOptions()
        encoder.channels = 1
        encoder.patchSize = 32
        let trace = ForwardTrace()
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        _ = try options.makeMethod(
            MethodContext(encoder: encoder, grid: PatchGrid(rows: 2, columns: 2), random: RandomStream(seed: 1))
        ).loss(
            Batch(images: Tensor(picture, [1, 1, side, side]), samples: [3]), .nothing,
            StepRequest(random: RandomStream(seed: 2), trace: trace), on: &tape)
        let noisy = try #require(trace.points["act/corrupted"]).array
        let each = Double(side * side / 4)
        for (start, byte) in bytes.enumerated() {
            let mean = Double(byte) / 255 * 4
            let counts = stride(from: start, to: noisy.count, by: 4).map { Double(noisy[$0]) * 4 }
            #expect(counts.allSatisfy { abs($0 - $0.rounded()) < 1e-4 && $0 > -1e-4 })
            let found = counts.reduce(0, +) / each
            #expect(abs(found - mean) <= 5 * (mean / each).squareRoot())
            let variance = counts.reduce(0) { $0 + ($1 - found) * ($1 - found) } / each
            // The deviation of a Poisson sample's variance is √((2 m² + m)/n).
            #expect(abs(variance - mean) <= 5 * ((2 * mean * mean + mean) / each).squareRoot())
        }
    }

    @Test func grayNoiseIsTheSameInAllChannelsAndClampsNothing() throws {
        let picture = [Float](repeating: 0.5, count: 3 * 4)
        let noise = PictureNoise(
            kind: .gaussian, strength: 255, isGray: true, values: [-3, 2, 0, 1] + [Float](repeating: 9, count: 8))
        let found = Corruption.noise([noise]).applied(
            to: Tensor(picture, [1, 3, 2, 2]), engine: try Engine(threads: 1)
        ).array
        #expect(found == [Float]([-2.5, 2.5, 0.5, 1.5, -2.5, 2.5, 0.5, 1.5, -2.5, 2.5, 0.5, 1.5]))
    }
}
