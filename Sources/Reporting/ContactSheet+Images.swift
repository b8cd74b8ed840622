extension ContactSheet.Picture {
    /// A picture of normalised planes `[C, height, width]`, `values` of it beginning at `start`: multiplied by the deviation and
    /// moved by the mean of each channel, one number for all of them or one a channel.
    ///
    /// Three channels are colours; of any other number the first is gray. A number that is not finite is drawn in magenta.
    public init(
        normalized values: [Float], from start: Int, channels: Int, height: Int, width: Int, mean: [Double],
        deviation: [Double]
    ) {
        let size = height * width
        var samples: [Float] = []
        samples.reserveCapacity(3 * size)
        for pixel in 0..<size {
            let colour = (0..<3).map { channel -> Float in
                let source = channels == 3 ? channel : 0
                let scale = Float(deviation[source % max(1, deviation.count)])
                return values[start + source * size + pixel] * scale + Float(mean[source % max(1, mean.count)])
            }
            samples += colour.allSatisfy(\.isFinite) ? colour : [1, 0, 1]
        }
        self.init(height: height, width: width, samples: samples)
    }
}

extension ContactSheet {
    /// A sheet with a row an image and a column a set of images `[B, C, height, width]`, small images enlarged.
    public init(
        columns: [[Float]], images: Int, channels: Int, height: Int, width: Int, mean: [Double], deviation: [Double]
    ) {
        self.init(
            rows: (0..<images).map { image in
                columns.map { values in
                    Picture(
                        normalized: values, from: image * channels * height * width, channels: channels,
                        height: height, width: width, mean: mean, deviation: deviation)
                }
            }, scale: max(1, 128 / max(height, width)))
    }
}
