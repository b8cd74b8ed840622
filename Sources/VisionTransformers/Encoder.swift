public import Autodiff
public import ImageMasking
public import RandomStreams

/// A vision transformer encoder: patch embedding, positions, blocks, final norm.
///
/// It holds the numbers of its parameters, not the parameters: the same encoder runs on the trained store, on a teacher's or
/// on one read from a file. Names and layouts are timm's.
public struct Encoder: Sendable {
    /// Its options.
    public let options: EncoderOptions
    /// The grid of the images it was made for.
    public let grid: PatchGrid
    /// Tokens in front of the patches: 1 with a class token, else 0.
    public let prefix: Int

    private let patchWeight: ParameterID
    private let patchBias: ParameterID
    private let classToken: ParameterID?
    private let positions: Positions
    private let blocks: [TransformerBlock]
    private let norm: NormParameters?

    private enum Positions: Sendable {
        case fixed(Tensor)
        case learned(ParameterID)
    }

    /// Values of one pass, `[B, prefix + K, D]` each.
    public struct Output {
        /// The output of the last block.
        public var beforeNorm: Variable
        /// After the final norm; the same as before it for an encoder without one.
        public var normed: Variable
    }

    /// An encoder for images of a grid, initialised as the official MAE and added to `store`.
    ///
    /// Patch embedding: Xavier uniform as a D × (C·p·p) matrix, bias uniform in ±1/√(C·p·p). Class token and learned positions:
    /// normal, deviation 0.02. Fine-tuned encoders have no final norm: their head brings its own.
    public init(
        _ options: EncoderOptions, grid: PatchGrid, hasFinalNorm: Bool = true, adding store: inout ParameterStore,
        random: RandomStream
    ) {
        self.options = options
        self.grid = grid
        prefix = options.classToken ? 1 : 0
        let width = options.width
        let patchNumbers = options.channels * options.patchSize * options.patchSize
        func normal(_ name: String, _ shape: Shape) -> ParameterID {
            let values = Initializers.normal(
                count: shape.elementCount, standardDeviation: 0.02, random: random.child(name))
            return store.add(name, shape, values)
        }
        classToken = options.classToken ? normal("cls_token", [1, 1, width]) : nil
        switch options.position {
        case .learned: positions = .learned(normal("pos_embed", [1, prefix + grid.count, width]))
        case .sincos:
            let table = PositionTable.sincos(
                grid: grid, width: width, order: options.positionOrder, prefix: prefix)
            positions = .fixed(Tensor(table, [prefix + grid.count, width]))
        }
        patchWeight = store.add(
            "patch_embed.proj.weight", [width, options.channels, options.patchSize, options.patchSize],
            Initializers.xavierUniform(
                count: width * patchNumbers, fanIn: patchNumbers, fanOut: width,
                random: random.child("patch_embed.proj.weight")))
        patchBias = store.add(
            "patch_embed.proj.bias", [width],
            Initializers.uniform(
                count: width, bound: 1 / Double(patchNumbers).squareRoot(),
                random: random.child("patch_embed.proj.bias")))
        blocks = (0..<options.depth).map { index in
            TransformerBlock(
                "blocks.\(index)", width: width, heads: options.heads, hidden: options.hiddenWidth, adding: &store,
                random: random)
        }
        norm = hasFinalNorm ? NormParameters("norm", width, &store) : nil
    }

    /// The position table, `[prefix + grid.count, D]`.
    public func positionTable(_ store: ParameterStore) -> Tensor {
        switch positions {
        case .fixed(let table): table
        case .learned(let id): store[id].reshaped([prefix + grid.count, options.width])
        }
    }

    /// Encodes images `[B, C, H, W]`: all patches in raster order, or those of `visible` in its order.
    ///
    /// `layer` stops after that many blocks; the final norm follows all the same.
    public func callAsFunction(
        _ images: Tensor, visible: RowIndices? = nil, _ store: ParameterStore, drop: [BranchFactors]? = nil,
        layer: Int? = nil, on tape: inout Tape, trace: ForwardTrace? = nil
    ) -> Output {
        var x = embedded(images, visible, store, &tape)
        if let trace {
            trace.record("act/pos_embed", positionTable(store))
            trace.record("act/patch_embed", patchEmbedding(of: images, store, engine: tape.engine))
            trace.record("act/encoder_input", x.value)
        }
        for (index, block) in blocks.prefix(layer ?? blocks.count).enumerated() {
            x = block(x, store, drop: drop?[index], on: &tape)
            trace?.record("act/block_\(index)", x.value)
        }
        let normed = norm?(x, store, &tape) ?? x
        trace?.record("act/encoder_output", normed.value)
        return Output(beforeNorm: x, normed: normed)
    }

    /// Patch embeddings with their positions, behind the class token.
    private func embedded(
        _ images: Tensor, _ visible: RowIndices?, _ store: ParameterStore, _ tape: inout Tape
    ) -> Variable {
        let width = options.width
        let table: Variable
        switch positions {
        case .fixed(let fixed): table = tape.constant(fixed.reshaped([1, prefix + grid.count, width]))
        case .learned(let id): table = tape.parameter(id, of: store)
        }
        let patchPositions = tape.sliceRows(table, prefix..<prefix + grid.count).reshaped([grid.count, width])
        // Only the patches that are seen are embedded; their positions are added as the product's residual.
        let patches = tape.patchify(
            tape.constant(images), patch: PatchSize(options.patchSize), order: .channelsFirst, of: visible)
        let seen = visible ?? allPatches(images.shape[0])
        let located = tape.gatherRows(patchPositions, seen)
        let weight = tape.parameter(patchWeight, of: store)
        let bias = tape.parameter(patchBias, of: store)
        let x = tape.linear(patches, weight: weight, bias: bias, then: .residual(located))
        guard let classToken else { return x }
        let first = tape.sliceRows(table, 0..<1)
        let token = tape.add(tape.parameter(classToken, of: store), first)
        return tape.prependRows(x, rows: token.reshaped([1, width]))
    }

    /// Every patch of every image, in raster order.
    private func allPatches(_ images: Int) -> RowIndices {
        RowIndices([[Int32]](repeating: Array(0..<Int32(grid.count)), count: images))
    }

    /// The embedding of every patch before positions are added, `[B, L, D]`; for traces.
    private func patchEmbedding(of images: Tensor, _ store: ParameterStore, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let patches = tape.patchify(
            tape.constant(images), patch: PatchSize(options.patchSize), order: .channelsFirst)
        let weight = tape.parameter(patchWeight, of: store)
        let bias = tape.parameter(patchBias, of: store)
        return tape.linear(patches, weight: weight, bias: bias).value
    }
}

extension Encoder {
    /// The names of the encoder's own parameters in a store that may hold a decoder too, in the store's order.
    public func parameterNames(in store: ParameterStore) -> [String] {
        store.entries.map(\.name).filter { name in
            ["cls_token", "pos_embed"].contains(name)
                || ["patch_embed.", "blocks.", "norm."].contains { name.hasPrefix($0) }
        }
    }
}
