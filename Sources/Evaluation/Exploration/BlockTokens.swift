package import Autodiff
import ImageMasking
import VisionTransformers

/// Patch tokens of some blocks of a frozen encoder, each after the final norm, as `FeatureExtractor` takes them.
package struct BlockTokens {
    /// The blocks, counted from 1, rising.
    package let layers: [Int]
    /// Rows and columns of the patches.
    package var grid: (rows: Int, columns: Int) { (frozen.encoder.grid.rows, frozen.encoder.grid.columns) }
    /// Numbers of a token of one block.
    package var width: Int { frozen.encoder.options.width }
    private let frozen: ProbeSubject.FrozenEncoder
    private let engine: Engine

    /// The tokens after some blocks; an empty list means the last.
    package init(_ frozen: ProbeSubject.FrozenEncoder, layers: [Int], engine: Engine) throws(EvaluationError) {
        let depth = frozen.encoder.options.depth
        if let wrong = layers.first(where: { !(1...depth).contains($0) }) {
            throw EvaluationError("layer \(wrong) was asked for; this encoder has the layers 1 to \(depth)")
        }
        self.layers = layers.isEmpty ? [depth] : Array(Set(layers)).sorted()
        self.frozen = frozen
        self.engine = engine
    }

    /// The tokens of normalised images `[B, C, H, W]`, `[B, N, width]` a block.
    package func callAsFunction(_ images: Tensor) -> [Tensor] {
        var tape = Tape(engine: engine, recording: false)
        let (encoder, parameters) = (frozen.encoder, frozen.parameters)
        let last = layers[layers.count - 1]
        let run = encoder(
            images, parameters, layer: last, keeping: layers.count > 1 ? .layers : [], on: &tape)
        return layers.map { layer in
            let tokens = layer == last ? run.normed : encoder.normalized(run.layers[layer - 1], parameters, on: &tape)
            return tape.sliceRows(tokens, encoder.prefix..<tokens.shape[1]).value
        }
    }
}
