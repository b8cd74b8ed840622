import Autodiff
import EncoderFiles
import ImageMasking
import RecipeSchema
import VisionTransformers

/// ONNX, opset 17: images to class token, mean of the patch tokens and patch tokens, any number of images at once.
enum ONNXExport {
    static func obstacles(_ export: EncoderExport) -> [String] {
        let (options, traits) = (export.encoder.options, export.encoder.traits)
        var obstacles: [String] = []
        if let fault = options.headsFault { obstacles.append(fault) }
        if export.encoder.rotary != nil {
            obstacles.append("rotary positions (model.position \"rope\") are not written as a graph yet")
        }
        // Biases by relative position are written out for each block, pair of tokens and head.
        let tokens = export.encoder.prefix + export.encoder.grid.count
        let biases = options.relativePositionBias == .none ? 0 : options.depth * options.heads * tokens * tokens
        let bytes = 4 * export.tensors.reduce(biases) { $0 + $1.value.count }
        if bytes > 2_000_000_000 {
            obstacles.append("an ONNX file holds at most 2 GB, and these parameters have \(bytes) bytes")
        }
        if !traits.hasFinalNorm {
            obstacles.append("the features of this program are behind a final norm; this encoder has none")
        }
        return obstacles
    }

    static func files(_ export: EncoderExport) -> [ExportedFile] {
        var graph = EncoderGraph(export)
        return [ExportedFile("encoder.onnx", graph.model())]
    }

    static func call(_ export: EncoderExport, folder: String) -> String {
        """
        import onnxruntime
        session = onnxruntime.InferenceSession(\(python(folder + "/encoder.onnx")))
        features, = session.run(["mean"], {"images": images})  # [B, \(export.encoder.options.width)]
        """
    }
}

/// The graph of an encoder.
private struct EncoderGraph {
    private let export: EncoderExport
    private let tensors: [String: Tensor]
    private var graph = GraphWriter()
    private let width: Int
    private let heads: Int

    init(_ export: EncoderExport) {
        self.export = export
        tensors = Dictionary(uniqueKeysWithValues: export.tensors.map { ($0.name, $0.value) })
        width = export.encoder.options.width
        heads = export.encoder.options.heads
    }

    mutating func model() -> [UInt8] {
        let (encoder, options) = (export.encoder, export.encoder.options)
        let (size, patches, prefix) = (export.imageSize, encoder.grid.count, encoder.prefix)
        graph.input(
            "images", [.named("batch"), .size(options.channels), .size(size.height), .size(size.width)])
        var x = embedded()
        for block in 0..<options.depth { x = self.block(block, x) }
        let normed = norm("norm", x)
        graph.output("patch_tokens", [.named("batch"), .size(patches), .size(width)])
        graph.output("mean", [.named("batch"), .size(width)])
        let tokens = graph.value(
            "Slice", normed, graph.constant([prefix]), graph.constant([prefix + patches]), graph.constant([1]),
            named: "patch_tokens")
        _ = graph.value("ReduceMean", tokens, named: "mean", with: [("axes", .ints([1])), ("keepdims", .int(0))])
        if options.classToken {
            graph.output("cls", [.named("batch"), .size(width)])
            let first = graph.value(
                "Slice", normed, graph.constant([0]), graph.constant([1]), graph.constant([1]))
            _ = graph.value("Reshape", first, graph.constant([-1, width]), named: "cls")
        }
        return graph.model(named: "encoder", producer: "palimpsest")
    }

    private func values(_ name: String) -> [Float] {
        guard let tensor = tensors[name] else { preconditionFailure("the encoder has no \(name)") }
        return tensor.array
    }

    /// A parameter as it is.
    private mutating func parameter(_ name: String, _ shape: [Int]) -> String {
        graph.constant(name, values(name), shape)
    }

    /// The tokens in front of the first block.
    private mutating func embedded() -> String {
        let (options, traits) = (export.encoder.options, export.encoder.traits)
        let side = options.patchSize
        let weight = parameter("patch_embed.proj.weight", [width, options.channels, side, side])
        var inputs = ["images", weight]
        if traits.hasPatchBias { inputs.append(parameter("patch_embed.proj.bias", [width])) }
        let convolved = graph.node(
            "Conv", inputs, with: [("kernel_shape", .ints([side, side])), ("strides", .ints([side, side]))])[0]
        let flat = graph.value("Reshape", convolved, graph.constant([0, width, -1]))
        let patches = graph.value("Transpose", flat, with: [("perm", .ints([0, 2, 1]))])
        let table = values("pos_embed")
        let classRows = options.classToken ? 1 : 0
        let own = Array(table[(classRows * width)...])
        var x = graph.value(
            "Add", patches, graph.constant("positions", own, [1, export.encoder.grid.count, width]))
        // Class token with its position, then registers, which have none.
        var front: [Float] = []
        if options.classToken { front += zip(values("cls_token"), table).map { $0 + $1 } }
        if traits.registers > 0 { front += values("reg_token") }
        if !front.isEmpty {
            let rows = front.count / width
            let shape = graph.value("Shape", "images", with: [("start", .int(0)), ("end", .int(1))])
            let wanted = graph.value("Concat", shape, graph.constant([rows, width]), with: [("axis", .int(0))])
            let tokens = graph.value("Expand", graph.constant("front", front, [1, rows, width]), wanted)
            x = graph.value("Concat", tokens, x, with: [("axis", .int(1))])
        }
        return traits.hasInputNorm ? norm("norm_pre", x) : x
    }

    private mutating func norm(_ name: String, _ x: String) -> String {
        let (weight, bias) = (parameter("\(name).weight", [width]), parameter("\(name).bias", [width]))
        return graph.value(
            "LayerNormalization", x, weight, bias,
            with: [("axis", .int(-1)), ("epsilon", .float(export.encoder.traits.epsilon))])
    }

    /// x · Wᵀ + b, the weight turned round.
    private mutating func linear(_ name: String, _ x: String, inputs: Int, outputs: Int) -> String {
        let stored = values("\(name).weight")
        var turned = [Float](repeating: 0, count: stored.count)
        for row in 0..<outputs {
            for column in 0..<inputs { turned[column * outputs + row] = stored[row * inputs + column] }
        }
        let product = graph.value("MatMul", x, graph.constant("\(name).weight", turned, [inputs, outputs]))
        guard tensors["\(name).bias"] != nil else { return product }
        return graph.value("Add", product, parameter("\(name).bias", [outputs]))
    }

    private mutating func block(_ number: Int, _ x: String) -> String {
        let owner = "blocks.\(number)"
        let hidden = export.encoder.options.hiddenWidth
        let attended = attention("\(owner).attn", norm("\(owner).norm1", x), number)
        let middle = graph.value("Add", x, scaled(attended, "\(owner).ls1.gamma"))
        let wide = linear("\(owner).mlp.fc1", norm("\(owner).norm2", middle), inputs: width, outputs: hidden)
        let narrow = linear("\(owner).mlp.fc2", activation(wide), inputs: hidden, outputs: width)
        return graph.value("Add", middle, scaled(narrow, "\(owner).ls2.gamma"))
    }

    private mutating func scaled(_ x: String, _ name: String) -> String {
        tensors[name] == nil ? x : graph.value("Mul", x, parameter(name, [width]))
    }

    /// GELU = ½x·(1 + erf(x/√2)), spelt out since opset 17 has none; CLIP's is x·sigmoid(1.702x).
    private mutating func activation(_ x: String) -> String {
        if export.encoder.traits.activation == .quickGELU {
            let gate = graph.value("Sigmoid", graph.value("Mul", x, graph.constant("quick_gelu_factor", 1.702)))
            return graph.value("Mul", x, gate)
        }
        let scaled = graph.value("Mul", x, graph.constant("half_root", Float(0.5.squareRoot())))
        let sum = graph.value("Add", graph.value("Erf", scaled), graph.constant("one", 1))
        return graph.value("Mul", graph.value("Mul", x, graph.constant("half", 0.5)), sum)
    }

    private mutating func attention(_ owner: String, _ x: String, _ number: Int) -> String {
        let each = width / heads
        let joined = linear("\(owner).qkv", x, inputs: width, outputs: 3 * width)
        let parts = graph.node(
            "Split", [joined, graph.constant([width, width, width])], outputs: 3, with: [("axis", .int(-1))])
        func split(_ part: String, _ order: [Int], _ graph: inout GraphWriter) -> String {
            let four = graph.value("Reshape", part, graph.constant([0, -1, heads, each]))
            return graph.value("Transpose", four, with: [("perm", .ints(order))])
        }
        let queries = split(parts[0], [0, 2, 1, 3], &graph)
        let keys = split(parts[1], [0, 2, 3, 1], &graph)
        let values = split(parts[2], [0, 2, 1, 3], &graph)
        let scale = graph.constant("attention_scale", 1 / Float(each).squareRoot())
        var scores = graph.value("MatMul", graph.value("Mul", queries, scale), keys)
        if let bias = relativeBias(number) { scores = graph.value("Add", scores, bias) }
        let weights = graph.value("Softmax", scores, with: [("axis", .int(-1))])
        let mixed = graph.value(
            "Transpose", graph.value("MatMul", weights, values), with: [("perm", .ints([0, 2, 1, 3]))])
        let flat = graph.value("Reshape", mixed, graph.constant([0, -1, width]))
        return linear("\(owner).proj", flat, inputs: width, outputs: width)
    }

    /// The relative position bias of a block, `[1, heads, T, T]`.
    private mutating func relativeBias(_ number: Int) -> String? {
        let options = export.encoder.options
        guard
            let positions = RelativePositions(
                options.relativePositionBias, grid: export.encoder.grid, hasClassToken: options.classToken)
        else { return nil }
        let owner = positions.isShared ? "rel_pos_bias" : "blocks.\(number).attn"
        let table = values("\(owner).relative_position_bias_table")
        let (index, tokens) = (positions.index, positions.tokens)
        let bias = (0..<heads).flatMap { head in index.map { table[Int($0) * heads + head] } }
        return graph.constant("\(owner).relative_position_bias", bias, [1, heads, tokens, tokens])
    }
}
