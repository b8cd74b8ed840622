import ImageData

/// The names of one layout, and what it leaves unsaid.
///
/// Names are stems, with `.weight` and `.bias` behind them, or whole. On the right stand the canonical ones, timm's; queries,
/// keys and values in three parts become `attn.q`, `attn.k` and `attn.v` on the way.
struct TeacherNames: Sendable {
    let layout: TeacherLayout
    /// Any of these sets of names tells the layout, when all of them are there.
    let marks: [[String]]
    /// What stands in front of all that belongs to the image encoder, if the file holds more; else is removed where it is.
    var tower: (prefix: String, isNeeded: Bool)?
    /// Tensors outside of blocks.
    let outer: [String: String]
    /// What stands in front of a block's number.
    let blocks: [String]
    /// Whether a number of a chunk may stand in front of the block's.
    var hasChunks = false
    /// Tensors of a block.
    let inner: [String: String]
    /// Names that begin so are of no use.
    let ignored: [String]
    var activation = TeacherActivation.gelu
    var epsilon = 1e-6
    var normalization: Normalization?

    /// The layouts in the order in which they are tried.
    static let all = [openaiCLIP, hfCLIP, hfViT, hfDINOv2, timm]

    /// Prefixes that wrappers put in front of names.
    static let wrappers = [
        "module.", "backbone.", "teacher.", "student.", "model.", "encoder.", "vit.", "dinov2.",
        "dinov2_with_registers.",
        "clip.",
    ]

    private static let clip = Normalization(
        mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711])

    private static let openaiCLIP = TeacherNames(
        layout: .openaiCLIP, marks: [["visual.class_embedding"]], tower: ("visual.", true),
        outer: [
            "class_embedding": "cls_token", "positional_embedding": "pos_embed", "conv1": "patch_embed.proj",
            "ln_pre": "norm_pre", "ln_post": "norm",
        ],
        blocks: ["transformer.resblocks."],
        inner: [
            "ln_1": "norm1", "ln_2": "norm2", "attn.in_proj_weight": "attn.qkv.weight",
            "attn.in_proj_bias": "attn.qkv.bias", "attn.out_proj": "attn.proj", "mlp.c_fc": "mlp.fc1",
            "mlp.c_proj": "mlp.fc2",
        ],
        ignored: ["proj"], activation: .quickGELU, epsilon: 1e-5, normalization: clip)

    private static let hfCLIP = TeacherNames(
        layout: .hfCLIP, marks: [["vision_model.embeddings.class_embedding"], ["embeddings.class_embedding"]],
        tower: ("vision_model.", false),
        outer: [
            "embeddings.class_embedding": "cls_token", "embeddings.position_embedding.weight": "pos_embed",
            "embeddings.patch_embedding": "patch_embed.proj", "pre_layrnorm": "norm_pre", "post_layernorm": "norm",
        ],
        blocks: ["encoder.layers."],
        inner: [
            "layer_norm1": "norm1", "layer_norm2": "norm2", "self_attn.q_proj": "attn.q", "self_attn.k_proj": "attn.k",
            "self_attn.v_proj": "attn.v", "self_attn.out_proj": "attn.proj", "mlp.fc1": "mlp.fc1",
            "mlp.fc2": "mlp.fc2",
        ],
        ignored: [
            "embeddings.position_ids", "visual_projection.", "text_projection.", "text_model.", "logit_scale",
        ],
        activation: .quickGELU, epsilon: 1e-5, normalization: clip)

    private static let hfOuter = [
        "embeddings.cls_token": "cls_token", "embeddings.position_embeddings": "pos_embed",
        "embeddings.register_tokens": "reg_token", "embeddings.patch_embeddings.projection": "patch_embed.proj",
        "layernorm": "norm",
    ]
    private static let hfAttention = [
        "attention.attention.query": "attn.q", "attention.attention.key": "attn.k",
        "attention.attention.value": "attn.v",
        "attention.output.dense": "attn.proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2",
    ]
    private static let hfPatches = "embeddings.patch_embeddings.projection.weight"

    /// The names of transformers 4, and those of 5 (`layers.i.`).
    private static let hfViT = TeacherNames(
        layout: .hfViT,
        marks: [[hfPatches, "encoder.layer.0.layernorm_before.weight"], ["layers.0.layernorm_before.weight"]],
        outer: hfOuter, blocks: ["encoder.layer.", "layers."],
        inner: hfAttention.merging([
            "layernorm_before": "norm1", "layernorm_after": "norm2", "intermediate.dense": "mlp.fc1",
            "output.dense": "mlp.fc2", "attention.q_proj": "attn.q", "attention.k_proj": "attn.k",
            "attention.v_proj": "attn.v", "attention.o_proj": "attn.proj",
        ]) { old, _ in old },
        ignored: ["pooler.", "classifier.", "embeddings.mask_token"], epsilon: 1e-12)

    private static let hfDINOv2 = TeacherNames(
        layout: .hfDINOv2, marks: [[hfPatches, "encoder.layer.0.norm1.weight"]], outer: hfOuter,
        blocks: ["encoder.layer."],
        inner: hfAttention.merging([
            "norm1": "norm1", "norm2": "norm2", "layer_scale1.lambda1": "ls1.gamma",
            "layer_scale2.lambda1": "ls2.gamma",
        ]) { old, _ in old },
        ignored: ["embeddings.mask_token", "classifier.", "pooler."])

    /// Also BEiT's biases and factors, which this program's encoders have too.
    private static let timm = TeacherNames(
        layout: .timm, marks: [["patch_embed.proj.weight"]],
        outer: [
            "cls_token": "cls_token", "pos_embed": "pos_embed", "reg_token": "reg_token",
            "register_tokens": "reg_token",
            "patch_embed.proj": "patch_embed.proj", "norm_pre": "norm_pre", "norm": "norm",
        ],
        blocks: ["blocks."], hasChunks: true,
        inner: [
            "norm1": "norm1", "norm2": "norm2", "attn.qkv": "attn.qkv", "attn.q_bias": "attn.q.bias",
            "attn.v_bias": "attn.v.bias", "attn.proj": "attn.proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2",
            "ls1.gamma": "ls1.gamma", "ls2.gamma": "ls2.gamma", "gamma_1": "ls1.gamma", "gamma_2": "ls2.gamma",
        ],
        ignored: ["head.", "fc_norm.", "mask_token", "decoder", "distill_"])

    /// Whether a file with these names has this layout.
    func matches(_ names: Set<String>) -> Bool { marks.contains { $0.allSatisfy(names.contains) } }

    /// The canonical name of a tensor; nil for one that is of no use.
    ///
    /// Throws for one that is not known: half a network would be something else without a word.
    func canonical(_ name: String) throws(UnknownTensor) -> String? {
        var own = name[...]
        if let tower {
            if own.hasPrefix(tower.prefix) {
                own = own.dropFirst(tower.prefix.count)
            } else if tower.isNeeded {
                return nil
            }
        }
        if let known = Self.match(own, in: outer) { return known }
        for prefix in blocks where own.hasPrefix(prefix) {
            var parts = own.dropFirst(prefix.count).split(separator: ".")
            if hasChunks, parts.count > 1, Int(parts[1]) != nil { parts.removeFirst() }
            guard let number = parts.first.flatMap({ Int($0) }) else { continue }
            if let known = Self.match(parts.dropFirst().joined(separator: ".")[...], in: inner) {
                return "blocks.\(number).\(known)"
            }
        }
        if ignored.contains(where: { own.hasPrefix($0) }) { return nil }
        throw UnknownTensor(name: name)
    }

    private static func match(_ name: Substring, in table: [String: String]) -> String? {
        if let whole = table[String(name)] { return whole }
        for end in [".weight", ".bias"] where name.hasSuffix(end) {
            if let stem = table[String(name.dropLast(end.count))] { return stem + end }
        }
        return nil
    }

    /// A tensor that no rule names.
    struct UnknownTensor: Error { var name: String }
}
