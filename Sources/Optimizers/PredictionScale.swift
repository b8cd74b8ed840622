public import RecipeSchema

/// How a base rate follows the share of the hidden patches that is predicted (CrossMAE, Fu et al., arXiv 2401.14391; its code).
public enum PredictionScale: String, RecipeEnum {
    /// Times that share: fewer predicted patches, smaller steps.
    case share
    /// Not at all.
    case none
    /// Divided by that share.
    case inverse

    /// What the base rate is multiplied with where a share `predicted` of all patches is predicted, of the share `hidden`.
    public func factor(hidden: Double, predicted: Double) -> Double {
        switch self {
        case .share: predicted / hidden
        case .none: 1
        case .inverse: hidden / predicted
        }
    }
}
