extension ContactSheet.Picture {
    /// A picture of normalised planes `[C, height, width]`, `values` of it beginning at `start`: multiplied by the deviation and
    /// moved by the mean of each channel, one number for all of them or one a channel.
    ///
    /// `bands` are the channels that become red, green and blue; the same one three times is gray. A number that is not finite
    /// is drawn in magenta.
    public init(
        normalized values: [Float], from start: Int, bands: [Int], height: Int, width: Int, mean: [Double],
        deviation: [Double]
    ) {
        precondition(bands.count == 3, "red, green and blue are three bands, not \(bands.count)")
        let size = height * width
        var samples: [Float] = []
        samples.reserveCapacity(3 * size)
        for pixel in 0..<size {
            let colour = bands.map { source -> Float in
                let scale = Float(deviation[source % max(1, deviation.count)])
                return values[start + source * size + pixel] * scale + Float(mean[source % max(1, mean.count)])
            }
            samples += colour.allSatisfy(\.isFinite) ? colour : [1, 0, 1]
        }
        self.init(height: height, width: width, samples: samples)
    }
}

extension ContactSheet {
    /// The channels that are drawn where none are chosen: three are colours; of any other number the first is gray.
    public static func usualBands(of channels: Int) -> [Int] { channels == 3 ? [0, 1, 2] : [0, 0, 0] }

    /// A sheet with a row an image and a column a set of images `[B, C, height, width]`, small images enlarged.
    public init(
        columns: [[Float]], images: Int, channels: Int, bands: [Int], height: Int, width: Int, mean: [Double],
        deviation: [Double], captions: Captions = Captions()
    ) {
        self.init(
            rows: (0..<images).map { image in
                columns.map { values in
                    Picture(
                        normalized: values, from: image * channels * height * width, bands: bands,
                        height: height, width: width, mean: mean, deviation: deviation)
                }
            }, scale: max(1, 128 / max(height, width)), captions: captions)
    }
}
