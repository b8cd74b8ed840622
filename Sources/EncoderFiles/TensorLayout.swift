public import RecipeSchema
public import VisionTransformers

/// How the tensors of an encoder's file are named.
public enum EncoderLayout: String, RecipeEnum {
    /// Found out from the file.
    case auto
    /// Written by this program.
    case own
    /// OpenAI's CLIP and open_clip: `visual.…`.
    case openaiCLIP = "openai_clip"
    /// CLIP of Hugging Face's transformers.
    case hfCLIP = "hf_clip"
    /// ViT, DINO, ViTMAE and I-JEPA of transformers.
    case hfViT = "hf_vit"
    /// DINOv2 of transformers.
    case hfDINOv2 = "hf_dinov2"
    /// timm's names, with their relatives: DINO, DeiT, MAE, DINOv2's own, BEiT.
    case timm
}

/// The activation of an encoder's perceptrons, by the name that files and recipes give it.
public enum ActivationName: String, RecipeEnum {
    /// The exact GELU.
    case gelu
    /// x · sigmoid(1.702 x).
    case quickGELU = "quick_gelu"

    /// The encoder's word for it.
    public var activation: Activation { self == .gelu ? .gelu : .quickGELU }
}

/// The names of one layout, and what it leaves unsaid.
///
/// Names are stems, with `.weight` and `.bias` behind them, or whole. On the right stand the canonical ones, timm's; queries,
/// keys and values in three parts become `attn.q`, `attn.k` and `attn.v` on the way.
struct TensorLayout: Sendable {
    let layout: EncoderLayout
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
    /// Names that begin so are of no use, and why.
    let ignored: [(start: String, reason: String)]
    var activation = ActivationName.gelu
    var epsilon = 1e-6
    /// Mean and deviation of each channel of its images, where the layout says them.
    var statistics: (mean: [Double], deviation: [Double])?

    /// The layouts in the order in which they are tried.
    static let all = [openaiCLIP, hfCLIP, hfViT, hfDINOv2, timm]

    /// Prefixes that wrappers put in front of names.
    static let wrappers = [
        "module.", "backbone.", "teacher.", "student.", "model.", "encoder.", "vit.", "dinov2.",
        "dinov2_with_registers.",
        "clip.",
    ]

    private static let clip = (
        mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711]
    )

    private static let head = "a head"
    private static let decoder = "a decoder"
    private static let maskToken = "a mask token"
    private static let pooler = "a pooler"
    private static let projection = "a projection to another space"
    private static let textTower = "no part of the image encoder"

    private static let openaiCLIP = TensorLayout(
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
        ignored: [("proj", projection)], activation: .quickGELU, epsilon: 1e-5, statistics: clip)

    private static let hfCLIP = TensorLayout(
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
            ("embeddings.position_ids", "numbers of positions"), ("visual_projection.", projection),
            ("text_projection.", projection), ("text_model.", textTower), ("logit_scale", textTower),
        ],
        activation: .quickGELU, epsilon: 1e-5, statistics: clip)

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
    private static let hfViT = TensorLayout(
        layout: .hfViT,
        marks: [[hfPatches, "encoder.layer.0.layernorm_before.weight"], ["layers.0.layernorm_before.weight"]],
        outer: hfOuter, blocks: ["encoder.layer.", "layers."],
        inner: hfAttention.merging([
            "layernorm_before": "norm1", "layernorm_after": "norm2", "intermediate.dense": "mlp.fc1",
            "output.dense": "mlp.fc2", "attention.q_proj": "attn.q", "attention.k_proj": "attn.k",
            "attention.v_proj": "attn.v", "attention.o_proj": "attn.proj",
        ]) { old, _ in old },
        ignored: [
            ("pooler.", pooler), ("classifier.", head), ("embeddings.mask_token", maskToken), ("decoder.", decoder),
        ], epsilon: 1e-12)

    private static let hfDINOv2 = TensorLayout(
        layout: .hfDINOv2, marks: [[hfPatches, "encoder.layer.0.norm1.weight"]], outer: hfOuter,
        blocks: ["encoder.layer."],
        inner: hfAttention.merging([
            "norm1": "norm1", "norm2": "norm2", "layer_scale1.lambda1": "ls1.gamma",
            "layer_scale2.lambda1": "ls2.gamma",
        ]) { old, _ in old },
        ignored: [("embeddings.mask_token", maskToken), ("classifier.", head), ("pooler.", pooler)])

    /// Also BEiT's biases and factors, which this program's encoders have too.
    static let timm = TensorLayout(
        layout: .timm, marks: [["patch_embed.proj.weight"]],
        outer: [
            "cls_token": "cls_token", "pos_embed": "pos_embed", "reg_token": "reg_token",
            "register_tokens": "reg_token",
            "patch_embed.proj": "patch_embed.proj", "norm_pre": "norm_pre", "norm": "norm",
            "rel_pos_bias.relative_position_bias_table": "rel_pos_bias.relative_position_bias_table",
        ],
        blocks: ["blocks."], hasChunks: true,
        inner: [
            "norm1": "norm1", "norm2": "norm2", "attn.qkv": "attn.qkv", "attn.q_bias": "attn.q.bias",
            "attn.v_bias": "attn.v.bias",
            "attn.relative_position_bias_table": "attn.relative_position_bias_table", "attn.proj": "attn.proj",
            "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2",
            "ls1.gamma": "ls1.gamma", "ls2.gamma": "ls2.gamma", "gamma_1": "ls1.gamma", "gamma_2": "ls2.gamma",
        ],
        ignored: [
            ("head.", head), ("head_dist.", head), ("fc_norm.", "the norm of a head"), ("mask_token", maskToken),
            ("decoder", decoder), ("distill_", "what aligned it with a teacher"), ("student.", "a student"),
        ])

    /// The official names of CAPI, which checkpoints of ours have.
    static let capi = TensorLayout(
        layout: .own, marks: [["patch_embed.weight"]],
        outer: ["registers": "reg_token", "patch_embed": "patch_embed.proj"], blocks: ["encoder.blocks."],
        inner: [
            "residual1.norm": "norm1", "residual1.fn.q_proj": "attn.q", "residual1.fn.k_proj": "attn.k",
            "residual1.fn.v_proj": "attn.v", "residual1.fn.proj": "attn.proj", "residual2.norm": "norm2",
            "residual2.fn.fc1": "mlp.fc1", "residual2.fn.fc2": "mlp.fc2",
        ], ignored: [])

    /// Whether a file with these names has this layout.
    func matches(_ names: Set<String>) -> Bool { marks.contains { $0.allSatisfy(names.contains) } }

    /// What a tensor's name means.
    enum Meaning {
        /// The tensor of that canonical name.
        case canonical(String)
        /// Nothing for an encoder.
        case ignored(String)
        /// No rule names it: half a network would be something else without a word.
        case unknown
    }

    /// What a tensor is.
    func meaning(of name: String) -> Meaning {
        var own = name[...]
        if let tower {
            if own.hasPrefix(tower.prefix) {
                own = own.dropFirst(tower.prefix.count)
            } else if tower.isNeeded {
                return .ignored(Self.textTower)
            }
        }
        if let known = Self.match(own, in: outer) { return .canonical(known) }
        for prefix in blocks where own.hasPrefix(prefix) {
            var parts = own.dropFirst(prefix.count).split(separator: ".")
            if hasChunks, parts.count > 1, Int(parts[1]) != nil { parts.removeFirst() }
            guard let number = parts.first.flatMap({ Int($0) }) else { continue }
            if let known = Self.match(parts.dropFirst().joined(separator: ".")[...], in: inner) {
                return .canonical("blocks.\(number).\(known)")
            }
        }
        return ignored.first { own.hasPrefix($0.start) }.map { .ignored($0.reason) } ?? .unknown
    }

    private static func match(_ name: Substring, in table: [String: String]) -> String? {
        if let whole = table[String(name)] { return whole }
        for end in [".weight", ".bias"] where name.hasSuffix(end) {
            if let stem = table[String(name.dropLast(end.count))] { return stem + end }
        }
        return nil
    }
}
