import Foundation

/// A transformer block in double precision, as its formulas read: what the blocks of the engine are compared with.
struct DoubleBlock {
    var width: Int
    var heads: Int
    var inner: Int { width / heads * heads }
    /// Parameters by their names below the block's prefix.
    var parameters: [String: [Double]]

    private func value(_ name: String, _ count: Int, else fallback: Double) -> [Double] {
        parameters[name] ?? [Double](repeating: fallback, count: count)
    }

    func norm(_ x: [[Double]], _ name: String, epsilon: Double = 1e-6) -> [[Double]] {
        x.map { row in
            let mean = row.reduce(0, +) / Double(row.count)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
            return row.indices.map { j in
                (row[j] - mean) / (variance + epsilon).squareRoot() * (parameters["\(name).weight"]?[j] ?? 1)
                    + (parameters["\(name).bias"]?[j] ?? 0)
            }
        }
    }

    func linear(_ x: [[Double]], _ weight: [Double], _ bias: [Double]) -> [[Double]] {
        x.map { row in
            bias.indices.map { o in
                row.indices.reduce(bias[o]) { $0 + row[$1] * weight[o * row.count + $1] }
            }
        }
    }

    /// Attention of one picture; `scores` adds to them by (head, query, key).
    func attention(
        q: [[Double]], k: [[Double]], v: [[Double]], scores: (Int, Int, Int) -> Double
    ) -> [[Double]] {
        let size = inner / heads
        return q.indices.map { i in
            (0..<heads).flatMap { head -> [Double] in
                let part = head * size..<(head + 1) * size
                let logits = k.indices.map { j in
                    part.reduce(0) { $0 + q[i][$1] * k[j][$1] } / Double(size).squareRoot() + scores(head, i, j)
                }
                let powers = logits.map { exp($0) }
                let total = powers.reduce(0, +)
                return part.map { c in k.indices.reduce(0) { $0 + powers[$1] / total * v[$1][c] } }
            }
        }
    }

    /// The block on the tokens of one picture; `scores` as above.
    func callAsFunction(_ x: [[Double]], scores: (Int, Int, Int) -> Double = { _, _, _ in 0 }) -> [[Double]] {
        let bias: [Double]
        if let q = parameters["attn.q_bias"], let v = parameters["attn.v_bias"] {
            bias = q + [Double](repeating: 0, count: inner) + v
        } else {
            bias = value("attn.qkv.bias", 3 * inner, else: 0)
        }
        let qkv = linear(norm(x, "norm1"), value("attn.qkv.weight", 0, else: 0), bias)
        let mixed = attention(
            q: qkv.map { Array($0[0..<inner]) }, k: qkv.map { Array($0[inner..<2 * inner]) },
            v: qkv.map { Array($0[2 * inner..<3 * inner]) }, scores: scores)
        let attended = sum(
            x, linear(mixed, value("attn.proj.weight", 0, else: 0), value("attn.proj.bias", width, else: 0)), "gamma_1")
        let hiddenBias = parameters["mlp.fc1.bias"] ?? []
        let hidden = linear(norm(attended, "norm2"), value("mlp.fc1.weight", 0, else: 0), hiddenBias)
            .map { $0.map { 0.5 * $0 * erfc(-$0 / 2.0.squareRoot()) } }
        return sum(
            attended, linear(hidden, value("mlp.fc2.weight", 0, else: 0), value("mlp.fc2.bias", width, else: 0)),
            "gamma_2")
    }

    private func sum(_ residual: [[Double]], _ branch: [[Double]], _ scale: String) -> [[Double]] {
        let scale = value(scale, width, else: 1)
        return zip(residual, branch).map { r, b in r.indices.map { r[$0] + scale[$0] * b[$0] } }
    }
}
