public import Autodiff

/// The normalisation of a target by the pixels around each one: (t − μ)/√(σ² + 1e-6), with mean and variance of the k × k window
/// around a pixel, cut at the border, channel by channel; the variance is divided by n − 1 (SwinV2's code of SimMIM).
public struct WindowNorm: Sendable {
    /// Side of the window, odd.
    public let side: Int

    /// A normalisation by windows of an odd side of 3 or more.
    public init(side: Int) {
        precondition(side >= 3 && side % 2 == 1, "a window of side \(side)")
        self.side = side
    }

    /// What a window says of its pixel.
    public struct Statistics: Sendable {
        /// The means, `[B, C, H, W]`.
        public var mean: Tensor
        /// √(σ² + 1e-6), `[B, C, H, W]`.
        public var deviation: Tensor
    }

    /// Images `[B, C, H, W]`, normalised, and what they were normalised with.
    public func callAsFunction(_ images: Tensor) -> (values: Tensor, statistics: Statistics) {
        let (height, width) = (images.shape[2], images.shape[3])
        var (mean, deviation) = (images, images)
        var values = images
        let reach = side / 2
        images.withUnsafeBuffer { pixels in
            mean.withUnsafeMutableBuffer { mean in
                deviation.withUnsafeMutableBuffer { deviation in
                    values.withUnsafeMutableBuffer { values in
                        for plane in stride(from: 0, to: pixels.count, by: height * width) {
                            let sums = Self.areas(pixels, plane, height, width)
                            for row in 0..<height {
                                let (top, bottom) = (max(0, row - reach), min(height, row + reach + 1))
                                for column in 0..<width {
                                    let (left, right) = (max(0, column - reach), min(width, column + reach + 1))
                                    func sum(_ table: [Double]) -> Double {
                                        let (upper, lower) = (top * (width + 1), bottom * (width + 1))
                                        return table[lower + right] - table[lower + left] - table[upper + right]
                                            + table[upper + left]
                                    }
                                    let count = Double((bottom - top) * (right - left))
                                    // Around the picture's own mean, so that the squares do not cancel.
                                    let centred = sum(sums.values) / count
                                    let spread = sum(sums.squares) / count - centred * centred
                                    let variance = count > 1 ? max(0, spread * count / (count - 1)) : 0
                                    let place = plane + row * width + column
                                    let (middle, root) = (centred + sums.middle, (variance + 1e-6).squareRoot())
                                    mean[place] = Float(middle)
                                    deviation[place] = Float(root)
                                    values[place] = Float((Double(pixels[place]) - middle) / root)
                                }
                            }
                        }
                    }
                }
            }
        }
        return (values, Statistics(mean: mean, deviation: deviation))
    }

    /// Sums over all pixels above and left of each corner, of values and of their squares, both around `middle`; in double precision.
    private static func areas(
        _ pixels: UnsafeBufferPointer<Float>, _ plane: Int, _ height: Int, _ width: Int
    ) -> (values: [Double], squares: [Double], middle: Double) {
        var total = 0.0
        for place in plane..<plane + height * width { total += Double(pixels[place]) }
        let middle = total / Double(height * width)
        var values = [Double](repeating: 0, count: (height + 1) * (width + 1))
        var squares = values
        for row in 0..<height {
            var (valueSum, squareSum) = (0.0, 0.0)
            for column in 0..<width {
                let value = Double(pixels[plane + row * width + column]) - middle
                valueSum += value
                squareSum += value * value
                let (place, above) = ((row + 1) * (width + 1) + column + 1, row * (width + 1) + column + 1)
                values[place] = values[above] + valueSum
                squares[place] = squares[above] + squareSum
            }
        }
        return (values, squares, middle)
    }
}
