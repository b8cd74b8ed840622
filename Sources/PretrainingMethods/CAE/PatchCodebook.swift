public import Autodiff
package import Checkpoints
import ContentDigests
public import RandomStreams

/// A tokenizer of normalised patches: the token of a patch is the number of the nearest row.
///
/// Patches are those of `PixelTarget`, normalised. This is ours: the published tokens come from DALL-E's autoencoder, which
/// sees eight pixels a side and says nothing of small pictures.
public struct PatchCodebook: Sendable {
    /// The rows, `[K, P]`.
    public let rows: Tensor
    /// |row|² of each.
    private let squares: [Float]
    /// The SHA-256 of the rows.
    var digest: String {
        var digest = SHA256()
        digest.update([UInt8]("\(rows.shape)\n".utf8))
        rows.withUnsafeBuffer { digest.update(UnsafeRawBufferPointer($0)) }
        return digest.hexadecimal()
    }

    /// A codebook of rows `[K, P]`.
    public init(_ rows: Tensor) {
        precondition(rows.shape.rank == 2 && rows.count > 0, "a codebook of shape \(rows.shape)")
        self.rows = rows
        let width = rows.shape[1]
        let values = rows.array
        squares = (0..<rows.shape[0]).map { row -> Float in
            var sum = 0.0
            for value in values[row * width..<(row + 1) * width] { sum += Double(value) * Double(value) }
            return Float(sum)
        }
    }

    /// The tensor `codebook` of a safetensors file, for patches of so many values.
    init(path: String, patchValues: Int) throws {
        try self.init(try Safetensors.read(path), path: path, patchValues: patchValues)
    }

    /// Checks all of a file that was read; `path` is for errors.
    package init(_ file: SafetensorsFile, path: String, patchValues: Int) throws {
        guard let stored = file["codebook"] else {
            throw MethodError.unusableFile(path: path, reason: "has no tensor \"codebook\"")
        }
        guard stored.shape.count == 2, stored.shape[0] >= 2, stored.shape[1] == patchValues else {
            throw MethodError.unusableFile(
                path: path,
                reason: "its codebook has the shape \(stored.shape); allowed is [2 or more, \(patchValues)], a row of "
                    + "\(patchValues) values for a patch")
        }
        let values = stored.floats()
        guard values.allSatisfy(\.isFinite) else {
            throw MethodError.unusableFile(path: path, reason: "its codebook holds a value that is not finite")
        }
        self.init(Tensor(values, Shape(stored.shape)))
    }

    /// The number of rows, K.
    public var count: Int { rows.shape[0] }

    /// The row nearest to each patch `[…, P]` by squared distance; of equally near ones the first.
    public func tokens(of patches: Tensor, engine: Engine) -> [Int] {
        nearest(to: patches, engine: engine).map(\.token)
    }

    /// The nearest row of each patch, and the squared distance to it.
    ///
    /// Matrix products in single precision say which rows can be the nearest; where several can, double precision decides.
    func nearest(to patches: Tensor, engine: Engine) -> [(token: Int, distance: Double)] {
        let width = rows.shape[1]
        let all = patches.reshaped([patches.count / width, width])
        let largest = squares.max() ?? 0
        var result: [(token: Int, distance: Double)] = []
        result.reserveCapacity(all.shape[0])
        let size = max(1, 4_194_304 / count)
        for start in stride(from: 0, to: all.shape[0], by: size) {
            let part = all.entries(start..<min(start + size, all.shape[0]))
            var tape = Tape(engine: engine, recording: false)
            let products = tape.linear(tape.constant(part), weight: tape.constant(rows)).value
            part.withUnsafeBuffer { patches in
                products.withUnsafeBuffer { products in
                    rows.withUnsafeBuffer { rows in
                        for row in 0..<part.shape[0] {
                            let patch = UnsafeBufferPointer(rebasing: patches[row * width..<(row + 1) * width])
                            let scores = products[row * count..<(row + 1) * count]
                            result.append(nearest(to: patch, scores, rows, largest))
                        }
                    }
                }
            }
        }
        return result
    }

    private func nearest(
        to patch: UnsafeBufferPointer<Float>, _ products: Slice<UnsafeBufferPointer<Float>>,
        _ rows: UnsafeBufferPointer<Float>, _ largest: Float
    ) -> (token: Int, distance: Double) {
        let base = products.startIndex
        var lowest = Float.infinity
        for row in 0..<count { lowest = min(lowest, squares[row] - 2 * products[base + row]) }
        // Far above the rounding of a product.
        let square: Float = patch.reduce(0) { $0 + $1 * $1 }
        let bound = lowest + 1e-4 * (square + largest)
        var best = (token: 0, distance: Double.infinity)
        for row in 0..<count where squares[row] - 2 * products[base + row] <= bound {
            var distance = 0.0
            for place in patch.indices {
                let difference = Double(patch[place]) - Double(rows[row * patch.count + place])
                distance += difference * difference
            }
            if distance < best.distance { best = (row, distance) }
        }
        return best
    }

    /// A codebook of `count` rows by Lloyd's k-means on patches `[n, P]`, n at least `count`; nil for fewer.
    ///
    /// It starts with the first patches of a permutation. A row that no patch is nearest to takes the patch that is farthest
    /// from its own.
    public init?(
        fittedTo patches: Tensor, count: Int, rounds: Int = 20, random: RandomStream, engine: Engine
    ) {
        let width = patches.shape.columns
        let n = patches.count / width
        guard count >= 1, n >= count else { return nil }
        let values = patches.array
        func patch(_ index: Int) -> ArraySlice<Float> { values[index * width..<(index + 1) * width] }
        var stream = random
        let start = stream.permutation(n).prefix(count).flatMap { patch($0) }
        var codebook = PatchCodebook(Tensor(start, [count, width]))
        for _ in 0..<rounds {
            let nearest = codebook.nearest(to: patches, engine: engine)
            var sums = [Double](repeating: 0, count: count * width)
            var members = [Int](repeating: 0, count: count)
            for (index, (token, _)) in nearest.enumerated() {
                members[token] += 1
                for (place, value) in patch(index).enumerated() { sums[token * width + place] += Double(value) }
            }
            var rows = [Float](repeating: 0, count: count * width)
            var far = members.contains(0) ? nearest.indices.sorted { farther(nearest, $0, $1) }[...] : []
            for token in 0..<count {
                let places = token * width..<(token + 1) * width
                if members[token] > 0 {
                    for place in places { rows[place] = Float(sums[place] / Double(members[token])) }
                } else if let index = far.popFirst() {
                    rows.replaceSubrange(places, with: patch(index))
                }
            }
            codebook = PatchCodebook(Tensor(rows, [count, width]))
        }
        self = codebook
    }
}

/// Farthest first; of equally far ones the first.
private func farther(_ nearest: [(token: Int, distance: Double)], _ a: Int, _ b: Int) -> Bool {
    let (one, other) = (nearest[a].distance, nearest[b].distance)
    return one == other ? a < b : one > other
}
