import Autodiff
import ImageMasking
import RandomStreams
import VisionTransformers

/// I-JEPA's predictor: a narrow transformer that gets the tokens of a context and the positions of a target, and predicts the
/// features of the target's cells.
///
/// Names below `predictor.` are the official ones. Its blocks have four times their width inside, whatever the encoder has.
struct IJEPAPredictor: Sendable {
    private let width: Int
    private let embedding: LinearParameters
    private let maskToken: ParameterID
    private let positions: Tensor
    private let blocks: TransformerStack
    private let norm: NormParameters
    private let projection: LinearParameters

    /// A predictor behind an encoder, added to `store`.
    init(
        width: Int, depth: Int, heads: Int, behind encoder: Encoder, adding store: inout ParameterStore,
        random: RandomStream
    ) {
        self.width = width
        let initialization = encoder.traits.initialization
        let outer = encoder.options.width
        embedding = LinearParameters(
            "predictor.predictor_embed", outer, width, weight: initialization.linear, &store, random)
        maskToken = store.add(
            "predictor.mask_token", [1, 1, width],
            initialization.tokens.values(width, inputs: 1, outputs: width, random.child("predictor.mask_token")))
        positions = Tensor(
            PositionTable.sincos(grid: encoder.grid, width: width, order: .columnFirst, prefix: 0),
            [encoder.grid.count, width])
        var options = BlockOptions(width: width, heads: heads, hidden: 4 * width)
        options.qkvBias = encoder.options.qkvBias
        blocks = TransformerStack(
            "predictor_blocks", of: "predictor.", depth: depth, options, initialization: initialization, adding: &store,
            random: random)
        norm = NormParameters("predictor.predictor_norm", width, &store)
        projection = LinearParameters(
            "predictor.predictor_proj", width, outer, weight: initialization.linear, &store, random)
    }

    /// Predictions for every pair of a target and a context, `[nP·nE·B, Kt, D]`, from context tokens `[nE·B, Kc, D]`.
    ///
    /// Each pair is a sequence of its own, so targets never see each other.
    func callAsFunction(
        _ tokens: Variable, _ mask: BlockMask, _ store: ParameterStore, on tape: inout Tape,
        trace: ForwardTrace? = nil
    ) -> Variable {
        let (rows, seen, asked) = (tokens.shape[0], mask.contextLength, mask.targetLength)
        let table = tape.constant(positions)
        let located = tape.gatherRows(table, mask.contextRows)
        let context = embedding(tokens, store, then: .residual(located), &tape)
        let flat = context.reshaped([1, rows * seen, width])
        let pairs = mask.targets.count * rows
        let contexts = tape.concatRows([Variable](repeating: flat, count: mask.targets.count))
            .reshaped([pairs, seen, width])
        let places = tape.gatherRows(table, mask.pairRows())
        let queries = tape.add(places, tape.parameter(maskToken, of: store).reshaped([width]))
        let sequence = tape.concatRows([contexts, queries])
        let run = blocks(sequence, store, keeping: trace == nil ? [] : .layers, on: &tape)
        let answers = norm(tape.sliceRows(run.tokens, seen..<seen + asked), store, &tape)
        let predicted = projection(answers, store, &tape)
        if let trace {
            trace.record("input", sequence.value)
            for (index, layer) in run.layers.enumerated() { trace.record("block_\(index)", layer.value) }
            trace.record("output", predicted.value)
        }
        return predicted
    }
}
