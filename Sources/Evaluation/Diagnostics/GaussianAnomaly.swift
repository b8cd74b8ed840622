/// How unlike normal features others are: the Mahalanobis distance to one Gaussian (Rippel, Mertens, Merhof,
/// arXiv 2005.14140), its covariance shrunk as Ledoit and Wolf propose, or as it is.
public struct GaussianAnomaly: Sendable {
    /// How far the covariance was moved towards a multiple of the identity, from 0 to 1.
    public let shrinkage: Double
    /// The mean of each feature.
    public var mean: [Double] { means.values }
    /// The covariance `[d, d]`, divided by the number of rows.
    public let covariance: [Double]
    private let means: ColumnMeans
    private let factor: Cholesky
    private let width: Int

    /// Fits normal features, `rows` rows of `width` numbers; nil where the covariance is singular, as that of equal rows is.
    public init?(_ features: [Double], rows: Int, width: Int, isShrunk: Bool = true) {
        precondition(features.count == rows * width && rows >= 2, "\(features.count) numbers for \(rows) x \(width)")
        guard Self.differ(features, width: width) else { return nil }
        let (n, d) = (Double(rows), Double(width))
        let mean = ColumnMeans(features, width: width)
        let centred = mean.centred(features)
        let products = Gram.matrix(centred, rows: rows, width: width)
        var covariance = products.map { $0 / n }
        if isShrunk {
            let squares = Gram.matrix(centred.map { $0 * $0 }, rows: rows, width: width).reduce(0, +)
            let trace = (0..<width).reduce(0.0) { $0 + covariance[$1 * width + $1] }
            let t = trace / d
            let spread = products.reduce(0) { $0 + $1 * $1 } / (n * n)
            let delta = (spread - 2 * t * trace + d * t * t) / d
            let beta = min((squares / n - spread) / (d * n), delta)
            shrinkage = beta == 0 ? 0 : beta / delta
            for i in 0..<width {
                for j in 0..<width { covariance[i * width + j] *= 1 - shrinkage }
                covariance[i * width + i] += shrinkage * t
            }
        } else {
            shrinkage = 0
        }
        guard let factor = Cholesky(covariance, size: width) else { return nil }
        self.factor = factor
        self.covariance = covariance
        means = mean
        self.width = width
    }

    /// Whether rows differ at all: the covariance of equal ones is 0, or what rounding leaves.
    static func differ(_ features: [Double], width: Int) -> Bool {
        features.indices.contains { features[$0] != features[$0 % width] }
    }

    /// √((y − μ)ᵀ Σ⁻¹ (y − μ)) of each row.
    public func distances(_ features: [Double]) -> [Double] { squaredDistances(features).map { $0.squareRoot() } }

    /// (y − μ)ᵀ Σ⁻¹ (y − μ) of each row; about another centre than the fitted mean where one is given.
    public func squaredDistances(_ features: [Double], from centre: [Double]? = nil) -> [Double] {
        let rows = features.count / width
        let origin = centre ?? mean
        let centred = features.indices.map { features[$0] - origin[$0 % width] }
        var solved = centred
        factor.solve(&solved, rows: rows)
        return (0..<rows).map { row in
            max(0, (row * width..<(row + 1) * width).reduce(0.0) { $0 + centred[$1] * solved[$1] })
        }
    }

    /// The distance that a share `probability` of normal features stays below, if they are Gaussian: √ of the χ² quantile.
    ///
    /// Real features are rarely that Gaussian: a quantile of held-out normal distances is the better threshold.
    public func threshold(probability: Double) -> Double {
        ChiSquared.quantile(probability, degrees: Double(width)).squareRoot()
    }
}
