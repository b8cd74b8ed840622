import Foundation

/// The discrete Fourier transform by its definition, in double precision: what fast ones are compared with.
enum SlowSpectrum {
    typealias Complex = (re: Double, im: Double)

    /// The orthonormal spectrum of a picture `[height, width]`, zero frequency at (height / 2, width / 2).
    static func shifted(_ x: [Double], _ height: Int, _ width: Int) -> [Complex] {
        let scale = 1 / (Double(height) * Double(width)).squareRoot()
        return (0..<height * width).map { place in
            let (v, u) = (place / width - height / 2, place % width - width / 2)
            var (re, im) = (0.0, 0.0)
            for pixel in x.indices {
                let angle = -2 * Double.pi * phase(v, u, pixel, height, width)
                re += x[pixel] * cos(angle)
                im += x[pixel] * sin(angle)
            }
            return (re * scale, im * scale)
        }
    }

    /// The real part of the inverse of `shifted`.
    static func picture(_ spectrum: [Complex], _ height: Int, _ width: Int) -> [Double] {
        let scale = 1 / (Double(height) * Double(width)).squareRoot()
        return spectrum.indices.map { pixel in
            var sum = 0.0
            for (place, value) in spectrum.enumerated() {
                let (v, u) = (place / width - height / 2, place % width - width / 2)
                let angle = 2 * Double.pi * phase(v, u, pixel, height, width)
                sum += value.re * cos(angle) - value.im * sin(angle)
            }
            return sum * scale
        }
    }

    private static func phase(_ v: Int, _ u: Int, _ pixel: Int, _ height: Int, _ width: Int) -> Double {
        Double(v * (pixel / width)) / Double(height) + Double(u * (pixel % width)) / Double(width)
    }
}
