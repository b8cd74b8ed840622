public import RandomStreams

/// Two views of a picture for LUT: resize, reflected border, crop, mirror; the second also with other colours.
///
/// Kim, Chun, Heo, Han, *Learning with Unmasked Tokens Drives Stronger Vision Learners*, arXiv 2310.13593. There is no random
/// resized crop, so that both views show nearly the same region. The number of views is 2: the numbers of the first are
/// followed by those of the second.
public struct TwoViewTransform: ImageTransform {
    /// The size of one view.
    public let shape: (channels: Int, height: Int, width: Int)
    /// How views are made.
    public let options: TwoViewOptions
    /// Mirrors half of the views left to right.
    public let flip: Bool
    /// The constants of normalisation.
    public let normalization: Normalization

    /// A transform to two views of a size.
    public init(
        shape: (channels: Int, height: Int, width: Int), options: TwoViewOptions, flip: Bool,
        normalization: Normalization
    ) {
        self.shape = shape
        self.options = options
        self.flip = flip
        self.normalization = normalization
    }

    /// Two of the same size.
    public var viewSizes: [ImageSize] { options.sizes(of: ImageSize(height: shape.height, width: shape.width)) }

    /// The shorter side is resized to the view's, then each view is drawn from a stream of its own.
    public func write(_ image: DecodedImage, random: RandomStream, into target: UnsafeMutableBufferPointer<Float>) {
        let size = CentreCrop(
            resize: (shape.height, shape.width), crop: (shape.height, shape.width)
        ).geometry(height: image.height, width: image.width)
        let resized = Resampling.resize(image, height: size.height, width: size.width)
        let count = shape.channels * shape.height * shape.width
        for view in 0..<2 {
            var stream = random.child("view").child(view)
            var picture = cropped(resized, &stream)
            if view == 1 { picture = recoloured(picture, &stream) }
            normalization.write(
                picture, into: UnsafeMutableBufferPointer(rebasing: target[view * count..<(view + 1) * count]))
        }
    }

    /// A crop of the padded picture, mirrored by chance.
    private func cropped(_ image: DecodedImage, _ random: inout RandomStream) -> DecodedImage {
        let pad = min(options.pad, min(image.height, image.width) - 1)
        let top = random.integer(below: image.height + 2 * pad - shape.height + 1)
        let left = random.integer(below: image.width + 2 * pad - shape.width + 1)
        let mirrored = flip && random.uniform() < 0.5
        return Self.reflected(
            image, pad: pad, top: top, left: left, height: shape.height, width: shape.width, mirrored: mirrored)
    }

    /// The window at (`top`, `left`) of a picture with `pad` reflected pixels on each side, edge pixels not repeated.
    public static func reflected(
        _ image: DecodedImage, pad: Int, top: Int, left: Int, height: Int, width: Int, mirrored: Bool
    ) -> DecodedImage {
        func reflect(_ place: Int, _ count: Int) -> Int {
            guard count > 1 else { return 0 }
            let place = abs(place)
            return place < count ? place : 2 * (count - 1) - place
        }
        return image.gathered(height: height, width: width) { row, column in
            let x = mirrored ? width - 1 - column : column
            return (reflect(top + row - pad, image.height), reflect(left + x - pad, image.width))
        }
    }

    /// Jitter by chance, then one operation. Pictures without three channels are not jittered and never made gray.
    private func recoloured(_ image: DecodedImage, _ random: inout RandomStream) -> DecodedImage {
        let isColour = shape.channels == 3
        var values = image.unitSamples()
        let jitters = random.uniform() < Float(options.jitterProbability)
        if isColour && jitters { ColourJitter(strengths: options.jitter).apply(to: &values, &random) }
        let operations = options.oneOf.filter { isColour || $0 != .gray }
        if !operations.isEmpty {
            switch operations[random.integer(below: operations.count)] {
            case .gray: ColourOperations.onBytes(&values) { ColourOperations.grayscale(&$0) }
            case .solarize: ColourOperations.onBytes(&values) { ColourOperations.solarize(&$0) }
            case .blur:
                let (low, high) = (options.blurRadius[0], options.blurRadius[1])
                ColourOperations.blur(
                    &values, sigma: low + (high - low) * random.uniformDouble(), height: image.height,
                    width: image.width, channels: image.channels)
            }
        }
        return DecodedImage(
            height: image.height, width: image.width, channels: image.channels, samples: .float32(values))
    }
}
