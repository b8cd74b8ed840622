import Autodiff

private struct Sizes {
    var batch, queries, keys, width, heads: Int
    var name: String { "[\(batch), \(queries), \(width)] over \(keys) keys, \(heads) heads" }
}

private let sizes = [
    Sizes(batch: 2, queries: 5, keys: 5, width: 6, heads: 2), Sizes(batch: 1, queries: 1, keys: 1, width: 1, heads: 1),
    Sizes(batch: 1, queries: 17, keys: 17, width: 8, heads: 1),
    Sizes(batch: 3, queries: 4, keys: 4, width: 9, heads: 3),
    Sizes(batch: 0, queries: 3, keys: 3, width: 4, heads: 2),
]

let attentionCases: [GradientCase] =
    sizes.flatMap { (s: Sizes) in
        [
            GradientCase(.attention, s.name, [.init([s.batch, s.queries, 3 * s.width])], tolerance: 5e-6) { tape, v in
                tape.attention(qkv: v[0], heads: s.heads)
            } twin: { x in
                Twin.selfAttention(x[0], heads: s.heads)
            },
            GradientCase(
                .attention, "\(s.name), bias",
                [.init([s.batch, s.queries, 3 * s.width]), .init([s.heads, s.queries, s.keys])], tolerance: 5e-6
            ) { tape, v in
                tape.attentionWithProbabilities(qkv: v[0], heads: s.heads, bias: v[1]).output
            } twin: { x in
                Twin.selfAttention(x[0], heads: s.heads, bias: x[1])
            },
        ]
    }
    + [
        Sizes(batch: 2, queries: 3, keys: 7, width: 6, heads: 2),
        Sizes(batch: 1, queries: 9, keys: 1, width: 4, heads: 1),
    ].flatMap { (s: Sizes) in
        [
            GradientCase(
                .crossAttention, s.name,
                [.init([s.batch, s.queries, s.width]), .init([s.batch, s.keys, 2 * s.width])], tolerance: 5e-6
            ) { tape, v in
                tape.crossAttention(q: v[0], kv: v[1], heads: s.heads)
            } twin: { x in
                Twin.crossAttention(x[0], x[1], heads: s.heads)
            },
            GradientCase(
                .crossAttention, "\(s.name), bias",
                [
                    .init([s.batch, s.queries, s.width]), .init([s.batch, s.keys, 2 * s.width]),
                    .init([s.heads, s.queries, s.keys]),
                ], tolerance: 5e-6
            ) { tape, v in
                tape.crossAttention(q: v[0], kv: v[1], heads: s.heads, bias: v[2])
            } twin: { x in
                Twin.crossAttention(x[0], x[1], heads: s.heads, bias: x[2])
            },
        ]
    }
