public import Autodiff
public import ImageData
public import ImageMasking
import VisionTransformers

/// One feature for each patch of a picture: a token of a frozen encoder, or the patch's own numbers.
public struct PatchFeatures {
    /// How pictures are made ready.
    public let transform: EvaluationTransform
    /// The patches of a picture.
    public let grid: PatchGrid
    /// Numbers of a feature.
    public let dimension: Int
    /// What the features are, for files and rows.
    public let provenance: [String: String]
    private let engine: Engine
    private let make: (_ images: [Float], _ count: Int) -> [Float]

    /// Patch tokens after `layer` blocks (nil: all) and the final norm.
    public init(_ frozen: ProbeSubject.FrozenEncoder, layer: Int? = nil, engine: Engine) throws {
        let (encoder, parameters, shape) = (frozen.encoder, frozen.parameters, frozen.evaluation.shape)
        let depth = encoder.options.depth
        if let layer, !(1...depth).contains(layer) {
            throw EvaluationError("layer \(layer) was asked for; this encoder has the layers 1 to \(depth)")
        }
        transform = frozen.evaluation
        grid = encoder.grid
        dimension = encoder.options.width
        provenance = ["tokens": "patch", "layer": "\(layer ?? depth) of \(depth), after the final norm"]
        self.engine = engine
        make = { images, count in
            var tape = Tape(engine: engine, recording: false)
            let run = encoder(
                Tensor(images, [count, shape.channels, shape.height, shape.width]), parameters, layer: layer, on: &tape)
            return tape.sliceRows(run.normed, encoder.prefix..<run.normed.shape[1]).value.array
        }
    }

    /// The baseline *raw pixels*: the normalised numbers of each patch of a side, channel by channel; patches of more numbers than
    /// `SourceFeatures.mostNumbers` are shrunk by averaging areas.
    public init(pixelsOf transform: EvaluationTransform, patchSize: Int, engine: Engine) {
        let (channels, height, width) = transform.shape
        let (rows, columns) = (max(1, height / patchSize), max(1, width / patchSize))
        let side = min(patchSize, height, width)
        let most = (Double(SourceFeatures.mostNumbers) / Double(channels)).squareRoot()
        let small = max(1, min(side, Int(most)))
        self.transform = transform
        self.engine = engine
        grid = PatchGrid(rows: rows, columns: columns)
        dimension = channels * small * small
        let dimension = dimension
        provenance = [
            "features": "raw-pixels", "tokens": "patch", "size": "\(small)x\(small)", "channels": "\(channels)",
        ]
        make = { images, count in
            var features = [Float](repeating: 0, count: count * rows * columns * dimension)
            let patches = rows * columns
            features.withUnsafeMutableBufferPointer { features in
                let (all, out) = (images, features)
                engine.forEach(count * patches) { task in
                    let (image, patch) = (task / patches, task % patches)
                    let (top, left) = (patch / columns * side, patch % columns * side)
                    var numbers: [Float] = []
                    numbers.reserveCapacity(channels * side * side)
                    for channel in 0..<channels {
                        for row in top..<(top + side) {
                            let start = ((image * channels + channel) * height + row) * width + left
                            numbers += all[start..<(start + side)]
                        }
                    }
                    if small < side {
                        numbers = (0..<channels).flatMap { channel in
                            let plane = numbers[(channel * side * side)..<((channel + 1) * side * side)]
                            let picture = DecodedImage(
                                height: side, width: side, channels: 1, samples: .float32(Array(plane)))
                            return Resampling.resize(picture, height: small, width: small, filter: .box).unitSamples()
                        }
                    }
                    for (place, number) in numbers.enumerated() { out[task * dimension + place] = number }
                }
            }
            return features
        }
    }

    /// The features of the pictures of a batch, `[pictures, patches, dimension]`.
    public func features(of batch: EvaluationBatch) -> [Float] {
        batch.samples.isEmpty ? [] : make(batch.images, batch.samples.count)
    }
}
