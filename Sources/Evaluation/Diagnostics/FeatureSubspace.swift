/// Which principal components of normal features a Gaussian is fitted on (Rippel et al., arXiv 2005.14140).
public enum FeatureSubspace: String, Sendable, CaseIterable {
    /// The features as they are.
    case full
    /// The components that vary most: 0…j, where j is the first (counted from 0) at which the cumulated share of the variance passes a
    /// threshold.
    case pca
    /// Those that vary least, j − 1 and on: what normal features hardly do, anomalous ones may.
    case npca

    /// The share of the variance that is the authors' default.
    public static let usualShare = 0.95

    /// The components of the subspace; nil for the features as they are. Both subspaces hold the border.
    public func components(of components: PrincipalComponents, share: Double = usualShare) -> Range<Int>? {
        let last = components.last(above: share)
        switch self {
        case .full: return nil
        case .pca: return 0..<last + 1
        case .npca: return max(0, last - 1)..<components.explained.count
        }
    }
}

/// A Gaussian of normal features in one of their subspaces.
public struct SubspaceGaussian: Sendable {
    /// The Gaussian, of features along the components.
    public let gaussian: GaussianAnomaly
    private let components: PrincipalComponents
    private let range: Range<Int>?

    /// Fits normal features, `rows` rows of `width` numbers; `components` are theirs. Nil where the covariance is singular.
    public init?(
        _ features: [Double], rows: Int, width: Int, _ subspace: FeatureSubspace, of components: PrincipalComponents,
        share: Double = FeatureSubspace.usualShare
    ) {
        guard GaussianAnomaly.differ(features, width: width) else { return nil }
        let range = subspace.components(of: components, share: share)
        let fitted = range.map { components.projected(features, on: $0) } ?? features
        guard let gaussian = GaussianAnomaly(fitted, rows: rows, width: range?.count ?? width) else { return nil }
        self.gaussian = gaussian
        self.components = components
        self.range = range
    }

    /// The Mahalanobis distance of each row.
    public func distances(_ features: [Double]) -> [Double] {
        gaussian.distances(range.map { components.projected(features, on: $0) } ?? features)
    }
}
