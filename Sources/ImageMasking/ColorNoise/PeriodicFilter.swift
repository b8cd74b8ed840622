import RandomStreams

/// A colour filter on square tiles that repeat at their borders, ready to be applied.
///
/// Every filter is a sum of products of Gaussians, so its transfer function H on the DFT grid is known in closed form and
/// `passes` of it are Hⁿ. The inverse transform of Hⁿ is one kernel as large as the tile; a field is its circular
/// convolution with white noise. Only the window that a mask needs is computed, which for grids up to some 16 × 16 is
/// cheaper than two fast Fourier transforms.
public struct PeriodicFilter: Sendable {
    /// Side of the tile.
    public let side: Int
    /// Hⁿ on the DFT grid, frequency 0 first, `[side · side]`.
    public let response: [Double]
    /// Rows of the kernel, each written twice in a row, so that any circular shift of it is contiguous.
    private let kernel: [Float]

    /// The filter on tiles of `side` × `side`, 1 to 1024; throws for widths and passes that no filter can have.
    public init(_ filter: NoiseFilter, side: Int) throws(MaskingError) {
        let isTile = (1...1024).contains(side)
        if let reason = filter.fault ?? (isTile ? nil : "a noise tile has a side from 1 to 1024, not \(side)") {
            let square = PatchGrid(rows: max(side, 1), columns: max(side, 1))
            throw .unsuited(strategy: ColorNoiseMasking.name, grid: square, reason: reason)
        }
        let cosines = (0..<side).map { cosine(turns: Double($0) / Double(side)) }
        let low = Self.gaussianTransfer(filter.sigmaLow, cosines)
        let high = Self.gaussianTransfer(filter.sigmaHigh, cosines)
        var response: [Double] = []
        for v in 0..<side {
            for u in 0..<side {
                let a = low[v] * low[u]
                let b = high[v] * high[u]
                let once: Double
                switch filter.color {
                case .white: once = 1
                case .red: once = a
                case .blue: once = 1 - a
                case .green: once = a - b
                case .purple: once = 1 - a + b
                }
                response.append((0..<filter.passes).reduce(1) { product, _ in product * once })
            }
        }
        self.side = side
        self.response = response
        kernel = Self.kernel(of: response, cosines).map { Float($0) }
    }

    /// The window of the filtered field whose top left cell is (`row`, `column`), row by row.
    ///
    /// `tile` is white noise, `[side · side]`; the window wraps at the tile's border.
    public func window(of tile: [Float], row: Int = 0, column: Int = 0, grid: PatchGrid) -> [Float] {
        precondition(tile.count == side * side, "a tile of \(tile.count) cells for a filter of side \(side)")
        var field: [Float] = []
        field.reserveCapacity(grid.count)
        tile.withUnsafeBytes { tile in
            kernel.withUnsafeBytes { kernel in
                for r in 0..<grid.rows {
                    for c in 0..<grid.columns {
                        field.append(cell(tile, kernel, (row + r) % side, (column + c) % side))
                    }
                }
            }
        }
        return field
    }

    /// Σ over the tile of white · kernel shifted to (r, c). The kernel is even in both axes.
    private func cell(_ tile: UnsafeRawBufferPointer, _ kernel: UnsafeRawBufferPointer, _ r: Int, _ c: Int) -> Float {
        var lanes = SIMD8<Float>()
        var rest: Float = 0
        let wholes = side - side % 8
        for u in 0..<side {
            let shifted = ((u - r + side) % side) * 2 * side + side - c
            for v in stride(from: 0, to: wholes, by: 8) {
                let white = tile.loadUnaligned(fromByteOffset: 4 * (u * side + v), as: SIMD8<Float>.self)
                lanes += white * kernel.loadUnaligned(fromByteOffset: 4 * (shifted + v), as: SIMD8<Float>.self)
            }
            for v in wholes..<side {
                let white = tile.load(fromByteOffset: 4 * (u * side + v), as: Float.self)
                rest += white * kernel.load(fromByteOffset: 4 * (shifted + v), as: Float.self)
            }
        }
        let four = lanes.lowHalf + lanes.highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y + rest
    }

    /// The transfer function of the normalised Gaussian g[k] ∝ exp(−k²/2σ²), |k| ≤ Int(4σ + 0.5), on one axis.
    private static func gaussianTransfer(_ sigma: Double, _ cosines: [Double]) -> [Double] {
        let weights = gaussianKernel(sigma)
        let radius = weights.count / 2
        let side = cosines.count
        return (0..<side).map { f in
            (-radius...radius).reduce(0) { sum, k in
                sum + weights[k + radius] * cosines[((f * k) % side + side) % side]
            }
        }
    }

    /// The inverse DFT of an even response, rows doubled.
    private static func kernel(of response: [Double], _ cosines: [Double]) -> [Double] {
        let side = cosines.count
        func transformed(_ values: [Double]) -> [Double] {
            // out[x, v] = Σ_u values[v, u] cos(2π u x / side): transforms rows and transposes.
            var out = [Double](repeating: 0, count: side * side)
            for v in 0..<side {
                for x in 0..<side {
                    var sum = 0.0
                    for u in 0..<side { sum += values[v * side + u] * cosines[(u * x) % side] }
                    out[x * side + v] = sum / Double(side)
                }
            }
            return out
        }
        let kernel = transformed(transformed(response))
        return (0..<side).flatMap { row -> [Double] in
            let values = kernel[row * side..<(row + 1) * side]
            return Array(values) + Array(values)
        }
    }
}

/// The Gaussian of width `sigma` cut at Int(4σ + 0.5) cells and normalised to sum 1.
package func gaussianKernel(_ sigma: Double) -> [Double] {
    let radius = Int(4 * sigma + 0.5)
    // The square of a tiny width is zero.
    guard radius > 0 else { return [1] }
    let weights = (-radius...radius).map { exponential(-Double($0 * $0) / (2 * sigma * sigma)) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
}
