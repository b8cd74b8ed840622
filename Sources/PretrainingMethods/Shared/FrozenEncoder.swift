public import Autodiff
public import VisionTransformers

/// An encoder that was trained before and is only asked.
public struct FrozenEncoder: Sendable {
    /// The encoder.
    public let encoder: Encoder
    /// Its parameters.
    public let parameters: ParameterStore
    /// Mean of each channel that its images were normalised with; one number for all, or one a channel.
    public let mean: [Double]
    /// Deviation of each channel, like the mean.
    public let deviation: [Double]

    /// An encoder with its parameters, for images normalised as it saw them in its own training.
    public init(_ encoder: Encoder, _ parameters: ParameterStore, mean: [Double], deviation: [Double]) {
        self.encoder = encoder
        self.parameters = parameters
        self.mean = mean
        self.deviation = deviation
    }

    /// All tokens after the final norm, `[B, prefix + N, D]`, of images `[B, C, H, W]` that were normalised with another mean
    /// and deviation.
    func tokens(of images: Tensor, mean: [Double], deviation: [Double], engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let images = renormalized(images, mean, deviation)
        return encoder(images, parameters, on: &tape).normed.value
    }

    private func renormalized(_ images: Tensor, _ mean: [Double], _ deviation: [Double]) -> Tensor {
        let channels = images.shape[1]
        func value(_ list: [Double], _ channel: Int) -> Double { list.count == 1 ? list[0] : list[channel] }
        let factors = (0..<channels).map { channel -> (scale: Float, shift: Float) in
            let own = value(self.deviation, channel)
            let shift = (value(mean, channel) - value(self.mean, channel)) / own
            return (Float(value(deviation, channel) / own), Float(shift))
        }
        if factors.allSatisfy({ $0.scale == 1 && $0.shift == 0 }) { return images }
        var result = images
        let plane = images.shape[2] * images.shape[3]
        result.withUnsafeMutableBuffer { values in
            for start in stride(from: 0, to: values.count, by: plane) {
                let (scale, shift) = factors[start / plane % channels]
                for place in start..<start + plane { values[place] = values[place] * scale + shift }
            }
        }
        return result
    }
}
