public import Autodiff
public import ImageMasking
public import RandomStreams

/// A vision transformer encoder: patch embedding, positions, blocks, final norm.
///
/// It holds the numbers of its parameters, not the parameters: the same encoder runs on the trained store, on a teacher's or
/// on one read from a file. Names and layouts are timm's, below the owner's prefix; where a recipe asks for more than timm's
/// plain models have, BEiT's.
public struct Encoder: Sendable {
    /// Its options.
    public let options: EncoderOptions
    /// What its method decided.
    public let traits: EncoderTraits
    /// The grid of the images it was made for.
    public private(set) var grid: PatchGrid
    /// Tokens in front of the patches: class token and registers.
    public let prefix: Int
    /// What computes, where positions are rotary: what follows is then empty.
    public let rotary: RotaryEncoder?

    private let patchWeight: ParameterID
    private let patchBias: ParameterID?
    private let classToken: ParameterID?
    private let registers: ParameterID?
    private var positions: Positions
    private let inputNorm: NormParameters?
    private let blocks: TransformerStack
    private let norm: NormParameters?

    private enum Positions: Sendable {
        case fixed(Tensor)
        case learned(ParameterID)
        case none
    }

    /// Values of one pass, `[B, prefix + K, D]` each.
    public struct Output {
        /// The output of the last block.
        public var beforeNorm: Variable
        /// After the final norm; the same as before it for an encoder without one.
        public var normed: Variable
        /// What enters the first block, if it was asked for.
        public var input: Variable?
        /// The outputs of all blocks, if they were asked for.
        public var layers: [Variable] = []
        /// The attention probabilities `[B, heads, T, T]` of the blocks that were asked for, the last one at the end; without
        /// gradient.
        public var attention: [Tensor] = []
        /// The hidden units `[B, T, H]` of all blocks, if they were asked for; without gradient.
        public var hidden: [Tensor] = []
    }

    /// An encoder for images of a grid, added to `store` with initial values drawn as its traits say.
    public init(
        _ options: EncoderOptions, grid: PatchGrid, traits: EncoderTraits = EncoderTraits(),
        adding store: inout ParameterStore, random: RandomStream
    ) {
        self.options = options
        self.traits = traits
        self.grid = grid
        let width = options.width
        let owner = traits.owner
        let initialization = traits.initialization
        func token(_ name: String, _ rows: Int, _ own: InitialLaw? = nil) -> ParameterID {
            let law = own ?? initialization.tokens
            return store.add(
                owner + name, [1, rows, width],
                law.values(rows * width, inputs: 1, outputs: width, random.child(owner + name)))
        }
        let classRows = options.classToken ? 1 : 0
        if options.position == .rope {
            let own = RotaryEncoder(options, grid: grid, traits: traits, adding: &store, random: random)
            rotary = own
            prefix = options.registers ?? 0
            (patchWeight, patchBias) = (own.patchWeight, own.patchBias)
            (classToken, registers, positions) = (nil, nil, .none)
            (inputNorm, norm) = (nil, nil)
            blocks = TransformerStack(depth: 0, options.blocks, adding: &store, random: random)
            return
        }
        rotary = nil
        prefix = classRows + traits.registers
        classToken = options.classToken ? token("cls_token", 1, initialization.classToken) : nil
        registers = traits.registers > 0 ? token("reg_token", traits.registers) : nil
        switch options.position {
        case .learned: positions = .learned(token("pos_embed", classRows + grid.count))
        case .sincos: positions = Self.sines(options, on: grid)
        case .none, .rope: positions = .none
        }
        let numbers = options.channels * options.patchSize * options.patchSize
        func patchValues(_ law: InitialLaw, _ name: String, _ count: Int) -> [Float] {
            law.values(count, inputs: numbers, outputs: width, random.child(name))
        }
        let embedding = owner + "patch_embed.proj"
        patchWeight = store.add(
            "\(embedding).weight", [width, options.channels, options.patchSize, options.patchSize],
            patchValues(initialization.patchWeight, "\(embedding).weight", width * numbers))
        patchBias =
            traits.hasPatchBias
            ? store.add(
                "\(embedding).bias", [width], patchValues(initialization.patchBias, "\(embedding).bias", width)) : nil
        inputNorm =
            traits.hasInputNorm ? NormParameters("\(owner)norm_pre", width, epsilon: traits.epsilon, &store) : nil
        var blockOptions = options.blocks
        blockOptions.activation = traits.activation
        blockOptions.epsilon = traits.epsilon
        blocks = TransformerStack(
            of: owner, depth: options.depth, blockOptions,
            relativePositions: RelativePositions(
                options.relativePositionBias, grid: grid, hasClassToken: options.classToken),
            initialization: initialization, adding: &store, random: random)
        norm =
            traits.finalNorm == .trained
            ? NormParameters("\(owner)norm", width, epsilon: traits.epsilon, &store) : nil
    }

    /// The same encoder, with the same parameters, for images of another grid: their sines and cosines are counted from its first
    /// cell. What is learnt of a grid, positions or relative positions, is of that grid alone.
    public func on(_ grid: PatchGrid) -> Encoder {
        guard grid != self.grid else { return self }
        precondition(
            options.position == .sincos && options.relativePositionBias == .none,
            "learnt positions of \(self.grid) patches for \(grid)")
        var other = self
        other.grid = grid
        other.positions = Self.sines(options, on: grid)
        return other
    }

    /// The fixed table of a grid, with a row of zeros for the class token.
    private static func sines(_ options: EncoderOptions, on grid: PatchGrid) -> Positions {
        let prefix = options.classToken ? 1 : 0
        let table = PositionTable.sincos(
            grid: grid, width: options.width, order: options.positionOrder, prefix: prefix)
        return .fixed(Tensor(table, [prefix + grid.count, options.width]))
    }

    /// Rows of the position table in front of those of the patches.
    private var classRows: Int { options.classToken ? 1 : 0 }

    /// The position table, `[1 + grid.count, D]`; without the first row where there is no class token; zeros where there are no
    /// positions, which come to the same.
    public func positionTable(_ store: ParameterStore) -> Tensor {
        switch positions {
        case .fixed(let table): table
        case .learned(let id): store[id].reshaped([classRows + grid.count, options.width])
        case .none: Tensor(zeros: [classRows + grid.count, options.width])
        }
    }

    /// Encodes images `[B, C, H, W]`: the tokens that `sequence` names, behind class token and registers.
    ///
    /// `layer` stops after that many blocks; the final norm follows all the same. A relative position bias wants a token for
    /// every patch.
    public func callAsFunction(
        _ images: Tensor, seeing sequence: EncoderSequence = .all, _ store: ParameterStore,
        drop: [BranchFactors]? = nil,
        layer: Int? = nil, keeping: TransformerStack.Kept = [], on tape: inout Tape, trace: ForwardTrace? = nil
    ) -> Output {
        if let rotary {
            return rotary(
                images, seeing: sequence.seen, store, drop: drop, layer: layer, keeping: keeping, on: &tape,
                trace: trace)
        }
        precondition(
            options.relativePositionBias == .none || sequence.hasEveryPatch,
            "a relative position bias of all patches on some of them")
        let x = embedded(images, sequence, store, &tape)
        let run = blocks(
            x, store, drop: drop, layers: layer, keeping: trace == nil ? keeping : keeping.union(.layers), on: &tape)
        let normed = normalized(run.tokens, store, on: &tape)
        if let trace {
            trace.record("pos_embed", positionTable(store))
            trace.record("patch_embed", patchEmbedding(of: images, store, engine: tape.engine))
            trace.record("input", x.value)
            for (index, tokens) in run.layers.enumerated() { trace.record("block_\(index)", tokens.value) }
            trace.record("output", normed.value)
        }
        return Output(
            beforeNorm: run.tokens, normed: normed, input: keeping.contains(.input) ? x : nil, layers: run.layers,
            attention: run.attention, hidden: run.hidden)
    }

    /// The final norm on the output of any block; the same tokens for an encoder without one.
    public func normalized(_ tokens: Variable, _ store: ParameterStore, on tape: inout Tape) -> Variable {
        if let rotary { return rotary.normalized(tokens, on: &tape) }
        switch traits.finalNorm {
        case .trained: return norm?(tokens, store, &tape) ?? tokens
        case .plain: return tape.layerNorm(tokens, epsilon: traits.epsilon)
        case .none: return tokens
        }
    }

    /// Patch embeddings with their positions, behind class token and registers.
    private func embedded(
        _ images: Tensor, _ sequence: EncoderSequence, _ store: ParameterStore, _ tape: inout Tape
    ) -> Variable {
        let width = options.width
        let table: Variable?
        switch positions {
        case .fixed(let fixed): table = tape.constant(fixed.reshaped([1, classRows + grid.count, width]))
        case .learned(let id): table = tape.parameter(id, of: store)
        case .none: table = nil
        }
        let patchPositions = table.map {
            tape.sliceRows($0, classRows..<classRows + grid.count).reshaped([grid.count, width])
        }
        // Only the patches that are seen are embedded.
        let patches = tape.patchify(
            tape.constant(images), patch: PatchSize(options.patchSize), order: .channelsFirst, of: sequence.seen)
        let weight = tape.parameter(patchWeight, of: store)
        let bias = patchBias.map { tape.parameter($0, of: store) }
        var x: Variable
        switch sequence {
        case .all, .visible:
            // Their positions are added as the product's residual.
            let located = patchPositions.map {
                tape.gatherRows($0, sequence.seen ?? allPatches(images.shape[0]))
            }
            x = tape.linear(patches, weight: weight, bias: bias, then: located.map { .residual($0) } ?? .none)
        case .filled(_, let restore, let token):
            let seen = tape.linear(patches, weight: weight, bias: bias)
            x = tape.restoreRows(
                seen, fill: token.reshaped([width]), restore: restore, prefix: 0, position: patchPositions)
        }
        if let registers {
            x = tape.prependRows(x, rows: tape.parameter(registers, of: store).reshaped([traits.registers, width]))
        }
        if let classToken {
            let own = tape.parameter(classToken, of: store)
            let token = table.map { tape.add(own, tape.sliceRows($0, 0..<1)) } ?? own
            x = tape.prependRows(x, rows: token.reshaped([1, width]))
        }
        return inputNorm?(x, store, &tape) ?? x
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
        let bias = patchBias.map { tape.parameter($0, of: store) }
        return tape.linear(patches, weight: weight, bias: bias).value
    }
}
