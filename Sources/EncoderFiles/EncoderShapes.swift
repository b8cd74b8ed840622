import Autodiff
import Checkpoints
import ImageMasking
import VisionTransformers

/// The shapes that an encoder's tensors have in a file, so that they are compared before anything of those sizes is made.
enum EncoderShapes {
    /// Canonical names and shapes of all tensors but the positions.
    static func expected(_ options: EncoderOptions, _ traits: EncoderTraits) -> [(name: String, shape: Shape)] {
        if options.position == .rope { return rotary(options) }
        let (width, hidden) = (options.width, options.hiddenWidth)
        let inner = options.blocks.innerWidth
        var shapes: [(String, Shape)] = [
            ("patch_embed.proj.weight", [width, options.channels, options.patchSize, options.patchSize])
        ]
        func norm(_ name: String) { shapes += [("\(name).weight", [width]), ("\(name).bias", [width])] }
        if traits.hasPatchBias { shapes.append(("patch_embed.proj.bias", [width])) }
        if options.classToken { shapes.append(("cls_token", [1, 1, width])) }
        if traits.registers > 0 { shapes.append(("reg_token", [1, traits.registers, width])) }
        if traits.hasInputNorm { norm("norm_pre") }
        for block in 0..<options.depth {
            let name = "blocks.\(block)"
            norm("\(name).norm1")
            norm("\(name).norm2")
            shapes += [
                ("\(name).attn.qkv.weight", [3 * inner, width]), ("\(name).attn.proj.weight", [width, inner]),
                ("\(name).attn.proj.bias", [width]), ("\(name).mlp.fc1.weight", [hidden, width]),
                ("\(name).mlp.fc1.bias", [hidden]), ("\(name).mlp.fc2.weight", [width, hidden]),
                ("\(name).mlp.fc2.bias", [width]),
            ]
            if options.qkvBias != .none { shapes.append(("\(name).attn.qkv.bias", [3 * inner])) }
            if options.layerScale != nil {
                shapes += [("\(name).ls1.gamma", [width]), ("\(name).ls2.gamma", [width])]
            }
        }
        if traits.finalNorm == .trained { norm("norm") }
        return shapes
    }

    /// The same of encoders with rotary positions.
    private static func rotary(_ options: EncoderOptions) -> [(name: String, shape: Shape)] {
        let width = options.width
        var shapes: [(String, Shape)] = [
            ("patch_embed.proj.weight", [width, options.channels, options.patchSize, options.patchSize]),
            ("patch_embed.proj.bias", [width]),
        ]
        if let registers = options.registers, registers > 0 { shapes.append(("reg_token", [1, registers, width])) }
        for block in 0..<options.depth {
            let name = "blocks.\(block)"
            shapes += [
                ("\(name).norm1.weight", [width]), ("\(name).attn.qkv.weight", [3 * width, width]),
                ("\(name).attn.proj.weight", [width, width]), ("\(name).norm2.weight", [width]),
                ("\(name).mlp.fc1.weight", [4 * width, width]), ("\(name).mlp.fc2.weight", [width, 4 * width]),
            ]
        }
        return shapes
    }

    /// Those of relative position tables on a grid; throws where the pairs of tokens would be too many to number.
    static func relative(
        _ options: EncoderOptions, _ grid: PatchGrid, _ fault: (String) -> CheckpointError
    ) throws(CheckpointError) -> [(name: String, shape: Shape)] {
        guard
            let positions = RelativePositions(
                options.relativePositionBias, grid: grid, hasClassToken: options.classToken)
        else { return [] }
        guard grid.count <= 1 << 12 else {
            throw fault("it has relative positions of \(grid) patches; at most 4096 patches are possible")
        }
        let shape: Shape = [positions.tableRows, options.heads]
        let tables = positions.isShared ? ["rel_pos_bias"] : (0..<options.depth).map { "blocks.\($0).attn" }
        return tables.map { ("\($0).relative_position_bias_table", shape) }
    }
}

extension EncoderWeights {
    /// Throws the first tensor that is missing or has another shape.
    func check(_ expected: [(name: String, shape: Shape)]) throws(CheckpointError) {
        for (name, shape) in expected {
            guard let tensor = tensors[name] else { throw fault("it lacks the tensor of \"\(name)\"") }
            guard tensor.shape == shape else {
                throw fault("its \(said(name)) has the shape \(tensor.shape), and \(shape) is needed")
            }
        }
    }
}
