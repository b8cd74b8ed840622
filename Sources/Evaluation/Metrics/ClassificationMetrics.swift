import Foundation

/// What scores of classes come to, beside the labels; every figure of a classifier that is not an interval.
///
/// An absent class is one without a label. A share whose divisor is 0 is 0.
public struct ClassificationMetrics: Sendable {
    /// The number of classes.
    public let classes: Int
    /// The class with the largest score of each row; of equal ones the lower.
    public let predictions: [Int]
    /// How many rows of each class got each prediction, `[class, prediction]`.
    public let confusion: [Int]
    /// Softmax of the scores, `[rows, classes]`.
    public let probabilities: [Double]
    private let scores: [Double]
    private let labels: [Int]

    /// Of `scores` `[rows, classes]` before the softmax and a label for each row.
    public init(scores: [Double], classes: Int, labels: [Int]) {
        precondition(
            scores.count == labels.count * classes && !labels.isEmpty,
            "\(scores.count) scores for \(labels.count) labels")
        self.classes = classes
        self.scores = scores
        self.labels = labels
        let predictions = Ranking.best(scores, classes: classes)
        var confusion = [Int](repeating: 0, count: classes * classes)
        for (label, prediction) in zip(labels, predictions) { confusion[label * classes + prediction] += 1 }
        self.confusion = confusion
        self.predictions = predictions
        var probabilities = scores
        probabilities.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            for row in labels.indices { softmax(base + row * classes, count: classes) }
        }
        self.probabilities = probabilities
    }

    /// Rows of each class.
    public var support: [Int] { (0..<classes).map { label in (0..<classes).reduce(0) { $0 + count(label, $1) } } }
    /// Rows of each prediction.
    private var predicted: [Int] { (0..<classes).map { guess in (0..<classes).reduce(0) { $0 + count($1, guess) } } }

    private func count(_ label: Int, _ prediction: Int) -> Int { confusion[label * classes + prediction] }

    /// The share of rows whose label is among the `ranks` largest scores.
    public func accuracy(ranks: Int = 1) -> Double {
        Ranking.share(Ranking.hits(scores, classes: classes, labels: labels, ranks: ranks))
    }

    /// The share of each class that was right; nil for an absent class.
    public var recall: [Double?] {
        support.enumerated().map { $1 == 0 ? nil : Double(count($0, $0)) / Double($1) }
    }
    /// The share of each prediction that was right.
    public var precision: [Double] {
        predicted.enumerated().map { Self.share(Double(count($0, $0)), Double($1)) }
    }
    /// 2·right / (rows of the class + rows of the prediction), of each class.
    public var f1: [Double] {
        zip(support, predicted).enumerated().map {
            Self.share(2 * Double(count($0, $0)), Double($1.0 + $1.1))
        }
    }
    /// The mean of `recall` over the classes that occur: balanced accuracy.
    public var meanRecall: Double { Self.mean(recall.compactMap { $0 }) }
    /// The mean of `f1` over the classes that occur.
    public var meanF1OfPresent: Double { Self.mean(zip(f1, support).filter { $1 > 0 }.map(\.0)) }
    /// The mean of `f1` over all classes.
    public var meanF1: Double { Self.mean(f1) }

    /// The mean of −log of the label's probability, in nats.
    public var logLoss: Double {
        Self.mean(
            labels.enumerated().map { row, label in
                let z = scores[row * classes..<(row + 1) * classes]
                let largest = z.max() ?? 0
                return largest + log(z.reduce(0) { $0 + exp($1 - largest) }) - scores[row * classes + label]
            })
    }
    /// The mean over rows of Σ (probability − 1 for the label)².
    public var brier: Double {
        Self.mean(
            labels.enumerated().map { row, label in
                (0..<classes).reduce(0.0) { sum, k in
                    let difference = probabilities[row * classes + k] - (k == label ? 1 : 0)
                    return sum + difference * difference
                }
            })
    }

    /// A stretch of confidences.
    public struct Bin: Sendable, Equatable {
        /// Rows whose largest probability lies in it.
        public var count = 0
        /// The mean of those probabilities.
        public var confidence = 0.0
        /// The share of these rows that was right.
        public var accuracy = 0.0
    }

    /// Confidences in equal stretches (low, high] of [0, 1], the first closed; what is empty is 0.
    public func calibration(bins count: Int) -> [Bin] {
        var bins = [Bin](repeating: Bin(), count: count)
        for (row, prediction) in predictions.enumerated() {
            let confidence = probabilities[row * classes + prediction]
            var place = min(count - 1, max(0, Int((confidence * Double(count)).rounded(.up)) - 1))
            // Edges are quotients; a product may round to the other side of one.
            if place > 0, confidence <= Double(place) / Double(count) { place -= 1 }
            if place < count - 1, confidence > Double(place + 1) / Double(count) { place += 1 }
            bins[place].count += 1
            bins[place].confidence += confidence
            bins[place].accuracy += prediction == labels[row] ? 1 : 0
        }
        return bins.map { bin in
            guard bin.count > 0 else { return bin }
            return Bin(
                count: bin.count, confidence: bin.confidence / Double(bin.count),
                accuracy: bin.accuracy / Double(bin.count))
        }
    }
    /// The mean distance of confidence and accuracy over rows, by bins (Guo et al., arXiv 1706.04599).
    public func calibrationError(bins count: Int = 15) -> Double {
        calibration(bins: count).reduce(0) {
            $0 + Double($1.count) / Double(labels.count) * abs($1.confidence - $1.accuracy)
        }
    }

    private static func share(_ part: Double, _ whole: Double) -> Double { whole > 0 ? part / whole : 0 }
    private static func mean(_ values: [Double]) -> Double { share(values.reduce(0, +), Double(values.count)) }
}
