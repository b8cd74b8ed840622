import Autodiff
import Foundation

extension MFM {
    /// Spectra of sets of images `[B, C, H, W]` as images: the logarithm of 1 + amplitude, mean over the channels, frequency 0 in the
    /// middle; black is 0, white the largest value of a picture in any of the sets.
    func spectra(of sets: [ShownImages], engine: Engine) -> [ShownImages] {
        guard let shape = sets.first?.images.shape else { return [] }
        let (count, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
        let transform = FourierTransform(height: height, width: width)
        let plane = height * width
        let planes = sets.map { set -> [Float] in
            var tape = Tape(engine: engine, recording: false)
            let parts = transform.spectrum(ofQuadrants: transform.quadrants(tape.constant(set.images), on: &tape).value)
            var mean = [Float](repeating: 0, count: count * plane)
            for index in 0..<count * channels * plane {
                let amplitude = hypotf(parts[2 * index], parts[2 * index + 1])
                let picture = index / (channels * plane)
                mean[picture * plane + index % plane] += log1pf(amplitude) / Float(channels)
            }
            return mean
        }
        let largest = (0..<count).map { picture in
            planes.reduce(Float.leastNormalMagnitude) {
                max($0, $1[picture * plane..<(picture + 1) * plane].max() ?? 0)
            }
        }
        return zip(sets, planes).map { set, values in
            var gray = [Float](repeating: 0, count: count * channels * plane)
            for index in gray.indices {
                let picture = index / (channels * plane)
                gray[index] = values[picture * plane + index % plane] / largest[picture]
            }
            return ShownImages("spectrum (\(set.name))", normalized(Tensor(gray, shape)))
        }
    }
}
