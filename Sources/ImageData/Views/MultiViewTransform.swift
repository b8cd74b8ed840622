public import RandomStreams

/// Global and local views of a picture: random resized crops, bilinear, with other colours, some mirrored.
///
/// The operations of Balestriero and LeCun, *LeJEPA*, arXiv 2511.08544, in their order: crop, colour jitter, gray, blur, solarise,
/// mirror, normalise. Every draw comes from a stream of the view and the operation, so that what one operation draws changes
/// nothing for another.
public struct MultiViewTransform: ImageTransform {
    private let view: MultiView
    private let context: ViewContext
    /// The sizes of the views, global ones first.
    public let viewSizes: [ImageSize]

    /// A transform to the views that `view` says.
    public init(_ view: MultiView, _ context: ViewContext) {
        self.view = view
        self.context = context
        viewSizes = view.sizes(of: context.size)
    }

    /// Those of the first view.
    public var shape: (channels: Int, height: Int, width: Int) {
        (context.channels, context.size.height, context.size.width)
    }

    /// One view behind the other.
    public func write(_ image: DecodedImage, random: RandomStream, into target: UnsafeMutableBufferPointer<Float>) {
        var place = 0
        for (number, size) in viewSizes.enumerated() {
            let count = context.channels * size.height * size.width
            let random = random.child("view").child(number)
            var stream = random.child("flip")
            context.normalization.write(
                recoloured(cropped(image, to: size, isLocal: number >= view.globals, random.child("crop")), random),
                mirrored: context.flip && stream.uniform() < 0.5,
                into: UnsafeMutableBufferPointer(rebasing: target[place..<place + count]))
            place += count
        }
    }

    private func cropped(_ image: DecodedImage, to size: ImageSize, isLocal: Bool, _ random: RandomStream)
        -> DecodedImage
    {
        let scale = isLocal ? view.options.localCropScale : view.options.cropScale
        let rectangle = RandomResizedCrop(scale: scale[0]...scale[1], ratio: context.ratio).rectangle(
            height: image.height, width: image.width, random: random)
        return Resampling.resize(
            image, height: size.height, width: size.width, filter: .bilinear, rectangle: rectangle)
    }

    /// Pictures without three channels are not jittered and never made gray.
    private func recoloured(_ image: DecodedImage, _ random: RandomStream) -> DecodedImage {
        let options = view.options
        func happens(_ name: String, _ probability: Double) -> RandomStream? {
            var stream = random.child(name)
            return stream.uniform() < Float(probability) ? stream : nil
        }
        let isColour = context.channels == 3
        let jitter = isColour ? happens("jitter", options.jitterProbability) : nil
        let gray = isColour ? happens("gray", options.grayProbability) : nil
        let blur = happens("blur", options.blurProbability)
        let solarize = happens("solarize", options.solarizeProbability)
        guard jitter != nil || gray != nil || blur != nil || solarize != nil else { return image }
        var values = image.unitSamples()
        if var stream = jitter { ColourJitter(strengths: options.jitter).apply(to: &values, &stream) }
        if gray != nil { ColourOperations.onBytes(&values) { ColourOperations.grayscale(&$0) } }
        if var stream = blur {
            let (low, high) = (options.blurSigma[0], options.blurSigma[1])
            ColourOperations.blur(
                &values, sigma: low + (high - low) * stream.uniformDouble(), taps: options.blurTaps,
                height: image.height, width: image.width, channels: image.channels)
        }
        if solarize != nil { ColourOperations.onBytes(&values) { ColourOperations.solarize(&$0) } }
        return DecodedImage(
            height: image.height, width: image.width, channels: image.channels, samples: .float32(values))
    }
}
