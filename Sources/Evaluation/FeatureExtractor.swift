public import Autodiff
public import ImageData
import ImageMasking
import RecipeSchema
public import VisionTransformers

/// How the tokens of an image become one feature vector.
public enum Pooling: String, Sendable, CaseIterable {
    /// The mean of the patch tokens.
    case mean
    /// The class token.
    case `class`
}

/// Frozen features of a labelled or unlabelled source: unmasked, in evaluation form, in source order.
public struct FeatureExtractor {
    private let encoder: Encoder
    private let parameters: ParameterStore
    private let pooling: Pooling
    private let layer: Int
    private let engine: Engine

    /// An extractor of tokens after `layer` blocks (nil: all) and the final norm.
    public init(
        _ encoder: Encoder, _ parameters: ParameterStore, pooling: Pooling = .mean, layer: Int? = nil, engine: Engine
    ) throws {
        let depth = encoder.options.depth
        if pooling == .class && encoder.prefix == 0 {
            throw EvaluationError("this encoder has no class token (model.class_token is false); use mean pooling")
        }
        if let layer, !(1...depth).contains(layer) {
            throw EvaluationError("layer \(layer) was asked for; this encoder has the layers 1 to \(depth)")
        }
        self.encoder = encoder
        self.parameters = parameters
        self.pooling = pooling
        self.layer = layer ?? depth
        self.engine = engine
    }

    /// The features of every picture of a source, `[count, width]`.
    public func table(
        of source: any ImageSource, _ transform: EvaluationTransform, requiresLabels: Bool, loaderThreads: Int = 2
    ) throws -> FeatureTable {
        let batches = EvaluationLoader(
            source: source, transform: transform, batchSize: 250, threads: loaderThreads, requiresLabels: requiresLabels
        )
        var values: [Float] = []
        var labels: [Int?] = []
        values.reserveCapacity(source.count * encoder.options.width)
        while let batch = try batches.next() {
            values += features(of: batch)
            labels += batch.labels
        }
        let known = labels.compactMap { $0 }
        return FeatureTable(
            features: values, dimension: encoder.options.width, labels: known.count == labels.count ? known : nil,
            classNames: source.labelNames, keys: (0..<source.count).map { source.key($0) }, provenance: provenance)
    }

    /// What the features are, for files and rows.
    public var provenance: [String: String] {
        ["pooling": pooling.rawValue, "layer": "\(layer) of \(encoder.options.depth), after the final norm"]
    }

    private func features(of batch: EvaluationBatch) -> [Float] {
        var tape = Tape(engine: engine, recording: false)
        let images = Tensor(batch.images, Shape(batch.shape))
        let tokens = encoder(images, parameters, layer: layer, on: &tape).normed
        switch pooling {
        case .mean: return tape.meanRows(tokens, from: encoder.prefix).value.array
        case .class: return tape.sliceRows(tokens, 0..<1).value.array
        }
    }
}
