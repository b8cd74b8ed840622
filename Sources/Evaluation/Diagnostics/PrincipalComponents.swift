/// Principal components of features: directions of falling variance.
public struct PrincipalComponents: Sendable {
    /// The variance along each component, divided by the rows less one, falling.
    public let variances: [Double]
    /// Its share of the variance of all.
    public let explained: [Double]
    /// The mean of each feature.
    public var mean: [Double] { means.values }
    private let means: ColumnMeans
    /// Unit directions, one behind the other; in each the entry of largest magnitude is positive.
    private let directions: [Double]
    private let width: Int

    /// The min(n, d) components of `rows` rows of `width` numbers.
    public init(_ features: [Double], rows: Int, width: Int) {
        precondition(features.count == rows * width && rows >= 2, "\(features.count) numbers for \(rows) x \(width)")
        let means = ColumnMeans(features, width: width)
        let eigen = SymmetricEigen(Gram.matrix(means.centred(features), rows: rows, width: width), size: width)
        let kept = eigen.values.prefix(min(rows, width)).map { max($0, 0) }
        let sum = kept.reduce(0, +)
        explained = kept.map { sum > 0 ? $0 / sum : 0 }
        variances = kept.map { $0 / Double(rows - 1) }
        directions = kept.indices.flatMap { component in
            let vector = eigen.vector(component)
            let largest = vector.max { abs($0) < abs($1) } ?? 0
            return largest < 0 ? vector.map { -$0 } : Array(vector)
        }
        self.means = means
        self.width = width
    }

    /// The unit direction of a component, `[d]`.
    public func direction(_ component: Int) -> ArraySlice<Double> {
        directions[component * width..<(component + 1) * width]
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

    /// Features along some of the components, `[rows, components]`.
    public func projected(_ features: [Double], on components: Range<Int>) -> [Double] {
        (0..<features.count / width).flatMap { row in
            components.map { component in
                zip(direction(component), 0..<width).reduce(0.0) {
                    $0 + $1.0 * (features[row * width + $1.1] - means.values[$1.1])
                }
            }
        }
    }
}
