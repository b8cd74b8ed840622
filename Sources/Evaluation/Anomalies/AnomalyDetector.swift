/// A way to say how unlike normal pictures another is.
public enum AnomalyDetector: String, Sendable, CaseIterable {
    /// The Mahalanobis distance to one Gaussian of the mean features.
    case gaussian
    /// The same along the components that vary most.
    case gaussianPCA = "gaussian-pca"
    /// The same along the components that vary least.
    case gaussianNPCA = "gaussian-npca"
    /// The distance of the mean feature to its k-th nearest.
    case neighbour
    /// The distance of the worst patch to the memory of normal patches.
    case patches

    /// What the number is.
    public var meaning: String {
        switch self {
        case .gaussian: "Mahalanobis distance to one Gaussian of the mean features"
        case .gaussianPCA: "the same along the components that hold 95 % of the variance"
        case .gaussianNPCA: "the same along those that hold the rest"
        case .neighbour: "distance of the mean feature to its k-th nearest normal one, both of length 1"
        case .patches: "distance of the worst patch to the nearest of the memory of normal patches"
        }
    }

    /// The subspace of a Gaussian; nil for the others.
    var subspace: FeatureSubspace? {
        switch self {
        case .gaussian: .full
        case .gaussianPCA: .pca
        case .gaussianNPCA: .npca
        case .neighbour, .patches: nil
        }
    }
}
