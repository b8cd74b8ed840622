import Foundation

/// How many directions features use: ranks and collapse figures of Z `[n, d]`, in double precision.
///
/// No single figure is safe: centring hides a constant, not centring mistakes a common offset for a constant, and means of
/// cosines do not see a collapse to few dimensions.
public struct FeatureSpectrum: Sendable {
    /// The min(n, d) singular values of Z as it is, falling.
    public let singularValues: [Double]
    /// The singular values of Z without its column means, falling.
    public let centredSingularValues: [Double]
    /// The mean over channels of the deviation of unit-length rows, times √d: 1 for isotropic features, 0 for constant ones
    /// (Chen and He, arXiv 2011.10566).
    public let unitDeviation: Double
    /// The mean cosine between different rows.
    public let meanCosine: Double
    /// tr Σ / (tr Σ + ‖mean‖²): tells a constant from a large common offset.
    public let relativeVariance: Double
    /// The deviation of each channel, dividing by the rows less one.
    public let deviations: [Double]

    private let rows: Int

    /// The figures of `features`, `rows` rows of `width` numbers.
    public init(_ features: [Double], rows: Int, width: Int) {
        precondition(features.count == rows * width && rows >= 2, "\(features.count) numbers for \(rows) x \(width)")
        let mean = ColumnMeans(features, width: width)
        let centred = mean.centred(features)
        singularValues = Self.singularValues(features, rows: rows, width: width)
        centredSingularValues = Self.singularValues(centred, rows: rows, width: width)
        let variance = centred.reduce(0) { $0 + $1 * $1 } / Double(rows - 1)
        let offset = mean.values.reduce(0) { $0 + $1 * $1 }
        relativeVariance = variance + offset > 0 ? variance / (variance + offset) : 0
        var spread = [Double](repeating: 0, count: width)
        for (place, value) in centred.enumerated() { spread[place % width] += value * value }
        deviations = spread.map { ($0 / Double(rows - 1)).squareRoot() }
        self.rows = rows

        var sum = [Double](repeating: 0, count: width)
        var squares = sum
        var lengths = 0.0
        for row in 0..<rows {
            let line = features[row * width..<(row + 1) * width]
            let length = line.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard length > 0 else { continue }
            lengths += 1
            for (column, value) in line.enumerated() {
                sum[column] += value / length
                squares[column] += value / length * (value / length)
            }
        }
        let n = Double(rows)
        let deviations = zip(sum, squares).map { max(0, ($1 - $0 * $0 / n) / (n - 1)).squareRoot() }
        unitDeviation = deviations.reduce(0, +) / Double(width) * Double(width).squareRoot()
        meanCosine = (sum.reduce(0) { $0 + $1 * $1 } - lengths) / (n * (n - 1))
    }

    /// exp(−Σ p ln p) with p = s/Σs + 1e-7 (RankMe, Garrido et al., arXiv 2210.02885; not centred).
    public var rankMe: Double { Self.entropyRank(singularValues, epsilon: 1e-7) }
    /// The same without the 1e-7 (Roy and Vetterli 2007).
    public var effectiveRank: Double { Self.entropyRank(singularValues, epsilon: 0) }
    /// RankMe after the column means are taken away.
    public var centredRankMe: Double { Self.entropyRank(centredSingularValues, epsilon: 1e-7) }
    /// The effective rank after the column means are taken away.
    public var centredEffectiveRank: Double { Self.entropyRank(centredSingularValues, epsilon: 0) }
    /// The entropy rank of the covariance's eigenvalues.
    public var covarianceRank: Double { Self.entropyRank(centredSingularValues.map { $0 * $0 }, epsilon: 0) }
    /// (Σλ)²/Σλ² of the covariance's eigenvalues.
    public var participationRatio: Double {
        let values = centredSingularValues.map { $0 * $0 }
        let sum = values.reduce(0, +)
        let squares = values.reduce(0) { $0 + $1 * $1 }
        return squares > 0 ? sum * sum / squares : 0
    }
    /// Σs²/s₁².
    public var stableRank: Double {
        guard let first = singularValues.first, first > 0 else { return 0 }
        return singularValues.reduce(0) { $0 + $1 * $1 } / (first * first)
    }

    /// The eigenvalues of the covariance, divided by the rows less one, falling.
    public var covarianceEigenvalues: [Double] { centredSingularValues.map { $0 * $0 / Double(rows - 1) } }

    /// How fast the covariance's eigenvalues fall as powers of their rank (α-ReQ, Agrawal et al. 2022): log λ against −log r by
    /// least squares with weights 1/r, over ranks counted from 1; nil where one of them is 0 or there are fewer than two.
    public func decay(ranks: ClosedRange<Int>) -> (alpha: Double, intercept: Double)? {
        let values = covarianceEigenvalues
        guard ranks.count >= 2, ranks.lowerBound >= 1, ranks.upperBound <= values.count,
            values[ranks.upperBound - 1] > 0
        else { return nil }
        var (weight, x, y, xx, xy) = (0.0, 0.0, 0.0, 0.0, 0.0)
        for rank in ranks {
            let (w, u, v) = (1 / Double(rank), -log(Double(rank)), log(values[rank - 1]))
            weight += w
            x += w * u
            y += w * v
            xx += w * u * u
            xy += w * u * v
        }
        let alpha = (weight * xy - x * y) / (weight * xx - x * x)
        return (alpha, (y - alpha * x) / weight)
    }

    static func entropyRank(_ values: [Double], epsilon: Double) -> Double {
        let sum = values.reduce(0, +)
        guard sum > 0 else { return 0 }
        let entropy = values.reduce(0.0) { total, value in
            let p = value / sum + epsilon
            return p > 0 ? total - p * log(p) : total
        }
        return exp(entropy)
    }

    /// Square roots of the eigenvalues of the smaller of ZᵀZ and ZZᵀ.
    private static func singularValues(_ z: [Double], rows: Int, width: Int) -> [Double] {
        let size = min(rows, width)
        let gram = Gram.matrix(z, rows: rows, width: width, ofRows: rows < width)
        return SymmetricEigen(gram, size: size).values.map { max($0, 0).squareRoot() }
    }
}
