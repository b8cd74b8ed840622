import Autodiff
import Foundation
import ImageMasking
import PretrainingMethods
import RandomStreams
import Testing

/// Transforms, filters and losses against their definitions in double precision.
struct FrequencyTests {
    private func numbers(_ count: Int, _ name: String) -> [Float] {
        var stream = RandomStream(seed: 3).child(name)
        return (0..<count).map { _ in Float(stream.uniformDouble()) }
    }

    @Test(arguments: [(5, 5), (1, 3), (6, 10), (7, 8), (13, 4)])
    func theSpectrumIsThatOfTheDefinitionAndItsInverseGivesThePictureBack(height: Int, width: Int) throws {
        let x = numbers(height * width, "x")
        let transform = FourierTransform(height: height, width: width)
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let quadrants = transform.quadrants(tape.constant(Tensor(x, [1, height, width])), on: &tape).value
        let found = transform.spectrum(ofQuadrants: quadrants)
        let expected = SlowSpectrum.shifted(x.map(Double.init), height, width)
        for (place, value) in expected.enumerated() {
            #expect(abs(Double(found[2 * place]) - value.re) < 2e-6)
            #expect(abs(Double(found[2 * place + 1]) - value.im) < 2e-6)
        }
        var spectra = [Float](repeating: 0, count: 4 * x.count)
        for row in 0..<height {
            for column in 0..<width {
                let (re, im) = (found[2 * (row * width + column)], found[2 * (row * width + column) + 1])
                spectra[row * 2 * width + column] = re
                spectra[row * 2 * width + width + column] = -im
                spectra[(height + row) * 2 * width + column] = -im
                spectra[(height + row) * 2 * width + width + column] = -re
            }
        }
        let back = transform.pictures(
            tape.constant(Tensor(spectra, [1, 2 * height, 2 * width])), on: &tape
        ).value.array
        for (a, b) in zip(back, x) { #expect(abs(a - b) < 2e-6) }
    }

    @Test(arguments: [(0, 999), (2, 999), (4, 999), (1, 3), (30, 999)], [(8, 8), (7, 9)])
    func filtersKeepTheirFrequenciesAlone(ring: (Int, Int), size: (Int, Int)) throws {
        let (height, width) = size
        let x = numbers(2 * 2 * height * width, "filtered")
        let mask = FrequencyMask(radius: ring.0, outerRadius: ring.1, lowPass: [true, false])
        let found = FrequencyFilter.filtered(
            Tensor(x, [2, 2, height, width]), mask, engine: try Engine(threads: 2)
        ).array
        let keeps = mask.keeps(height: height, width: width)
        let plane = height * width
        for index in 0..<4 {
            let picture = x[index * plane..<(index + 1) * plane].map(Double.init)
            var spectrum = SlowSpectrum.shifted(picture, height, width)
            for place in spectrum.indices where !keeps[index / 2 * plane + place] { spectrum[place] = (0, 0) }
            for (place, want) in SlowSpectrum.picture(spectrum, height, width).enumerated() {
                #expect(abs(Double(found[index * plane + place]) - want) < 2e-6)
            }
        }
    }

    struct Variant: Sendable, CustomTestStringConvertible {
        var name: String
        var masked = false
        var options = FrequencyLossOptions()
        var testDescription: String { name }

        init(_ name: String, masked: Bool = false, _ change: (inout FrequencyLossOptions) -> Void = { _ in }) {
            self.name = name
            self.masked = masked
            change(&options)
        }
    }
    static let variants = [
        Variant("plain"), Variant("masked", masked: true), Variant("gamma") { $0.lossGamma = 1.7 },
        Variant("tiles") { $0.patchFactor = 2 }, Variant("average") { $0.averageSpectrum = true },
        Variant("average, masked", masked: true) { $0.averageSpectrum = true },
        Variant("matrix", masked: true) { $0.withMatrix = true },
        Variant("matrix, batch, log, tiles") {
            $0.withMatrix = true
            $0.batchMatrix = true
            $0.logMatrix = true
            $0.matrixGamma = 0.6
            $0.lossGamma = 2
            $0.patchFactor = 2
        },
    ]
    static let shape = (images: 2, channels: 2, height: 4, width: 6)
    static let mask = FrequencyMask(radius: 2, outerRadius: 999, lowPass: [false, true])

    /// Distances of all frequencies, plane by plane: images, tiles, channels.
    private func distances(_ difference: [Double], _ options: FrequencyLossOptions) -> [[Double]] {
        let (images, channels, height, width) = Self.shape
        let factor = options.patchFactor
        let (h, w) = (height / factor, width / factor)
        var planes: [[SlowSpectrum.Complex]] = []
        for image in 0..<images {
            for tile in 0..<factor * factor {
                for channel in 0..<channels {
                    let plane = (0..<h * w).map { place -> Double in
                        let row = tile / factor * h + place / w
                        return difference[
                            ((image * channels + channel) * height + row) * width + tile % factor * w + place % w]
                    }
                    planes.append(SlowSpectrum.shifted(plane, h, w))
                }
            }
        }
        if options.averageSpectrum {
            let each = planes.count / images
            planes = (0..<each).map { index in
                planes[index].indices.map { place in
                    (0..<images).reduce((0.0, 0.0)) { sum, image in
                        let value = planes[image * each + index][place]
                        return (sum.0 + value.re / Double(images), sum.1 + value.im / Double(images))
                    }
                }
            }
        }
        return planes.map { $0.map { ($0.re * $0.re + $0.im * $0.im).squareRoot() } }
    }

    /// The weights w of distances.
    private func weights(_ distances: [[Double]], _ options: FrequencyLossOptions) -> [[Double]] {
        guard options.withMatrix else { return distances.map { $0.map { _ in 1 } } }
        let powers = distances.map { plane in
            plane.map { options.logMatrix ? log(pow($0, options.matrixGamma) + 1) : pow($0, options.matrixGamma) }
        }
        let most = powers.joined().max() ?? 0
        return powers.map { plane in plane.map { $0 / (options.batchMatrix ? most : plane.max() ?? 0) } }
    }

    /// The loss of distances under weights that are held fixed.
    private func loss(_ distances: [[Double]], _ weights: [[Double]], _ variant: Variant) -> Double {
        let elements = zip(distances, weights).map { plane, weights in
            zip(plane, weights).map { $1 * pow(($0 * $0 + 1e-12).squareRoot(), variant.options.lossGamma) }
        }
        guard variant.masked else { return elements.joined().reduce(0, +) / Double(elements.joined().count) }
        let (images, channels, height, width) = Self.shape
        let keeps = Self.mask.keeps(height: height, width: width)
        var sum = 0.0
        for image in 0..<images {
            for channel in 0..<channels {
                let plane = elements[variant.options.averageSpectrum ? channel : image * channels + channel]
                for place in plane.indices where !keeps[image * height * width + place] { sum += plane[place] }
            }
        }
        return sum / Double(keeps.count { !$0 } * channels)
    }

    @Test(arguments: variants)
    func lossAndGradientAreThoseOfTheFormulas(variant: Variant) throws {
        let (images, channels, height, width) = Self.shape
        let shape: Shape = [images, channels, height, width]
        let (prediction, target) = (numbers(shape.elementCount, "p"), numbers(shape.elementCount, "t"))
        var store = ParameterStore()
        let id = store.add("prediction", shape, prediction)
        var tape = Tape(engine: try Engine(threads: 2))
        let (found, map) = FrequencyLoss(options: variant.options)(
            tape.parameter(id, of: store), target: Tensor(target, shape), removed: variant.masked ? Self.mask : nil,
            on: &tape)
        var difference = zip(prediction, target).map { Double($0) - Double($1) }
        let fixed = weights(distances(difference, variant.options), variant.options)
        func value() -> Double { loss(distances(difference, variant.options), fixed, variant) }
        #expect(abs(Double(found.value.item) - value()) < 2e-6 * value())
        let factor = variant.options.patchFactor
        #expect(
            Array(map.shape) == [
                variant.options.averageSpectrum ? 1 : images, factor * factor, channels, height / factor,
                width / factor,
            ])
        let gradient = tape.gradients(of: found, for: store)[id].array
        let expected = difference.indices.map { index -> Double in
            let x = difference[index]
            difference[index] = x + 1e-6
            let above = value()
            difference[index] = x - 1e-6
            let below = value()
            difference[index] = x
            return (above - below) / 2e-6
        }
        let size = expected.map(abs).max() ?? 0
        for (a, b) in zip(gradient, expected) { #expect(abs(Double(a) - b) < 1e-5 * size) }
    }

    @Test func aBatchWithNothingRemovedHasNoLossAndNoGradient() throws {
        let shape: Shape = [2, 1, 4, 6]
        var store = ParameterStore()
        let id = store.add("prediction", shape, numbers(48, "p"))
        var tape = Tape(engine: try Engine(threads: 1))
        let all = FrequencyMask(radius: 0, outerRadius: 999, lowPass: [false, false])
        let (loss, _) = FrequencyLoss(options: FrequencyLossOptions())(
            tape.parameter(id, of: store), target: Tensor(zeros: shape), removed: all, on: &tape)
        #expect(loss.value.item == 0)
        #expect(tape.gradients(of: loss, for: store)[id].array.allSatisfy { $0 == 0 })
    }
}
