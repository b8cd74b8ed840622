#if Commands
import Autodiff
import Evaluation
import ImageData
import Pretraining
import VisionTransformers

/// The pictures of a part and their features, as `explore` and `atlas` look at them.
struct ExploredPictures {
    let source: any ImageSource
    let engine: Engine
    /// Features with the digests of the pictures.
    let table: FeatureTable
    /// What tells pictures that are the same.
    var digests: [String] { table.digests ?? table.keys.indices.map { "\($0)" } }

    /// Opens the source and computes the features; how many pictures may be explored is known before, by `require` too.
    init(
        _ subject: EvaluatedEncoder, _ part: DatasetPart, _ input: FeatureInput, cache: FeatureCache?,
        require: (Int) throws -> Void = { _ in }
    ) throws {
        let source = try DataAccess.source(subject.recipe.data.forEvaluation, part)
        let engine = try Machine.engine(threads: input.threads)
        try orData {
            try require(source.count)
            try Exploration.require(
                source.count, dimension: subject.encoder.options.width, memoryLimit: engine.memoryLimit)
        }
        table = try input.digestedTable(subject, source, part, cache: cache, on: engine)
        (self.source, self.engine) = (source, engine)
    }
}

extension RunFolder {
    /// Where features of the run are kept; nil where there is no run.
    var featureCache: FeatureCache? { exists ? FeatureCache(features) : nil }
}
#endif
