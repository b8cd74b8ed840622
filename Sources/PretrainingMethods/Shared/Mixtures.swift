import Autodiff

extension Tape {
    /// Weighted sums of tensors of one shape: result j is Σ_s W[j, s] · x_s, for `weights` W `[J, S]` and S tensors.
    mutating func mixtures(of tensors: [Variable], by weights: Variable) -> [Variable] {
        guard let first = tensors.first else { return [] }
        let (count, results) = (first.value.count, weights.shape[0])
        let stacked = concatRows(tensors.map { $0.reshaped([1, 1, count]) }).reshaped([tensors.count, count])
        let mixed = matmul(weights, stacked).reshaped([1, results, count])
        return (0..<results).map { sliceRows(mixed, $0..<$0 + 1).reshaped(first.shape) }
    }
}
