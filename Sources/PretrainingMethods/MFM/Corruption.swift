public import Autodiff
public import ImageMasking
public import RecipeSchema
public import VisionTransformers

/// The pretexts: what is done to a picture before the network must restore it.
public enum RestorationPretext: String, RecipeEnum {
    /// Frequencies are removed.
    case mfm
    /// It is made smaller and larger again.
    case superResolution = "sr"
    /// It is blurred.
    case deblur
    /// Noise is added.
    case denoise
}

/// How the pretext `sr` makes pictures small.
public struct SuperResolutionOptions: RecipeSection {
    /// How many times smaller.
    public var factor = 8
    /// How pixels are made.
    public var interpolation = Interpolation.bicubic

    /// The published setting.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("factor", \.factor, in: .closed(1...65536), "How many times smaller the picture is made."),
        Field("interpolation", \.interpolation, "How pixels are made, on the way down and up."),
    ]
}

/// What is done to the pictures of a batch, every draw made.
public enum Corruption: Sendable {
    /// Frequencies are removed.
    case frequencies(FrequencyMask)
    /// Pictures are made smaller and larger again.
    case superResolution(SuperResolutionOptions)
    /// Each picture has its blur.
    case blur([BlurKernel])
    /// Each picture has its noise.
    case noise([PictureNoise])

    /// The corrupted pictures of `[B, C, H, W]` in [0, 1], not normalised. Filtered and resized ones are clamped to [0, 1], the
    /// others not: the published behaviour.
    public func applied(to pictures: Tensor, engine: Engine, trace: ForwardTrace? = nil) -> Tensor {
        let shape = pictures.shape
        switch self {
        case .frequencies(let mask):
            if let trace {
                let keeps = mask.keeps(height: shape[2], width: shape[3])
                trace.record("mask", Tensor(keeps.map { $0 ? 1 : 0 }, [shape[0], shape[2], shape[3]]))
            }
            let filtered = FrequencyFilter.filtered(pictures, mask, engine: engine)
            trace?.record("unclamped", filtered)
            return clamped(filtered)
        case .superResolution(let options):
            let (height, width) = (shape[2] / options.factor, shape[3] / options.factor)
            let small = clamped(
                resized(pictures, height: height, width: width, options.interpolation, engine: engine))
            trace?.record("small", small)
            return clamped(
                resized(small, height: shape[2], width: shape[3], options.interpolation, engine: engine))
        case .blur(let kernels):
            if let trace {
                for (image, kernel) in kernels.enumerated() {
                    trace.record(
                        "kernel_\(image)", Tensor(kernel.values.map { Float($0) }, [kernel.size, kernel.size]))
                }
            }
            return eachPicture(of: pictures) { image, picture in
                kernels[image].blurred(picture, channels: shape[1], height: shape[2], width: shape[3])
            }
        case .noise(let noises):
            return eachPicture(of: pictures) { image, picture in noises[image].added(to: picture, channels: shape[1]) }
        }
    }
}

/// Numbers below 0 and above 1 become 0 and 1.
private func clamped(_ tensor: Tensor) -> Tensor {
    var tensor = tensor
    tensor.withUnsafeMutableBuffer { values in
        for place in values.indices { values[place] = min(max(values[place], 0), 1) }
    }
    return tensor
}

/// Pictures `[B, C, H, W]` of another size, without antialiasing.
private func resized(
    _ pictures: Tensor, height: Int, width: Int, _ interpolation: Interpolation, engine: Engine
) -> Tensor {
    let shape = pictures.shape
    var tape = Tape(engine: engine, recording: false)
    let across = tape.linearFilter(
        tape.constant(pictures), matrix: ResizeMatrix.matrix(from: shape[3], to: width, interpolation), along: .last)
    return tape.linearFilter(
        across, matrix: ResizeMatrix.matrix(from: shape[2], to: height, interpolation), along: .secondToLast
    ).value
}

/// Every picture changed by itself; `change` gets its numbers `[C, H, W]`.
private func eachPicture(
    of pictures: Tensor, _ change: (_ image: Int, _ picture: UnsafeBufferPointer<Float>) -> [Float]
) -> Tensor {
    let size = pictures.count / max(pictures.shape[0], 1)
    let values = pictures.withUnsafeBuffer { all in
        (0..<pictures.shape[0]).flatMap { image in
            change(image, UnsafeBufferPointer(rebasing: all[image * size..<(image + 1) * size]))
        }
    }
    return Tensor(values, pictures.shape)
}
