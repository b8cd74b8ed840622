extension Tape {
    /// Each picture of `[B, …]` times its own factor: stochastic depth (Huang et al. 2016).
    ///
    /// - Parameter factors: `[B]`: 0 where the branch is dropped, 1/(1 − rate) where it is kept.
    public mutating func dropPath(_ x: Variable, factors: Tensor) -> Variable {
        require(
            x.shape.rank > 0 && factors.count == x.shape[0],
            "dropPath: factors of shape \(factors.shape) for \(x.shape)")
        var shape = Shape(Array(repeating: 1, count: x.shape.rank))
        shape[0] = factors.count
        return multiply(x, constant(factors.reshaped(shape)))
    }

    /// Each column of the last axis times a learnt factor `[D]` (Touvron et al. 2021).
    public mutating func layerScale(_ x: Variable, _ factors: Variable) -> Variable {
        require(
            factors.shape == [x.shape.columns], "layerScale: factors of shape \(factors.shape) for \(x.shape)")
        return multiply(x, factors)
    }
}
