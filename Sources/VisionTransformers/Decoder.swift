public import Autodiff
import ImageMasking
public import RandomStreams

/// The light decoder of a masked autoencoder: encoded patches and mask tokens, put back in raster order, to predictions.
///
/// He et al., *Masked Autoencoders Are Scalable Vision Learners*, arXiv 2111.06377. Names are the official ones.
public struct Decoder: Sendable {
    private let width: Int
    private let prefix: Int
    private let embed: LinearParameters
    private let maskToken: ParameterID
    private let positions: Tensor
    private let blocks: [TransformerBlock]
    private let norm: NormParameters
    private let prediction: LinearParameters

    /// Width, depth and heads of a decoder.
    public struct Size: Sendable {
        /// Token width.
        public var width: Int
        /// Transformer blocks.
        public var depth: Int
        /// Attention heads.
        public var heads: Int

        /// A size.
        public init(width: Int, depth: Int, heads: Int) {
            self.width = width
            self.depth = depth
            self.heads = heads
        }
    }

    /// A decoder behind an encoder, predicting `outputs` numbers a patch, added to `store`.
    public init(
        _ size: Size, behind encoder: Encoder, outputs: Int, adding store: inout ParameterStore, random: RandomStream
    ) {
        width = size.width
        prefix = encoder.prefix
        embed = LinearParameters("decoder_embed", encoder.options.width, size.width, &store, random)
        let values = Initializers.normal(
            count: size.width, standardDeviation: 0.02, random: random.child("mask_token"))
        maskToken = store.add("mask_token", [1, 1, size.width], values)
        positions = Tensor(
            PositionTable.sincos(
                grid: encoder.grid, width: size.width, order: encoder.options.positionOrder, prefix: encoder.prefix),
            [encoder.prefix + encoder.grid.count, size.width])
        let hidden = Int(Double(size.width) * encoder.options.mlpRatio)
        blocks = (0..<size.depth).map { index in
            TransformerBlock(
                "decoder_blocks.\(index)", width: size.width, heads: size.heads, hidden: hidden, adding: &store,
                random: random)
        }
        norm = NormParameters("decoder_norm", size.width, &store)
        prediction = LinearParameters("decoder_pred", size.width, outputs, &store, random)
    }

    /// Predictions for all patches in raster order, `[B, L, outputs]`, from encoded tokens `[B, prefix + K, D]`.
    ///
    /// `restore` `[B, L]` gives each patch its place in visible + hidden.
    public func callAsFunction(
        _ tokens: Variable, restore: RowIndices, _ store: ParameterStore, on tape: inout Tape,
        trace: ForwardTrace? = nil
    ) -> Variable {
        let embedded = embed(tokens, store, &tape)
        let fill = tape.parameter(maskToken, of: store).reshaped([width])
        let table = tape.constant(positions)
        var y = tape.restoreRows(embedded, fill: fill, restore: restore, prefix: prefix, position: table)
        trace?.record("act/decoder_pos_embed", positions)
        trace?.record("act/decoder_input", y.value)
        for block in blocks { y = block(y, store, on: &tape) }
        let patches = tape.sliceRows(norm(y, store, &tape), prefix..<prefix + restore.count)
        let predicted = prediction(patches, store, &tape)
        trace?.record("act/pred", predicted.value)
        return predicted
    }
}
