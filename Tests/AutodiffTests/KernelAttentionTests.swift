import Autodiff
import CPalimpsestKernels
import Foundation
import RandomStreams
import Testing

/// Attention in double precision, written down as its definition.
private struct PlainAttention {
    var shape: pal_attention_shape
    var probabilities: [Double]
    var out: [Double]
    var dQ: [Double]
    var dK: [Double]
    var dV: [Double]
    var dBias: [Double]

    init(_ s: pal_attention_shape, q: [Float], k: [Float], v: [Float], bias: [Float]?, dOut: [Float]) {
        let (m, n, w, width) = (s.q_tokens, s.k_tokens, s.head_width, s.heads * s.head_width)
        let scale = 1 / Double(w).squareRoot()
        shape = s
        probabilities = .init(repeating: 0, count: s.batch * s.heads * m * n)
        out = .init(repeating: 0, count: s.batch * m * width)
        dQ = out
        dK = .init(repeating: 0, count: s.batch * n * width)
        dV = dK
        dBias = .init(repeating: 0, count: s.heads * m * n)
        for picture in 0..<s.batch {
            for head in 0..<s.heads {
                for i in 0..<m {
                    let queryRow = (picture * m + i) * s.q_row + head * w
                    let outRow = (picture * m + i) * width + head * w
                    func keyRow(_ j: Int) -> Int { (picture * n + j) * s.kv_row + head * w }
                    func denseRow(_ j: Int) -> Int { (picture * n + j) * width + head * w }
                    var p = (0..<n).map { j in
                        (0..<w).reduce(0.0) { $0 + Double(q[queryRow + $1]) * Double(k[keyRow(j) + $1]) } * scale
                            + Double(bias?[(head * m + i) * n + j] ?? 0)
                    }
                    let most = p.max() ?? 0
                    p = p.map { exp($0 - most) }
                    let sum = p.reduce(0, +)
                    p = p.map { $0 / sum }
                    let dRow = (picture * m + i) * s.out_row + head * w
                    let dP = (0..<n).map { j in
                        (0..<w).reduce(0.0) { $0 + Double(dOut[dRow + $1]) * Double(v[keyRow(j) + $1]) }
                    }
                    let mean = zip(p, dP).reduce(0) { $0 + $1.0 * $1.1 }
                    for j in 0..<n {
                        probabilities[((picture * s.heads + head) * m + i) * n + j] = p[j]
                        let dS = p[j] * (dP[j] - mean)
                        dBias[(head * m + i) * n + j] += dS
                        for l in 0..<w {
                            out[outRow + l] += p[j] * Double(v[keyRow(j) + l])
                            dV[denseRow(j) + l] += p[j] * Double(dOut[dRow + l])
                            dQ[outRow + l] += dS * scale * Double(k[keyRow(j) + l])
                            dK[denseRow(j) + l] += dS * scale * Double(q[queryRow + l])
                        }
                    }
                }
            }
        }
    }
}

@Suite struct KernelAttentionTests {
    struct Size: CustomTestStringConvertible {
        var heads: Int
        var width: Int
        var queries: Int
        var keys: Int
        var testDescription: String { "\(heads) heads of \(width), \(queries) on \(keys)" }
    }

    static let sizes: [Size] = [
        Size(heads: 3, width: 64, queries: 17, keys: 17), Size(heads: 3, width: 32, queries: 65, keys: 65),
        Size(heads: 2, width: 8, queries: 50, keys: 50), Size(heads: 5, width: 4, queries: 7, keys: 7),
        Size(heads: 1, width: 5, queries: 9, keys: 9), Size(heads: 1, width: 33, queries: 31, keys: 31),
        Size(heads: 2, width: 16, queries: 1, keys: 1), Size(heads: 3, width: 1, queries: 3, keys: 2),
        Size(heads: 2, width: 24, queries: 5, keys: 33), Size(heads: 2, width: 32, queries: 33, keys: 1),
        Size(heads: 1, width: 64, queries: 197, keys: 197),
    ]

    /// Rows of a [tokens, 3 width] buffer, without the other two thirds.
    private func third(_ values: [Float], _ index: Int, _ width: Int) -> [Float] {
        stride(from: index * width, to: values.count, by: 3 * width).flatMap { values[$0..<$0 + width] }
    }

    @Test(arguments: KernelLevel.present, sizes)
    func forwardAndBackwardAreRight(_ level: KernelLevel, _ size: Size) {
        let engine = KernelEngine(threads: 2, level: level)
        var random = RandomStream(seed: 8)
        let (batch, width) = (2, size.heads * size.width)
        let scores = size.heads * size.queries * size.keys
        let q = random.guarded(batch * size.queries * width)
        // Keys and values interleaved with a third part that belongs to neither, as in a buffer of q, k, v.
        let kv = random.guarded(batch * size.keys * 3 * width)
        let dOut = random.guarded(batch * size.queries * width)
        let bias = random.guarded(scores)
        let shape = pal_attention_shape(
            batch: batch, heads: size.heads, head_width: size.width, q_tokens: size.queries, k_tokens: size.keys,
            q_row: width, kv_row: 3 * width, out_row: width)
        for biased in [false, true] {
            let plain = PlainAttention(
                shape, q: q.values, k: Array(kv.values[width...]), v: Array(kv.values[(2 * width)...]),
                bias: biased ? bias.values : nil, dOut: dOut.values)
            let out = GuardedFloats(.init(repeating: .nan, count: batch * size.queries * width))
            let unstored = GuardedFloats(out.values)
            let probabilities = GuardedFloats(.init(repeating: .nan, count: batch * scores))
            for (target, stored) in [(out, probabilities.pointer as UnsafeMutablePointer<Float>?), (unstored, nil)] {
                pal_attention_forward(
                    engine.pointer, shape, q.pointer, kv.pointer + width, kv.pointer + 2 * width,
                    biased ? bias.pointer : nil, target.pointer, stored)
            }
            #expect(relativeError(out.values, plain.out) < 3e-6)
            #expect(relativeError(probabilities.values, plain.probabilities) < 3e-6)
            #expect(unstored.values == out.values)
            let dQ = GuardedFloats(.init(repeating: .nan, count: q.count))
            let dKV = GuardedFloats(.init(repeating: .nan, count: kv.count))
            let dBias = GuardedFloats(.init(repeating: 1, count: scores))
            pal_attention_backward(
                engine.pointer, shape, q.pointer, kv.pointer + width, kv.pointer + 2 * width, probabilities.pointer,
                dOut.pointer, dQ.pointer, dKV.pointer + width, dKV.pointer + 2 * width, biased ? dBias.pointer : nil)
            #expect(relativeError(dQ.values, plain.dQ) < 1e-5)
            #expect(relativeError(third(dKV.values, 1, width), plain.dK) < 1e-5)
            #expect(relativeError(third(dKV.values, 2, width), plain.dV) < 1e-5)
            #expect(third(dKV.values, 0, width).allSatisfy { $0.isNaN }, "written outside of keys and values")
            if biased { #expect(relativeError(dBias.values, plain.dBias.map { $0 + 1 }) < 1e-5) }
            for buffer in [out, probabilities, dQ, dKV, dBias] { #expect(buffer.borderIsIntact) }
        }
    }

    @Test(arguments: KernelLevel.present)
    func largeScoresNeitherOverflowNorVanish(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 1, level: level)
        let shape = pal_attention_shape(
            batch: 1, heads: 1, head_width: 4, q_tokens: 2, k_tokens: 3, q_row: 4, kv_row: 4, out_row: 4)
        let q = GuardedFloats([100, 0, 0, 0, -100, 0, 0, 0])
        let k = GuardedFloats([100, 0, 0, 0, -100, 0, 0, 0, 100, 0, 0, 0])
        let v = GuardedFloats((0..<12).map(Float.init))
        let out = GuardedFloats(.init(repeating: .nan, count: 8))
        pal_attention_forward(engine.pointer, shape, q.pointer, k.pointer, v.pointer, nil, out.pointer, nil)
        #expect(out.values == [4, 5, 6, 7, 4, 5, 6, 7])
    }

    @Test(arguments: KernelLevel.present)
    func aNaNComesThrough(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 1, level: level)
        let shape = pal_attention_shape(
            batch: 1, heads: 1, head_width: 8, q_tokens: 5, k_tokens: 9, q_row: 8, kv_row: 8, out_row: 8)
        var random = RandomStream(seed: 9)
        let q = random.guarded(40)
        let k = random.guarded(72)
        k.pointer[70] = .nan
        let v = random.guarded(72)
        let out = GuardedFloats(.init(repeating: 0, count: 40))
        pal_attention_forward(engine.pointer, shape, q.pointer, k.pointer, v.pointer, nil, out.pointer, nil)
        #expect(out.values.allSatisfy { $0.isNaN })
    }

    @Test(arguments: KernelLevel.present)
    func bitsDoNotDependOnTheNumberOfThreads(_ level: KernelLevel) {
        var random = RandomStream(seed: 10)
        let (batch, tokens, heads, headWidth) = (5, 17, 3, 16)
        let width = heads * headWidth
        let qkv = random.guarded(batch * tokens * 3 * width)
        let dOut = random.guarded(batch * tokens * width)
        let bias = random.guarded(heads * tokens * tokens)
        let shape = pal_attention_shape(
            batch: batch, heads: heads, head_width: headWidth, q_tokens: tokens, k_tokens: tokens, q_row: 3 * width,
            kv_row: 3 * width, out_row: width)
        let results = [1, 2, 3, 7].map { threads in
            let engine = KernelEngine(threads: threads, level: level)
            let out = GuardedFloats(.init(repeating: 0, count: dOut.count))
            let probabilities = GuardedFloats(.init(repeating: 0, count: batch * bias.count))
            let dQKV = GuardedFloats(.init(repeating: 0, count: qkv.count))
            let dBias = GuardedFloats(.init(repeating: 0, count: bias.count))
            pal_attention_forward(
                engine.pointer, shape, qkv.pointer, qkv.pointer + width, qkv.pointer + 2 * width, bias.pointer,
                out.pointer, probabilities.pointer)
            pal_attention_backward(
                engine.pointer, shape, qkv.pointer, qkv.pointer + width, qkv.pointer + 2 * width, probabilities.pointer,
                dOut.pointer, dQKV.pointer, dQKV.pointer + width, dQKV.pointer + 2 * width, dBias.pointer)
            return out.values + probabilities.values + dQKV.values + dBias.values
        }
        for result in results { #expect(result == results[0]) }
    }
}
