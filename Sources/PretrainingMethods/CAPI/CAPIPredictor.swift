import Autodiff
import ImageMasking
import RandomStreams
import VisionTransformers

/// CAPI's predictor: equal mask tokens, told apart by their places alone, look at the encoder's tokens, and not at one another.
///
/// Names below `student.backbone.` are the official ones: `mask_token` `[1, W]`, `decoder.blocks.j.…`.
struct CAPIPredictor: Sendable {
    private let maskToken: ParameterID
    private let blocks: [RotaryBlock]
    private let width: Int
    private let heads: Int
    private let pairing: RotaryPairing
    private let encoder: RotaryEncoder
    private let grid: PatchGrid

    init(
        width: Int, depth: Int, heads: Int, behind encoder: Encoder, _ rotary: RotaryEncoder,
        adding store: inout ParameterStore, random: RandomStream
    ) {
        let owner = encoder.traits.owner
        let laws = encoder.traits.initialization
        self.width = width
        self.heads = heads
        self.encoder = rotary
        grid = encoder.grid
        pairing = encoder.options.ropePairing == .axial ? .axial : .mixed
        let name = owner + "mask_token"
        maskToken = store.add(
            name, [1, width], laws.tokens.values(width, inputs: 1, outputs: width, random.child(name)))
        blocks = (0..<depth).map {
            RotaryBlock(
                "\(owner)decoder.blocks.\($0)", width: width, heads: heads, context: encoder.options.width,
                law: laws.linear, adding: &store, random: random)
        }
    }

    /// Predictions of the cells `cells` `[B, M]` from encoded tokens `[B, T, D]` of the patches `seen`, `[B, M, W]`; `depth` stops after
    /// that many blocks.
    func callAsFunction(
        _ tokens: Variable, seen: RowIndices?, at cells: RowIndices, _ store: ParameterStore,
        chosen: [ChosenBranches]? = nil, depth: Int? = nil, on tape: inout Tape, trace: ForwardTrace? = nil
    ) -> Variable {
        let head = width / heads
        let own = (0..<cells.batch).map { image in
            cells[image].map { RotaryPositions.coordinate(of: Int($0), on: grid) }
        }
        var around = RotaryBlock.Surroundings(angles: RotaryAngles(own, head: head), pairing: pairing)
        around.context = (tokens, RotaryAngles(encoder.places(seen), head: head))
        // Every query is the mask token.
        let rows = RowIndices([[Int32]](repeating: [Int32](repeating: 0, count: cells.count), count: cells.batch))
        var x = tape.gatherRows(tape.parameter(maskToken, of: store), rows)
        for (index, block) in blocks.prefix(depth ?? blocks.count).enumerated() {
            let (input, own, surroundings) = (x, chosen?[index], around)
            x = tape.recomputed { block.run(input, surroundings, store, chosen: own, on: &$0).output }
            trace?.record("block_\(index)", x.value)
        }
        let normed = tape.rmsNorm(x, epsilon: RotaryBlock.epsilon)
        trace?.record("out", normed.value)
        return normed
    }
}
