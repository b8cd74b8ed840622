import Foundation

/// How unlike normal features others are: the Mahalanobis distance to one Gaussian (Rippel, Mertens, Merhof,
/// arXiv 2005.14140), its covariance shrunk as Ledoit and Wolf propose.
public struct GaussianAnomaly: Sendable {
    /// How far the covariance was moved towards a multiple of the identity, from 0 to 1.
    public let shrinkage: Double
    private let mean: ColumnMeans
    private let factor: Cholesky
    private let width: Int

    /// Fits normal features, `rows` rows of `width` numbers; nil where the covariance is singular.
    public init?(_ features: [Double], rows: Int, width: Int) {
        precondition(features.count == rows * width && rows >= 2, "\(features.count) numbers for \(rows) x \(width)")
        let (n, d) = (Double(rows), Double(width))
        let mean = ColumnMeans(features, width: width)
        let centred = mean.centred(features)
        let products = Gram.matrix(centred, rows: rows, width: width)
        let squares = Gram.matrix(centred.map { $0 * $0 }, rows: rows, width: width).reduce(0, +)
        var covariance = products.map { $0 / n }
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
        guard let factor = Cholesky(covariance, size: width) else { return nil }
        self.factor = factor
        self.mean = mean
        self.width = width
    }

    /// √((y − μ)ᵀ Σ⁻¹ (y − μ)) of each row.
    public func distances(_ features: [Double]) -> [Double] {
        let rows = features.count / width
        let centred = mean.centred(features)
        var solved = centred
        factor.solve(&solved, rows: rows)
        return (0..<rows).map { row in
            let sum = (row * width..<(row + 1) * width).reduce(0.0) { $0 + centred[$1] * solved[$1] }
            return max(sum, 0).squareRoot()
        }
    }

    /// The distance that a share `probability` of normal features stays below, if they are Gaussian: √ of the χ² quantile.
    ///
    /// Real features are rarely that Gaussian: a quantile of held-out normal distances is the better threshold.
    public func threshold(probability: Double) -> Double {
        ChiSquared.quantile(probability, degrees: Double(width)).squareRoot()
    }
}

/// Principal components of normal features, for scores on those that vary most or least.
public struct PrincipalComponents: Sendable {
    /// The share of the variance of each component, falling.
    public let explained: [Double]
    private let mean: ColumnMeans
    private let directions: SymmetricEigen
    private let width: Int

    /// The components of `rows` rows of `width` numbers.
    public init(_ features: [Double], rows: Int, width: Int) {
        let mean = ColumnMeans(features, width: width)
        let centred = mean.centred(features)
        directions = SymmetricEigen(Gram.matrix(centred, rows: rows, width: width), size: width)
        let kept = directions.values.prefix(min(rows, width)).map { max($0, 0) }
        let sum = kept.reduce(0, +)
        explained = kept.map { sum > 0 ? $0 / sum : 0 }
        self.mean = mean
        self.width = width
    }

    /// The first component at which the cumulated share of the variance passes `share`.
    public func last(above share: Double) -> Int {
        var sum = 0.0
        for (index, part) in explained.enumerated() {
            sum += part
            if sum > share { return index }
        }
        return explained.count - 1
    }

    /// Features along some of the components.
    public func projected(_ features: [Double], on components: Range<Int>) -> [Double] {
        (0..<features.count / width).flatMap { row in
            components.map { component in
                zip(directions.vector(component), 0..<width).reduce(0.0) {
                    $0 + $1.0 * (features[row * width + $1.1] - mean.values[$1.1])
                }
            }
        }
    }
}

/// The χ² distribution.
package enum ChiSquared {
    /// The value below which a share of the distribution lies, by bisection on its distribution function.
    package static func quantile(_ share: Double, degrees: Double) -> Double {
        var (low, high) = (0.0, degrees + 10)
        while gammaShare(degrees / 2, high / 2) < share { high *= 2 }
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if gammaShare(degrees / 2, middle / 2) < share { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The regularised lower incomplete gamma function P(a, x): a series below a + 1, a continued fraction above.
    static func gammaShare(_ a: Double, _ x: Double) -> Double {
        guard x > 0 else { return 0 }
        let front = exp(a * log(x) - x - lgamma(a))
        if x < a + 1 {
            var term = 1 / a
            var sum = term
            var n = a
            while abs(term) > 1e-17 * abs(sum) {
                n += 1
                term *= x / n
                sum += term
            }
            return front * sum
        }
        var b = x + 1 - a
        var c = 1e300
        var d = 1 / b
        var h = d
        for i in 1..<1000 {
            let an = -Double(i) * (Double(i) - a)
            b += 2
            d = 1 / (an * d + b)
            c = b + an / c
            h *= d * c
            if abs(d * c - 1) < 1e-16 { break }
        }
        return 1 - front * h
    }
}

extension Ranking {
    /// The probability that a score of an anomalous sample exceeds one of a normal sample, ties counted half.
    package static func areaUnderCurve(_ scores: [Double], anomalous: [Bool]) -> Double {
        let order = scores.indices.sorted { scores[$0] < scores[$1] }
        var below = 0.0
        var wins = 0.0
        var start = 0
        while start < order.count {
            var end = start
            while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
            let group = order[start..<end]
            let positives = Double(group.count { anomalous[$0] })
            let negatives = Double(group.count) - positives
            wins += positives * (below + 0.5 * negatives)
            below += negatives
            start = end
        }
        let positives = Double(anomalous.count { $0 })
        return wins / (positives * (Double(scores.count) - positives))
    }
}
