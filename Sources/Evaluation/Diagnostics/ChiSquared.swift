import Foundation

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
