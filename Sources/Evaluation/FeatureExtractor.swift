public import Autodiff
public import ImageData
import ImageMasking
public import ProcessGroups
import RecipeSchema
public import VisionTransformers

/// How the tokens of an image become one feature vector.
public enum Pooling: String, Sendable, CaseIterable {
    /// The mean of the patch tokens.
    case mean
    /// The class token.
    case `class`
    /// The means of the patch tokens of the last four layers side by side, each after the final norm, earliest first (I-JEPA).
    case lastFour = "last-four"
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
        if pooling == .class && !encoder.options.classToken {
            throw EvaluationError("this encoder has no class token (model.class_token is false); use mean pooling")
        }
        if let layer, !(1...depth).contains(layer) {
            throw EvaluationError("layer \(layer) was asked for; this encoder has the layers 1 to \(depth)")
        }
        if pooling == .lastFour && (layer ?? depth) < 4 {
            throw EvaluationError(
                "last-four pooling needs four layers; \(layer ?? depth) were asked for of an encoder of \(depth)")
        }
        self.encoder = encoder
        self.parameters = parameters
        self.pooling = pooling
        self.layer = layer ?? depth
        self.engine = engine
    }

    /// The features of every picture of a source, `[count, dimension]`; with the policy `skip` of every readable one. `onProgress`
    /// is told how many pictures are done; when it throws, that is the end. The processes of a group, which call this alike, share the
    /// work, and each gets the whole table.
    public func table(
        of source: any ImageSource, _ transform: EvaluationTransform, requiresLabels: Bool, loaderThreads: Int = 2,
        policy: EvaluationLoader.Policy = .strict, batch: Int = 250, sharedBy group: ProcessGroup = .alone,
        onProgress: (Int) throws -> Void = { _ in }
    ) throws -> FeatureTable {
        let batches = SharedBatches(
            source, transform, batchSize: batch, threads: loaderThreads, requiresLabels: requiresLabels, policy: policy,
            sharedBy: group)
        var values: [Float] = []
        var rows = SourceRows(source)
        try group.together {
            try requireMemory(rows: source.count, dimension: dimension, limit: engine.memoryLimit)
        }
        values.reserveCapacity(source.count * dimension)
        try batches.forEach(make: features) {
            values += $1
            rows.add($0)
            try onProgress(rows.seen)
        }
        return rows.table(values, dimension: dimension, provenance: provenance)
    }

    /// What the features are, for files and rows.
    public var provenance: [String: String] {
        ["pooling": pooling.rawValue, "layer": "\(layer) of \(encoder.options.depth), after the final norm"]
    }

    /// Numbers of a feature.
    public var dimension: Int { encoder.options.width * (pooling == .lastFour ? 4 : 1) }

    private func features(of batch: EvaluationBatch) -> [Float] {
        features(of: Tensor(batch.images, Shape(batch.shape))).array
    }

    /// The features of normalised images `[B, C, H, W]`, `[B, dimension]`.
    public func features(of images: Tensor) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let run = encoder(
            images, parameters, layer: layer, keeping: pooling == .lastFour ? .layers : [], on: &tape)
        let shape: Shape = [images.shape[0], dimension]
        switch pooling {
        case .mean: return tape.meanRows(run.normed, from: encoder.prefix).value
        case .class: return tape.sliceRows(run.normed, 0..<1).value.reshaped(shape)
        case .lastFour:
            var means: [Variable] = []
            for tokens in run.layers.suffix(4) {
                let normed = encoder.normalized(tokens, parameters, on: &tape)
                let mean = tape.meanRows(normed, from: encoder.prefix)
                means.append(mean.reshaped([shape[0], 1, encoder.options.width]))
            }
            return tape.concatRows(means).value.reshaped(shape)
        }
    }
}
