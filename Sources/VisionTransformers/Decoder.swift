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
    private let blocks: TransformerStack
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
    ///
    /// Its blocks have the encoder's biases, perceptron ratio and initial values, but no layer scale.
    public init(
        _ size: Size, behind encoder: Encoder, outputs: Int, adding store: inout ParameterStore, random: RandomStream
    ) {
        width = size.width
        prefix = encoder.prefix
        let initialization = encoder.traits.initialization
        embed = LinearParameters(
            "decoder_embed", encoder.options.width, size.width, weight: initialization.linear, &store, random)
        let values = initialization.tokens.values(
            size.width, inputs: 1, outputs: size.width, random.child("mask_token"))
        maskToken = store.add("mask_token", [1, 1, size.width], values)
        positions = Tensor(
            PositionTable.sincos(
                grid: encoder.grid, width: size.width, order: encoder.options.positionOrder, prefix: encoder.prefix),
            [encoder.prefix + encoder.grid.count, size.width])
        var options = encoder.options.blocks(width: size.width, heads: size.heads)
        options.layerScale = nil
        blocks = TransformerStack(
            "decoder_blocks", depth: size.depth, options, initialization: initialization, adding: &store,
            random: random)
        norm = NormParameters("decoder_norm", size.width, &store)
        prediction = LinearParameters(
            "decoder_pred", size.width, outputs, weight: initialization.linear, &store, random)
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
        let y = tape.restoreRows(embedded, fill: fill, restore: restore, prefix: prefix, position: table)
        trace?.record("pos_embed", positions)
        trace?.record("input", y.value)
        let decoded = blocks(y, store, on: &tape).tokens
        let patches = tape.sliceRows(norm(decoded, store, &tape), prefix..<prefix + restore.count)
        let predicted = prediction(patches, store, &tape)
        trace?.record("predicted", predicted.value)
        return predicted
    }
}
