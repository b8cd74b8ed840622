/// A Gaussian for each class of features, with one covariance for all: how unlike every known class others are (Lee et al.,
/// arXiv 1807.03888), and how much more so than unlike the whole (Ren et al., arXiv 2106.09022).
public struct ClassGaussians: Sendable {
    /// The mean of each class, `[classes, d]`.
    public let means: [Double]
    /// The covariance within classes `[d, d]`, divided by the number of rows.
    public var covariance: [Double] { within.covariance }
    private let within: GaussianAnomaly
    private let total: GaussianAnomaly
    private let width: Int

    /// Fits `labels.count` rows of `width` numbers, each of one of `classes` classes that all occur; nil where a covariance is
    /// singular.
    public init?(_ features: [Double], width: Int, labels: [Int], classes: Int) {
        precondition(features.count == labels.count * width, "\(features.count) numbers for \(labels.count) labels")
        var means = [Double](repeating: 0, count: classes * width)
        var counts = [Double](repeating: 0, count: classes)
        for (row, label) in labels.enumerated() {
            counts[label] += 1
            for i in 0..<width { means[label * width + i] += features[row * width + i] }
        }
        for place in means.indices { means[place] /= max(counts[place / width], 1) }
        let residuals = features.indices.map { features[$0] - means[labels[$0 / width] * width + $0 % width] }
        guard let within = GaussianAnomaly(residuals, rows: labels.count, width: width, isShrunk: false),
            let total = GaussianAnomaly(features, rows: labels.count, width: width, isShrunk: false)
        else { return nil }
        self.means = means
        self.within = within
        self.total = total
        self.width = width
    }

    /// The smallest squared distance of each row to a class.
    public func squaredDistances(_ features: [Double]) -> [Double] {
        let classes = means.count / width
        return (1..<max(classes, 1)).reduce(distances(features, to: 0)) { nearest, label in
            zip(nearest, distances(features, to: label)).map { min($0, $1) }
        }
    }

    /// The same less the squared distance to one Gaussian of all rows.
    public func relativeDistances(_ features: [Double]) -> [Double] {
        zip(squaredDistances(features), total.squaredDistances(features)).map { $0 - $1 }
    }

    private func distances(_ features: [Double], to label: Int) -> [Double] {
        within.squaredDistances(features, from: Array(means[label * width..<(label + 1) * width]))
    }
}
