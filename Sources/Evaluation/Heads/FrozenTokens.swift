public import Autodiff
import ImageMasking
import VisionTransformers

/// Tokens of the last blocks of a frozen encoder after the final norm, and what heads take of them.
public struct FrozenTokens {
    /// What a head takes.
    public enum Part: Hashable, Sendable {
        /// Class tokens of the last blocks side by side, oldest first; then the mean patch token of the last block where asked.
        case classTokens(blocks: Int, appendsMean: Bool)
        /// Mean patch tokens of the last blocks side by side, oldest first.
        case means(blocks: Int)
        /// The patch tokens of the last block, `[B, N, D]`.
        case patches
        /// All tokens of the last block, class token and registers in front, `[B, T, D]`.
        case all

        /// The last blocks that are looked at.
        var blocks: Int {
            switch self {
            case .classTokens(let blocks, _), .means(let blocks): blocks
            case .patches, .all: 1
            }
        }
    }

    /// Tokens of the last blocks, `[B, T, D]` each, oldest first.
    private let layers: [Tensor]
    /// Tokens in front of the patches.
    private let prefix: Int

    /// Tokens `[B, T, D]` of some blocks, oldest first, with so many tokens in front of the patches.
    public init(_ layers: [Tensor], prefix: Int) {
        self.layers = layers
        self.prefix = prefix
    }

    /// What an encoder makes of images `[B, C, H, W]` in its last `blocks` blocks.
    init(_ images: Tensor, _ frozen: ProbeSubject.FrozenEncoder, blocks: Int, engine: Engine) {
        var tape = Tape(engine: engine, recording: false)
        let (encoder, parameters) = (frozen.encoder, frozen.parameters)
        let run = encoder(images, parameters, keeping: blocks > 1 ? .layers : [], on: &tape)
        let earlier = run.layers.dropLast().suffix(blocks - 1).map {
            encoder.normalized($0, parameters, on: &tape).value
        }
        self.init(earlier + [run.normed.value], prefix: encoder.prefix)
    }

    /// A part: `[B, features]`, or tokens.
    public func callAsFunction(_ part: Part, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let last = tape.constant(layers[layers.count - 1])
        switch part {
        case .all: return last.value
        case .patches: return tape.sliceRows(last, prefix..<last.shape[1]).value
        case .means(let blocks):
            let means = layers.suffix(blocks).map { tape.meanRows(tape.constant($0), from: prefix) }
            return joined(means, &tape)
        case .classTokens(let blocks, let appendsMean):
            var parts = layers.suffix(blocks).map { tape.sliceRows(tape.constant($0), 0..<1) }
            if appendsMean { parts.append(tape.meanRows(last, from: prefix)) }
            return joined(parts, &tape)
        }
    }

    /// Vectors `[B, D]` or `[B, 1, D]` side by side.
    private func joined(_ parts: [Variable], _ tape: inout Tape) -> Tensor {
        let (images, width) = (layers[0].shape[0], layers[0].shape[2])
        let rows = parts.map { $0.reshaped([images, 1, width]) }
        return tape.concatRows(rows).value.reshaped([images, parts.count * width])
    }
}
