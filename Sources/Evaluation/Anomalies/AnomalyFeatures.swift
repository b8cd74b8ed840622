package import Autodiff
package import ImageData
import VisionTransformers

/// Reads pictures once for anomaly scores: a mean feature a block, and their patch tokens batch by batch.
package struct AnomalyFeatures {
    private let tokens: BlockTokens
    private let transform: EvaluationTransform
    private let policy: EvaluationLoader.Policy
    private let reach: Int
    private let engine: Engine

    /// Tokens of some blocks, averaged with those at most `reach` cells away.
    package init(
        _ tokens: BlockTokens, _ transform: EvaluationTransform, policy: EvaluationLoader.Policy, reach: Int,
        on engine: Engine
    ) {
        self.tokens = tokens
        self.transform = transform
        self.policy = policy
        self.reach = reach
        self.engine = engine
    }

    /// Numbers of the token of a patch: those of all blocks side by side.
    package var tokenWidth: Int { tokens.width * tokens.layers.count }
    /// Rows and columns of patches.
    package var grid: (rows: Int, columns: Int) { tokens.grid }

    /// The means of the patch tokens of each block side by side, with digests of the pictures. `patches` is handed the averaged tokens
    /// `[B, N, tokenWidth]` of the pictures from a row on. Throws where a feature is not finite.
    package func table(
        of source: any ImageSource, onProgress: (Int) -> Void, patches: (_ tokens: [Float], _ firstRow: Int) -> Void
    ) throws -> FeatureTable {
        let digesting = DigestingSource(source)
        let loader = EvaluationLoader(
            source: digesting, transform: transform, batchSize: 64, threads: 2, requiresLabels: false, policy: policy)
        try requireMemory(rows: source.count, dimension: tokenWidth, limit: engine.memoryLimit)
        var values: [Float] = []
        var digests: [String] = []
        var rows = SourceRows(digesting)
        while let batch = try loader.next() {
            rows.add(batch.rows)
            onProgress(rows.seen)
            guard !batch.samples.isEmpty else { continue }
            let layers = tokens(Tensor(batch.images, Shape(batch.shape)))
            let means = self.means(layers)
            guard means.allSatisfy(\.isFinite) else {
                throw EvaluationError(
                    "the features of pictures from \(source.key(batch.samples[0])) on are not finite, so this encoder is of no use"
                )
            }
            patches(sideBySide(layers), values.count / tokenWidth)
            values += means
            digests += batch.samples.map { digesting.digest($0) ?? "" }
        }
        var table = rows.table(
            values, dimension: tokenWidth,
            provenance: ["layers": tokens.layers.map { "\($0)" }.joined(separator: ",")])
        table.digests = digests
        return table
    }

    /// The means over patches, blocks side by side, `[B, tokenWidth]`.
    private func means(_ layers: [Tensor]) -> [Float] {
        var tape = Tape(engine: engine, recording: false)
        let means = layers.map { tape.meanRows(tape.constant($0)).value.array }
        let (width, count) = (tokens.width, layers[0].shape[0])
        return (0..<count).flatMap { picture in
            means.flatMap { $0[picture * width..<(picture + 1) * width] }
        }
    }

    /// The tokens of all blocks side by side, averaged over neighbours.
    private func sideBySide(_ layers: [Tensor]) -> [Float] {
        let width = tokens.width
        var joined = layers[0].array
        if layers.count > 1 {
            let arrays = layers.map(\.array)
            joined = (0..<joined.count / width).flatMap { token in
                arrays.flatMap { $0[token * width..<(token + 1) * width] }
            }
        }
        return PatchMemory.averaged(
            joined, rows: grid.rows, columns: grid.columns, width: tokenWidth, reach: reach, on: engine)
    }
}
