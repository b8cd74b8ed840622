public import Autodiff
import Evaluation
public import ImageData
public import VisionTransformers

extension Encoder {
    /// The encoder of a run's folder, or of a file of this program, timm, Hugging Face or CLIP, ready to be asked for features.
    public static func load(_ path: String) throws -> EvaluatedEncoder { try EvaluatedEncoder(path: path) }
}

extension EvaluatedEncoder {
    /// The feature of a picture, `[width]`: resized and cut as in evaluation, the mean of its patch tokens after the final norm.
    ///
    /// Throws where the picture has other channels than the encoder, or the file no statistics for its channels.
    public func features(of picture: DecodedImage, engine: Engine) throws -> [Float] {
        let options = encoder.options
        let picture = try recipe.data.prepared(picture)
        guard let image = picture.converted(toChannels: options.channels) else {
            throw RunError(
                .data, "a picture of \(picture.channels) channels; the encoder sees \(options.channels)")
        }
        if let fault = image.notFiniteFault { throw RunError(.data, fault) }
        guard let mean = recipe.data.mean, let deviation = recipe.data.deviation else {
            throw RunError(
                .data,
                "the encoder's file says no mean and std for its \(options.channels) channels; set recipe.data.mean and "
                    + "recipe.data.deviation")
        }
        let transform = recipe.data.evaluationTransform(
            channels: options.channels, normalization: Normalization(mean: mean, deviation: deviation))
        let (channels, height, width) = transform.shape
        var numbers = [Float](repeating: 0, count: channels * height * width)
        numbers.withUnsafeMutableBufferPointer { transform.write(image, random: recipe.initialValues, into: $0) }
        let extractor = try FeatureExtractor(encoder, parameters, engine: engine)
        return extractor.features(of: Tensor(numbers, [1, channels, height, width])).array
    }

    /// The feature of a picture file, read as the encoder's recipe reads pictures.
    public func features(ofFile path: String, engine: Engine) throws -> [Float] {
        try features(of: try recipe.data.decoder.decode(file: path).image, engine: engine)
    }
}
