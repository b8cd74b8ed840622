import Autodiff
import RandomStreams
public import RecipeSchema
import VisionTransformers

/// How the tokens of a head attend.
public enum HeadAttention: String, RecipeEnum {
    /// One query for all.
    case cross
    /// Every token is a query.
    case `self`
}

/// DMT-JEPA's aggregation head: two blocks whose attention has one query, and a norm.
///
/// On the context side it stands between encoder and predictor. On the target side, run on a moving average of its parameters,
/// it makes one vector of the neighbours of each cell. It has the encoder's width and heads, biases everywhere and four times
/// the width inside (arXiv 2405.17995; `local_agg_head.py`).
struct DMTJEPAHead: Sendable {
    private let blocks: [Block]
    private let norm: NormParameters

    /// A head for tokens of a width, added to `store` below `local_agg_head.`.
    init(width: Int, heads: Int, adding store: inout ParameterStore, random: RandomStream) {
        blocks = (0..<2).map { Block("local_agg_head.cls_blocks.\($0)", width, heads, adding: &store, random) }
        norm = NormParameters("local_agg_head.norm", width, &store)
    }

    private struct Block: Sendable {
        private let heads: Int
        private let norm1: NormParameters
        private let queries: LinearParameters
        private let keys: LinearParameters
        private let values: LinearParameters
        private let projection: LinearParameters
        private let norm2: NormParameters
        private let fc1: LinearParameters
        private let fc2: LinearParameters

        init(
            _ name: String, _ width: Int, _ heads: Int, adding store: inout ParameterStore, _ random: RandomStream
        ) {
            self.heads = heads
            let law = Initialization.ijepa(rescalesBranches: false).linear
            func linear(_ part: String, _ inputs: Int, _ outputs: Int, _ store: inout ParameterStore)
                -> LinearParameters
            {
                LinearParameters("\(name).\(part)", inputs, outputs, weight: law, &store, random)
            }
            norm1 = NormParameters("\(name).norm1", width, &store)
            queries = linear("attn.q", width, width, &store)
            keys = linear("attn.k", width, width, &store)
            values = linear("attn.v", width, width, &store)
            projection = linear("attn.proj", width, width, &store)
            norm2 = NormParameters("\(name).norm2", width, &store)
            fc1 = linear("mlp.fc1", width, 4 * width, &store)
            fc2 = linear("mlp.fc2", 4 * width, width, &store)
        }

        /// Tokens as attention reads them, normed.
        func normed(_ x: Variable, _ store: ParameterStore, _ tape: inout Tape) -> Variable { norm1(x, store, &tape) }

        /// Keys and values side by side, `[B, T, 2·D]`, of normed tokens `[B, T, D]`.
        func keysAndValues(_ tokens: Variable, _ store: ParameterStore, _ tape: inout Tape) -> Variable {
            let (batch, count, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[2])
            let apart: Shape = [batch * count, 1, width]
            let k = keys(tokens, store, &tape).reshaped(apart)
            let v = values(tokens, store, &tape).reshaped(apart)
            return tape.concatRows([k, v]).reshaped([batch, count, 2 * width])
        }

        /// Attention of normed query tokens over keys and values, projected.
        func attention(
            of tokens: Variable, over kv: Variable, _ store: ParameterStore, then epilogue: Epilogue = .none,
            _ tape: inout Tape
        ) -> Variable {
            let mixed = tape.crossAttention(q: queries(tokens, store, &tape), kv: kv, heads: heads)
            return projection(mixed, store, then: epilogue, &tape)
        }

        /// The second half of a block, with its residual.
        func perceptron(_ x: Variable, _ store: ParameterStore, _ tape: inout Tape) -> Variable {
            let hidden = fc1(norm2(x, store, &tape), store, then: .gelu, &tape)
            return fc2(hidden, store, then: .residual(x), &tape)
        }
    }

    /// The context side, `[R, T, D]` to `[R, T, D]`: in each block one vector, attended to by the mean of the tokens over itself
    /// and all of them, is added to every token; or the tokens attend to each other.
    func context(
        _ tokens: Variable, _ attention: HeadAttention, _ store: ParameterStore, on tape: inout Tape
    ) -> Variable {
        let (rows, count, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[2])
        var x = tokens
        for block in blocks {
            switch attention {
            case .cross:
                let mean = tape.meanRows(x).reshaped([rows, 1, width])
                let normed = block.normed(tape.concatRows([mean, x]), store, &tape)
                let kv = block.keysAndValues(normed, store, &tape)
                let common = block.attention(of: tape.sliceRows(normed, 0..<1), over: kv, store, &tape)
                let everywhere = RowIndices([Int32](repeating: 0, count: rows * count), batch: rows, count: count)
                x = tape.add(x, tape.gatherRows(common, everywhere))
            case .self:
                let normed = block.normed(x, store, &tape)
                let kv = block.keysAndValues(normed, store, &tape)
                x = block.attention(of: normed, over: kv, store, then: .residual(x), &tape)
            }
            x = block.perceptron(x, store, &tape)
        }
        return norm(x, store, &tape)
    }

    /// The target side, without a tape: for each cell the vector that a query makes of the cell's neighbours, `[B, N, D]`.
    ///
    /// `features` `[B, N, D]` are never changed. The query of row ρ = image · N + cell starts as the mean cell of image
    /// `query(ρ)` and attends to itself and the neighbours.
    func aggregated(
        _ features: Tensor, _ neighbours: ChosenNeighbours, query: (_ row: Int) -> Int, _ store: ParameterStore,
        engine: Engine
    ) -> Tensor {
        let (images, cells, width) = (features.shape[0], features.shape[1], features.shape[2])
        var tape = Tape(engine: engine, recording: false)
        let all = tape.constant(features)
        let means = tape.meanRows(all)
        // Keys and values of a cell are the same in every neighbourhood that it is in: made once, then picked.
        let tables = blocks.map { block in
            block.keysAndValues(block.normed(all, store, &tape), store, &tape).reshaped([images * cells, 2 * width])
        }
        var places = [Int32](repeating: 0, count: images * cells)
        var made: [Variable] = []
        var count: Int32 = 0
        for (number, rows) in neighbours.groups {
            let picked = RowIndices(
                rows.flatMap { row in neighbours.rows[row].map { $0.cell + Int32(row / cells * cells) } },
                batch: rows.count, count: number)
            let starts = RowIndices(rows.map { Int32(query($0)) }, batch: rows.count, count: 1)
            var c = tape.gatherRows(means, starts)
            for (block, table) in zip(blocks, tables) {
                let normed = block.normed(c, store, &tape)
                let own = block.keysAndValues(normed, store, &tape)
                let kv = tape.concatRows([own, tape.gatherRows(table, picked)])
                c = block.attention(of: normed, over: kv, store, then: .residual(c), &tape)
                c = block.perceptron(c, store, &tape)
            }
            made.append(norm(c, store, &tape).reshaped([1, rows.count, width]))
            for row in rows {
                places[row] = count
                count += 1
            }
        }
        let rows = tape.concatRows(made).reshaped([images * cells, width])
        return tape.gatherRows(rows, RowIndices(places, batch: images, count: cells)).value
    }

    /// The mean of the last norm's gains without their signs: near 0 the targets are shrinking, which makes any loss small.
    func gain(_ store: ParameterStore) -> Double {
        let values = store[norm.weight].array
        return values.reduce(0) { $0 + Double(abs($1)) } / Double(values.count)
    }
}
