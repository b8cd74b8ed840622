import Autodiff
import Foundation

/// The primitives once more: in double precision, as their formulas read, with nothing of the engine in them.
enum Twin {
    static func matmul(_ a: Doubles, _ b: Doubles, transposeA: Bool = false, transposeB: Bool = false) -> Doubles {
        let rank = a.shape.count
        let a = transposeA ? transpose(a) : a
        let b = transposeB ? transpose(b) : b
        let depth = a.shape[rank - 1]
        return Doubles(a.shape.dropLast() + [b.shape[rank - 1]]) { place in
            var sum = 0.0
            for k in 0..<depth { sum += a[place.dropLast() + [k]] * b[place.dropLast(2) + [k, place[rank - 1]]] }
            return sum
        }
    }

    static func transpose(_ x: Doubles) -> Doubles {
        var shape = x.shape
        shape.swapAt(shape.count - 1, shape.count - 2)
        return Doubles(shape) { place in
            var place = place
            place.swapAt(place.count - 1, place.count - 2)
            return x[place]
        }
    }

    static func linear(_ x: Doubles, _ weight: Doubles, _ bias: Doubles? = nil) -> Doubles {
        let inputs = x.columns
        let outputs = weight.shape[0]
        return x.mapRows { row in
            (0..<outputs).map { output -> Double in
                var sum: Double = bias?.values[output] ?? 0
                for input in 0..<inputs { sum += row[input] * weight.values[output * inputs + input] }
                return sum
            }
        }
    }

    static func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }

    static func softmax(_ row: [Double]) -> [Double] {
        let most = row.max() ?? 0
        let powers = row.map { exp($0 - most) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    /// q [B, Tq, D], k and v [B, Tk, D]; `part` reads one of them at (picture, token, column).
    static func attention(
        batch: Int, queries: Int, keys: Int, width: Int, heads: Int, bias: Doubles?,
        q: (Int, Int, Int) -> Double, k: (Int, Int, Int) -> Double, v: (Int, Int, Int) -> Double
    ) -> Doubles {
        let size = width / heads
        var out = Doubles([batch, queries, width], Array(repeating: 0, count: batch * queries * width))
        for b in 0..<batch {
            for head in 0..<heads {
                for i in 0..<queries {
                    let scores = (0..<keys).map { j -> Double in
                        var score = 0.0
                        for c in head * size..<(head + 1) * size { score += q(b, i, c) * k(b, j, c) }
                        return score / Double(size).squareRoot() + (bias?[[head, i, j]] ?? 0)
                    }
                    let p = softmax(scores)
                    for c in head * size..<(head + 1) * size {
                        var mixed = 0.0
                        for j in 0..<keys { mixed += p[j] * v(b, j, c) }
                        out.values[(b * queries + i) * width + c] = mixed
                    }
                }
            }
        }
        return out
    }

    static func selfAttention(_ qkv: Doubles, heads: Int, bias: Doubles? = nil) -> Doubles {
        let width = qkv.shape[2] / 3
        return attention(
            batch: qkv.shape[0], queries: qkv.shape[1], keys: qkv.shape[1], width: width, heads: heads, bias: bias,
            q: { qkv[[$0, $1, $2]] }, k: { qkv[[$0, $1, width + $2]] }, v: { qkv[[$0, $1, 2 * width + $2]] })
    }

    static func crossAttention(_ q: Doubles, _ kv: Doubles, heads: Int, bias: Doubles? = nil) -> Doubles {
        let width = q.shape[2]
        return attention(
            batch: q.shape[0], queries: q.shape[1], keys: kv.shape[1], width: width, heads: heads, bias: bias,
            q: { q[[$0, $1, $2]] }, k: { kv[[$0, $1, $2]] }, v: { kv[[$0, $1, width + $2]] })
    }

    static func normalized(_ row: [Double], epsilon: Double) -> [Double] {
        let mean = row.reduce(0, +) / Double(row.count)
        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
        return row.map { ($0 - mean) / (variance + epsilon).squareRoot() }
    }

    static func layerNorm(
        _ x: Doubles, _ weight: Doubles? = nil, _ bias: Doubles? = nil, epsilon: Double = 1e-6
    ) -> Doubles {
        x.mapRows { row in
            normalized(row, epsilon: epsilon).enumerated().map { j, value in
                value * (weight?.values[j] ?? 1) + (bias?.values[j] ?? 0)
            }
        }
    }

    static func rmsNorm(_ x: Doubles, epsilon: Double = 1e-5) -> Doubles {
        x.mapRows { row in
            let square = row.reduce(0) { $0 + $1 * $1 } / Double(row.count)
            return row.map { $0 / (square + epsilon).squareRoot() }
        }
    }

    /// The formulas of CAPI's page, channel by channel; angles `[1 or B, T, d]`.
    static func rotate(_ x: Doubles, _ angles: Doubles, _ pairing: RotaryPairing) -> Doubles {
        let head = angles.shape[2]
        return Doubles(x.shape) { place in
            let (b, t, column) = (place[0], place[1], place[2])
            let (start, j) = (column / head * head, column % head)
            let (size, distance) = pairing == .mixed ? (head, head / 2) : (head / 2, head / 4)
            let isFirst = j % size < distance
            let other = x[[b, t, start + (isFirst ? j + distance : j - distance)]]
            let angle = angles[[b, t, j]]
            return x[place] * cos(angle) + (isFirst ? -other : other) * sin(angle)
        }
    }

    static func normalizeRows(_ x: Doubles, epsilon: Double = 1e-12) -> Doubles {
        x.mapRows { row in
            let length = max(row.reduce(0) { $0 + $1 * $1 }.squareRoot(), epsilon)
            return row.map { $0 / length }
        }
    }

    static func gather(_ x: Doubles, _ indices: [[Int32]]) -> Doubles {
        let columns = x.columns
        let picked = indices.first?.count ?? 0
        return Doubles([indices.count, picked, columns]) { place in
            let row = Int(indices[place[0]][place[1]])
            return x.shape.count == 2 ? x[[row, place[2]]] : x[[place[0], row, place[2]]]
        }
    }

    static func concat(_ parts: [Doubles]) -> Doubles {
        let tokens = parts.reduce(0) { $0 + $1.shape[1] }
        return Doubles([parts[0].shape[0], tokens, parts[0].shape[2]]) { place in
            var token = place[1]
            for part in parts {
                if token < part.shape[1] { return part[[place[0], token, place[2]]] }
                token -= part.shape[1]
            }
            return .nan
        }
    }

    /// Written like PyTorch's un-shuffle: kept rows with mask tokens behind them, gathered by `restore`.
    static func restore(
        _ x: Doubles, _ fill: Doubles, _ restore: [[Int32]], prefix: Int, position: Doubles?
    ) -> Doubles {
        let (kept, total, columns) = (x.shape[1] - prefix, restore.first?.count ?? 0, x.shape[2])
        return Doubles([x.shape[0], prefix + total, columns]) { place in
            let (b, t, c) = (place[0], place[1], place[2])
            let add = position?[[t, c]] ?? 0
            if t < prefix { return x[[b, t, c]] + add }
            let source = Int(restore[b][t - prefix])
            return (source < kept ? x[[b, prefix + source, c]] : fill.values[c]) + add
        }
    }

    /// `patches[b, i·gw + j, number] = images[b, c, i·ph + u, j·pw + v]`.
    static func patchify(
        _ images: Doubles, rows: Int, columns: Int, channelsLast: Bool, of indices: [[Int32]]? = nil
    ) -> Doubles {
        let (channels, across) = (images.shape[1], images.shape[3] / columns)
        let all = images.shape[2] / rows * across
        return Doubles([images.shape[0], indices?.first?.count ?? all, channels * rows * columns]) { place in
            let patch = indices.map { Int($0[place[0]][place[1]]) } ?? place[1]
            let number = place[2]
            let c = channelsLast ? number % channels : number / (rows * columns)
            let u = channelsLast ? number / channels / columns : number / columns % rows
            let v = channelsLast ? number / channels % columns : number % columns
            return images[[place[0], c, patch / across * rows + u, patch % across * columns + v]]
        }
    }

    static func mean(_ values: [Double]) -> Doubles { Doubles([], [values.reduce(0, +) / Double(values.count)]) }
}
