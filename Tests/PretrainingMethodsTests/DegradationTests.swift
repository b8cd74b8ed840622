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
        var method = options.makeMethod(
            MethodContext(encoder: encoder, grid: PatchGrid(rows: 2, columns: 2), random: RandomStream(seed: 1)))
        _ = try method.loss(
            Batch(images: Tensor(picture, [1, 1, side, side]), samples: [3]), .nothing,
            StepRequest(trace: trace), random: RandomStream(seed: 2), on: &tape)
        let noisy = try #require(trace.points["corrupted"]).array
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

    /// Shares within five deviations of their chance.
    private func expect(_ count: Int, of all: Int, share: Double) {
        let deviation = (share * (1 - share) / Double(all)).squareRoot()
        #expect(abs(Double(count) / Double(all) - share) < 5 * deviation, "\(count) of \(all), expected \(share)")
    }

    @Test func blursAreDrawnAsTheOptionsSay() {
        var options = BlurOptions()
        options.kernelList = [.isotropic, .generalizedAnisotropic, .plateauIsotropic, .sinc]
        options.kernelProb = [1, 2, 4, 1]
        options.kernelSize = [7, 13]
        options.sigmaX = [0.2, 3]
        options.sigmaY = [4, 5]
        options.rotateAngle = [-1, 0.5]
        options.betaGaussian = [2, 4]
        options.betaPlateau = [0.25, 0.5]
        var stream = RandomStream(seed: 8)
        let count = 6000
        let blurs = (0..<count).map { _ in options.drawn(&stream) }
        for (kind, weight) in zip(options.kernelList, options.kernelProb) {
            expect(blurs.count { $0.kind == kind }, of: count, share: weight / 8)
        }
        expect(blurs.count { $0.size == 13 }, of: count, share: 0.5)
        func fill(_ values: [Double], _ low: Double, _ high: Double) {
            #expect(values.allSatisfy { low...high ~= $0 }, "\(low)...\(high)")
            expect(values.count { $0 < (low + high) / 2 }, of: values.count, share: 0.5)
            #expect((values.min() ?? 0) - low < 0.02 * (high - low) && high - (values.max() ?? 0) < 0.02 * (high - low))
        }
        fill(blurs.map(\.sigma.x), 0.2, 3)
        fill(blurs.map(\.sigma.y), 4, 5)
        fill(blurs.map(\.theta), -1, 0.5)
        fill(blurs.filter { $0.size == 7 }.map(\.omega), .pi / 3, .pi)
        fill(blurs.filter { $0.size == 13 }.map(\.omega), .pi / 5, .pi)
        // The second draw, uniform between 1 and the first: mean (1 + mean of the first) / 2.
        for (kind, first) in [(BlurKind.plateauIsotropic, 0.25...0.5), (.generalizedAnisotropic, 2...4)] {
            let powers = blurs.filter { $0.kind == kind }.map(\.beta)
            let mean = (1 + (first.lowerBound + first.upperBound) / 2) / 2
            #expect(abs(powers.reduce(0, +) / Double(powers.count) - mean) < 0.05 * mean)
            let bounds = first.lowerBound < 1 ? first.lowerBound...1 : 1...first.upperBound
            #expect(powers.allSatisfy { bounds ~= $0 })
        }
    }

    @Test func noiseIsDrawnAsTheOptionsSay() throws {
        var options = NoiseOptions()
        options.type = [.poisson, .gaussian]
        options.prob = [1, 3]
        options.gaussianSigma = [10, 30]
        options.gaussianGrayNoiseProb = 0.25
        options.poissonScale = [0.5, 2]
        options.poissonGrayNoiseProb = 0.75
        let picture = [Float](repeating: 0.4, count: 3 * 16)
        var stream = RandomStream(seed: 8)
        let count = 4000
        let noises = picture.withUnsafeBufferPointer { picture in
            (0..<count).map { _ in options.drawn(for: picture, channels: 3, &stream) }
        }
        let gaussian = noises.filter { $0.kind == .gaussian }
        let poisson = noises.filter { $0.kind == .poisson }
        expect(gaussian.count, of: count, share: 0.75)
        expect(gaussian.count { $0.isGray }, of: gaussian.count, share: 0.25)
        expect(poisson.count { $0.isGray }, of: poisson.count, share: 0.75)
        for (noises, low, high) in [(gaussian, 10.0, 30.0), (poisson, 0.5, 2)] {
            #expect(noises.allSatisfy { low...high ~= $0.strength })
            expect(noises.count { $0.strength < (low + high) / 2 }, of: noises.count, share: 0.5)
        }
        let numbers = gaussian.flatMap { $0.values.map(Double.init) }
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
        #expect(abs(mean) < 0.02 && abs(variance - 1) < 0.02)
    }
}
