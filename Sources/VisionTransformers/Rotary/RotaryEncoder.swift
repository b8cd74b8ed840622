public import Autodiff
import ImageMasking
import RandomStreams

/// The encoder of CAPI: registers and patches, no class token, rotary positions, root-mean-square norms, no biases but that of the patch
/// embedding, and behind the last block a norm with nothing learnt. Darcet et al., arXiv 2502.08769.
///
/// Names below the owner's prefix are the official ones: `registers`, `patch_embed.weight`, `encoder.blocks.i.…`.
public struct RotaryEncoder: Sendable {
    let patchWeight: ParameterID
    let patchBias: ParameterID
    private let registers: ParameterID?
    private let registerCount: Int
    private let blocks: [RotaryBlock]
    private let pairing: RotaryPairing
    private let patchSize: Int
    private let headWidth: Int
    private let grid: PatchGrid

    init(
        _ options: EncoderOptions, grid: PatchGrid, traits: EncoderTraits, adding store: inout ParameterStore,
        random: RandomStream
    ) {
        let (width, laws) = (options.width, traits.initialization)
        self.grid = grid
        patchSize = options.patchSize
        headWidth = width / options.heads
        pairing = options.ropePairing == .axial ? .axial : .mixed
        registerCount = options.registers ?? 0
        let numbers = options.channels * options.patchSize * options.patchSize
        func add(_ name: String, _ shape: Shape, _ law: InitialLaw, inputs: Int, _ store: inout ParameterStore)
            -> ParameterID
        {
            let name = traits.owner + name
            return store.add(
                name, shape,
                law.values(shape.elementCount, inputs: inputs, outputs: width, random.child(name)))
        }
        registers =
            registerCount > 0
            ? add("registers", [1, registerCount, width], laws.tokens, inputs: 1, &store) : nil
        patchWeight = add(
            "patch_embed.weight", [width, options.channels, patchSize, patchSize], laws.patchWeight, inputs: numbers,
            &store)
        patchBias = add("patch_embed.bias", [width], laws.patchBias, inputs: numbers, &store)
        blocks = (0..<options.depth).map {
            RotaryBlock(
                "\(traits.owner)encoder.blocks.\($0)", width: width, heads: options.heads, context: width,
                law: laws.linear, adding: &store, random: random)
        }
    }

    /// The places of the tokens of each image: registers round the box of its patches, then the patches. Of `seen` `[B, K]`, or of all
    /// patches, which are the same for every image.
    public func places(_ seen: RowIndices?) -> [[Coordinate]] {
        let cells = seen.map { rows in (0..<rows.batch).map { rows[$0].map { Int($0) } } } ?? [Array(0..<grid.count)]
        return cells.map { cells in
            let patches = cells.map { RotaryPositions.coordinate(of: $0, on: grid) }
            return RotaryPositions.registers(registerCount, around: patches) + patches
        }
    }

    /// Encodes images `[B, C, H, W]`: registers and the patches `seen` `[B, K]`, all of them where it is nil. `chosen` are the images
    /// that take part in each block's branches, `drop` factors of each image instead.
    public func callAsFunction(
        _ images: Tensor, seeing seen: RowIndices? = nil, _ store: ParameterStore, chosen: [ChosenBranches]? = nil,
        drop: [BranchFactors]? = nil,
        layer: Int? = nil, keeping: TransformerStack.Kept = [], on tape: inout Tape, trace: ForwardTrace? = nil
    ) -> Encoder.Output {
        let places = places(seen)
        let around = RotaryBlock.Surroundings(angles: RotaryAngles(places, head: headWidth), pairing: pairing)
        let input = embedded(images, seen, store, &tape)
        var output = Encoder.Output(beforeNorm: input, normed: input)
        if keeping.contains(.input) { output.input = input }
        let count = layer ?? blocks.count
        var x = input
        for (index, block) in blocks.prefix(count).enumerated() {
            let wantsProbabilities =
                keeping.contains(.attention) || (index == count - 1 && keeping.contains(.lastAttention))
            let (input, own, factors) = (x, chosen?[index], drop?[index])
            if wantsProbabilities || keeping.contains(.hidden) {
                let run = block.run(
                    input, around, store, chosen: own, drop: factors, wantsProbabilities: wantsProbabilities,
                    on: &tape)
                x = run.output
                if let probabilities = run.probabilities { output.attention.append(probabilities) }
                if keeping.contains(.hidden), let hidden = run.hidden { output.hidden.append(hidden.value) }
            } else {
                x = tape.recomputed { block.run(input, around, store, chosen: own, drop: factors, on: &$0).output }
            }
            trace?.record("block_\(index)", x.value)
            if keeping.contains(.layers) { output.layers.append(x) }
        }
        output.beforeNorm = x
        output.normed = normalized(x, on: &tape)
        if let trace {
            var plain = Tape(engine: tape.engine, recording: false)
            trace.record("patch_embed", patches(of: images, nil, store, &plain).value)
            let tokens = places.first?.count ?? 0
            trace.record(
                "coordinates",
                Tensor(places.joined().flatMap { [Float($0.row), Float($0.column)] }, [places.count, tokens, 2]))
            trace.record("output", output.normed.value)
        }
        return output
    }

    /// The norm behind any block.
    public func normalized(_ tokens: Variable, on tape: inout Tape) -> Variable {
        tape.rmsNorm(tokens, epsilon: RotaryBlock.epsilon)
    }

    private func embedded(
        _ images: Tensor, _ seen: RowIndices?, _ store: ParameterStore, _ tape: inout Tape
    ) -> Variable {
        let x = patches(of: images, seen, store, &tape)
        guard let registers else { return x }
        let rows = tape.parameter(registers, of: store)
        return tape.prependRows(x, rows: rows.reshaped([registerCount, rows.shape[2]]))
    }

    private func patches(
        of images: Tensor, _ seen: RowIndices?, _ store: ParameterStore, _ tape: inout Tape
    ) -> Variable {
        let patches = tape.patchify(
            tape.constant(images), patch: PatchSize(patchSize), order: .channelsFirst, of: seen)
        return tape.linear(
            patches, weight: tape.parameter(patchWeight, of: store), bias: tape.parameter(patchBias, of: store))
    }
}
