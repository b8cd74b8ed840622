import Foundation
public import RandomStreams

/// Random erasing: a rectangle of a picture becomes noise, a number from the standard normal distribution for each of its own
/// (Zhong et al., arXiv 1708.04896; mode `pixel`).
public struct RandomErasing: Sendable {
    /// The chance that a picture is changed.
    public var probability = 0.25
    /// The rectangle's share of the picture.
    public var area = 0.02...1.0 / 3
    /// Its height over its width; drawn by its logarithm.
    public var ratio = 0.3...1 / 0.3

    /// MAE's setting.
    public init() {}

    /// Changes normalised planes `[C, height, width]` in place, or not.
    public func apply(to values: inout [Float], channels: Int, height: Int, width: Int, random: RandomStream) {
        var stream = random
        guard stream.uniformDouble() < probability else { return }
        for _ in 0..<10 {
            let size =
                (area.lowerBound + (area.upperBound - area.lowerBound) * stream.uniformDouble())
                * Double(height * width)
            let (low, high) = (log(ratio.lowerBound), log(ratio.upperBound))
            let shape = exp(low + (high - low) * stream.uniformDouble())
            let (tall, wide) = (Int((size * shape).squareRoot().rounded()), Int((size / shape).squareRoot().rounded()))
            guard tall < height, wide < width, tall > 0, wide > 0 else { continue }
            let (top, left) = (stream.integer(below: height - tall + 1), stream.integer(below: width - wide + 1))
            for channel in 0..<channels {
                for y in top..<top + tall {
                    for x in left..<left + wide { values[(channel * height + y) * width + x] = Float(stream.normal()) }
                }
            }
            return
        }
    }
}
