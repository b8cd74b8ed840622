import Foundation
public import RandomStreams

/// Intervals and tests for accuracies.
public enum Uncertainty {
    /// Two ends of an interval.
    public typealias Interval = (low: Double, high: Double)

    /// Wilson's interval for a share (Wilson 1927): right near 0 and 1, where the normal one is not.
    ///
    /// - Parameters:
    ///   - hits: number of right answers, which may be a mean over several runs.
    ///   - trials: number of questions.
    ///   - level: confidence, 0.95 where not said.
    public static func wilson(hits: Double, trials: Int, level: Double = 0.95) -> Interval {
        guard trials > 0 else { return (0, 1) }
        let n = Double(trials)
        let share = hits / n
        let z = inverseNormal(0.5 + level / 2)
        let centre = share + z * z / (2 * n)
        let half = z * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        let scale = 1 + z * z / n
        // With no hit or no miss, an end is 0 or 1 exactly; rounding must not say otherwise.
        return (hits <= 0 ? 0 : (centre - half) / scale, hits >= n ? 1 : (centre + half) / scale)
    }

    /// Means of outcomes over resamples [resamples, n] of their numbers.
    public static func bootstrapMeans(_ outcomes: [Double], indices: [Int]) -> [Double] {
        stride(from: 0, to: indices.count, by: max(outcomes.count, 1)).map { start in
            var sum = 0.0
            for i in indices[start..<(start + outcomes.count)] { sum += outcomes[i] }
            return sum / Double(outcomes.count)
        }
    }

    /// The quantile of values at position q·(count − 1), linear between neighbours.
    public static func quantile(_ values: [Double], _ q: Double) -> Double {
        guard !values.isEmpty else { return .nan }
        let sorted = values.sorted()
        let position = q * Double(sorted.count - 1)
        let below = min(max(Int(position), 0), sorted.count - 1)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
    }

    /// The percentile interval of resampled means.
    public static func percentile(_ means: [Double], level: Double = 0.95) -> Interval {
        (quantile(means, (1 - level) / 2), quantile(means, (1 + level) / 2))
    }

    /// The interval of mean(b) − mean(a) for two encoders judged on the same pictures: both are resampled together.
    public static func pairedDifference(
        _ a: [Bool], _ b: [Bool], random: RandomStream, resamples: Int = 1000, level: Double = 0.95
    ) -> Interval {
        precondition(a.count == b.count, "\(a.count) outcomes against \(b.count)")
        guard !a.isEmpty else { return (0, 0) }
        let differences = zip(a, b).map { ($1 ? 1 : 0) - ($0 ? 1 : 0) }
        let bootstrap = random.child("bootstrap")
        let means = (0..<resamples).map { resample in
            var stream = bootstrap.child(resample)
            var sum = 0
            for _ in differences { sum += differences[stream.integer(below: differences.count)] }
            return Double(sum) / Double(differences.count)
        }
        return percentile(means, level: level)
    }

    /// McNemar's exact test of two encoders on the same pictures, two-sided.
    ///
    /// - Returns: `onlyB`, the pictures that a gets wrong and b right; `onlyA`, the reverse; and p = min(1, 2·P[X ≤ the
    ///   smaller]) for X binomial(onlyA + onlyB, ½).
    public static func mcNemar(_ a: [Bool], _ b: [Bool]) -> (onlyB: Int, onlyA: Int, p: Double) {
        precondition(a.count == b.count, "\(a.count) outcomes against \(b.count)")
        let onlyB = zip(a, b).count { !$0 && $1 }
        let onlyA = zip(a, b).count { $0 && !$1 }
        let trials = onlyA + onlyB
        var tail = 0.0
        for hits in 0...min(onlyA, onlyB) {
            let ways = lgamma(Double(trials + 1)) - lgamma(Double(hits + 1)) - lgamma(Double(trials - hits + 1))
            tail += exp(ways - Double(trials) * log(2))
        }
        return (onlyB, onlyA, min(1, 2 * tail))
    }

    /// Mean, standard deviation (n − 1) and half width of the t interval of a few runs; the last two need two runs.
    public static func runs(
        _ values: [Double], level: Double = 0.95
    ) -> (mean: Double, deviation: Double, halfWidth: Double) {
        let n = Double(values.count)
        let mean = values.reduce(0, +) / n
        guard values.count > 1 else { return (mean, 0, .infinity) }
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)).squareRoot()
        return (mean, deviation, StudentT.quantile(0.5 + level / 2, freedom: n - 1) * deviation / n.squareRoot())
    }
}

/// Student's t distribution.
enum StudentT {
    /// The value below which a share `probability` ≥ ½ lies, for `freedom` degrees of freedom.
    static func quantile(_ probability: Double, freedom: Double) -> Double {
        var (low, high) = (0.0, 1.0)
        while distribution(high, freedom: freedom) < probability, high < 1e300 { high *= 2 }
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if distribution(middle, freedom: freedom) < probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// P[T ≤ t] for t ≥ 0.
    static func distribution(_ t: Double, freedom: Double) -> Double {
        1 - 0.5 * incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)
    }

    /// The regularised incomplete beta function, by its continued fraction (Lentz's method).
    static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
        let logarithmOfBeta = lgamma(a) + lgamma(b) - lgamma(a + b)
        let front = exp(a * log(x) + b * log(1 - x) - logarithmOfBeta) / a
        var fraction = 1.0
        var numerator = 1.0
        var denominator = 0.0
        for i in 0..<500 {
            let m = Double(i / 2)
            let term: Double
            if i == 0 {
                term = 1
            } else if i % 2 == 0 {
                term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            } else {
                term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            }
            denominator = 1 / nonZero(1 + term * denominator)
            numerator = nonZero(1 + term / numerator)
            let change = numerator * denominator
            fraction *= change
            if abs(change - 1) < 1e-16 { break }
        }
        return front * (fraction - 1)
    }

    private static func nonZero(_ value: Double) -> Double { abs(value) < 1e-300 ? 1e-300 : value }
}
