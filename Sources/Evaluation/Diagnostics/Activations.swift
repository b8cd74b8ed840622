import Foundation

/// Values far above the rest of a block's output (Sun et al., *Massive Activations in Large Language Models*,
/// arXiv 2402.17762).
public struct MassiveActivations: Sendable {
    /// The three largest absolute values, falling, averaged over pictures.
    public let top3: [Double]
    /// The lower median of the absolute values, averaged over pictures.
    public let median: Double
    /// The largest absolute value over the median, averaged over pictures: the figure to follow.
    public let maxToMedian: Double
    /// Values above 100 and above 1,000 medians, by picture.
    public let counts: [Int]
    /// Token and channel of the largest absolute value, by picture.
    public let places: [(token: Int, channel: Int)]

    /// The figures of a block's output, `pictures` times `tokens` times `width` numbers.
    public init(_ values: [Double], pictures: Int, tokens: Int, width: Int) {
        precondition(values.count == pictures * tokens * width && tokens * width >= 3, "\(values.count) numbers")
        let count = tokens * width
        var top3 = [0.0, 0, 0]
        var median = 0.0
        var ratio = 0.0
        var counts: [Int] = []
        var places: [(token: Int, channel: Int)] = []
        for picture in 0..<pictures {
            let sizes = values[picture * count..<(picture + 1) * count].map { abs($0) }
            let sorted = sizes.sorted()
            let middle = sorted[(count - 1) / 2]
            for place in 0..<3 { top3[place] += sorted[count - 1 - place] / Double(pictures) }
            median += middle / Double(pictures)
            // A picture of zeros has no largest value to speak of.
            ratio += middle > 0 ? sorted[count - 1] / middle / Double(pictures) : 0
            counts.append(sizes.count { $0 > 100 && $0 > 1000 * middle })
            let largest = sizes.firstIndex(of: sorted[count - 1]) ?? 0
            places.append((largest / width, largest % width))
        }
        self.top3 = top3
        self.median = median
        maxToMedian = ratio
        self.counts = counts
        self.places = places
    }
}

/// How many hidden units of a perceptron are at work (after Li et al., *The Lazy Neuron Phenomenon*, arXiv 2210.06313; for
/// GELU the measures are ours).
public struct ActivationSparsity: Sendable {
    /// Share of activations above 0.
    public let positiveShare: Double
    /// Share of |a| above a tenth of the root mean square of the token's hidden vector.
    public let aboveThresholdShare: Double
    /// Mean over tokens of (Σ|a|)² / (H Σa²): 1 for equal sizes, 1/H for a single unit.
    public let participation: Double
    /// Share of units that are above 0 at no token.
    public let deadUnitShare: Double
    /// Which units are above 0 at some token.
    public let isAlive: [Bool]

    /// The measures of activations, `tokens` (of all pictures together) times `units` numbers.
    public init(_ activations: [Double], tokens: Int, units: Int) {
        precondition(activations.count == tokens * units && tokens > 0 && units > 0, "\(activations.count) numbers")
        var positive = 0
        var above = 0
        var participation = 0.0
        var live = 0
        var isAlive = [Bool](repeating: false, count: units)
        for token in 0..<tokens {
            let row = activations[token * units..<(token + 1) * units]
            let squares = row.reduce(0) { $0 + $1 * $1 }
            let threshold = 0.1 * (squares / Double(units)).squareRoot()
            var sum = 0.0
            for (unit, value) in row.enumerated() {
                if value > 0 {
                    positive += 1
                    isAlive[unit] = true
                }
                if abs(value) > threshold { above += 1 }
                sum += abs(value)
            }
            guard squares > 0 else { continue }
            live += 1
            participation += sum * sum / (Double(units) * squares)
        }
        let count = Double(activations.count)
        positiveShare = Double(positive) / count
        aboveThresholdShare = Double(above) / count
        self.participation = live > 0 ? participation / Double(live) : 0
        deadUnitShare = Double(isAlive.count { !$0 }) / Double(units)
        self.isAlive = isAlive
    }
}
