import Autodiff
import ImageMasking
import RandomStreams
import VisionTransformers

/// From encoded tokens to pixels: one linear layer (`decoder.0`), or a transformer in front of it (`decoder.…`).
///
/// The linear layers keep PyTorch's own initial values, the transformer's blocks have the encoder's options and initial values.
struct MFMHead: Sendable {
    private let prefix: Int
    private let patches: Int
    private let transformer: Transformer?
    private let pixels: PixelProjection

    private struct Transformer: Sendable {
        var embed: LinearParameters
        var positions: Positions
        var blocks: TransformerStack
        var norm: NormParameters
    }

    private enum Positions: Sendable {
        case fixed(Tensor)
        case learned(ParameterID)
    }

    init(_ options: MFMOptions, behind encoder: Encoder, adding store: inout ParameterStore, random: RandomStream) {
        prefix = encoder.prefix
        patches = encoder.grid.count
        let model = encoder.options
        let width = options.decoderDepth > 0 ? options.decoderWidth : model.width
        let outputs = model.channels * model.patchSize * model.patchSize
        transformer =
            options.decoderDepth > 0
            ? Self.transformer(options, behind: encoder, adding: &store, random: random) : nil
        pixels = PixelProjection(
            options.decoderDepth > 0 ? "decoder.pred.0" : "decoder.0", width: width, outputs: outputs, adding: &store,
            random: random)
    }

    private static func transformer(
        _ options: MFMOptions, behind encoder: Encoder, adding store: inout ParameterStore, random: RandomStream
    ) -> Transformer {
        let model = encoder.options
        let width = options.decoderWidth
        let initialization = encoder.traits.initialization
        let embed = LinearParameters(
            "decoder.embed", model.width, width, weight: .inputUniform, bias: .inputUniform, &store, random)
        let shape: Shape = [1, encoder.prefix + encoder.grid.count, width]
        let positions: Positions
        switch model.position {
        case .sincos:
            let table = PositionTable.sincos(
                grid: encoder.grid, width: width, order: model.positionOrder, prefix: encoder.prefix)
            positions = .fixed(Tensor(table, shape))
        case .learned, .none, .rope:
            let values = initialization.tokens.values(
                shape.elementCount, inputs: 1, outputs: width, random.child("decoder.pos_embed"))
            positions = .learned(store.add("decoder.pos_embed", shape, values))
        }
        let blocks = TransformerStack(
            of: "decoder.", depth: options.decoderDepth,
            model.blocks(width: width, heads: options.decoderHeads),
            relativePositions: RelativePositions(
                model.relativePositionBias, grid: encoder.grid, hasClassToken: model.classToken),
            initialization: initialization, adding: &store, random: random)
        let norm = NormParameters("decoder.norm", width, &store)
        return Transformer(embed: embed, positions: positions, blocks: blocks, norm: norm)
    }

    /// Predicted numbers of all patches, `[B, L, C·p·p]`, from encoded tokens `[B, prefix + L, D]`.
    func callAsFunction(_ tokens: Variable, _ store: ParameterStore, on tape: inout Tape) -> Variable {
        var x = tokens
        if let transformer {
            let table: Variable
            switch transformer.positions {
            case .fixed(let fixed): table = tape.constant(fixed)
            case .learned(let id): table = tape.parameter(id, of: store)
            }
            x = tape.add(transformer.embed(x, store, &tape), table)
            x = transformer.norm(transformer.blocks(x, store, on: &tape).tokens, store, &tape)
        }
        return pixels(tape.sliceRows(x, prefix..<prefix + patches), store, on: &tape)
    }
}
