import CPalimpsestKernels

extension Tape {
    /// (x − mean) / √(variance + epsilon) over the last axis, times `weight` `[D]`, plus `bias` `[D]`.
    ///
    /// The variance is divided by D. With g = weight∘dy and x̂ the normalised row:
    ///
    ///     dx = (g − mean(g) − x̂·mean(g∘x̂)) / σ    dweight = Σ rows dy∘x̂    dbias = Σ rows dy
    ///
    /// dx is added right into the gradient of the residual stream where that has arrived before.
    public mutating func layerNorm(
        _ x: Variable, weight: Variable? = nil, bias: Variable? = nil, epsilon: Float = 1e-6
    ) -> Variable {
        let (rows, columns) = (x.shape.rows, x.shape.columns)
        Self.checkAffine("layerNorm", x, weight, bias)
        let needed = x.needsGradient || weight?.needsGradient == true || bias?.needsGradient == true
        let y = engine.tensor(x.shape)
        let statistics = needed ? engine.tensor([rows, 2]) : nil
        pal_layer_norm_forward(
            engine.handle, rows, columns, x.value.pointer, UnsafePointer(weight?.value.pointer),
            UnsafePointer(bias?.value.pointer), epsilon, y.pointer, statistics?.pointer)
        guard needed, let statistics else { return constant(y) }

        return record(.layerNorm, y) { gradient, walk in
            let engine = walk.engine
            let dWeight = weight?.needsGradient == true ? engine.zeros([columns]) : nil
            let dBias = bias?.needsGradient == true ? engine.zeros([columns]) : nil
            func backward(_ dx: UnsafeMutablePointer<Float>, _ add: Bool) {
                pal_layer_norm_backward(
                    engine.handle, rows, columns, x.value.pointer, UnsafePointer(weight?.value.pointer),
                    statistics.pointer, gradient.pointer, dx, add, dWeight?.pointer, dBias?.pointer)
            }
            walk.accumulateOrDiscard(into: x, backward)
            if let weight, let dWeight { walk.add(dWeight, to: weight.slot) }
            if let bias, let dBias { walk.add(dBias, to: bias.slot) }
        }
    }

    /// (x − mean) / √(variance + epsilon) over the rows of `[rows, D]`, times `weight` `[D]`, plus `bias` `[D]`.
    ///
    /// Always with the statistics of this batch, which are returned for running averages; `variance` is divided by the
    /// number of rows. The formulas are those of layer norm, column by column.
    public mutating func batchNorm(
        _ x: Variable, weight: Variable? = nil, bias: Variable? = nil, epsilon: Float = 1e-5
    ) -> (output: Variable, mean: Tensor, variance: Tensor) {
        let (rows, columns) = (x.shape.rows, x.shape.columns)
        Self.checkAffine("batchNorm", x, weight, bias)
        require(rows > 0, "batchNorm: no rows in \(x.shape)")
        let y = engine.tensor(x.shape)
        let mean = engine.tensor([columns])
        let variance = engine.tensor([columns])
        pal_batch_norm_forward(
            engine.handle, rows, columns, x.value.pointer, UnsafePointer(weight?.value.pointer),
            UnsafePointer(bias?.value.pointer), epsilon, y.pointer, mean.pointer, variance.pointer)
        guard x.needsGradient || weight?.needsGradient == true || bias?.needsGradient == true else {
            return (constant(y), mean, variance)
        }

        let output = record(.batchNorm, y) { gradient, walk in
            let engine = walk.engine
            let dWeight = weight.map { _ in engine.tensor([columns]) }
            let dBias = bias.map { _ in engine.tensor([columns]) }
            func backward(_ dx: UnsafeMutablePointer<Float>, _ add: Bool) {
                pal_batch_norm_backward(
                    engine.handle, rows, columns, x.value.pointer, UnsafePointer(weight?.value.pointer), mean.pointer,
                    variance.pointer, epsilon, gradient.pointer, dx, add, dWeight?.pointer, dBias?.pointer)
            }
            walk.accumulateOrDiscard(into: x, backward)
            if let weight, let dWeight { walk.add(dWeight, to: weight.slot) }
            if let bias, let dBias { walk.add(dBias, to: bias.slot) }
        }
        return (output, mean, variance)
    }

    /// Each row (last axis) divided by its Euclidean length, or by `epsilon` where that is larger.
    ///
    ///     dx = (dy − y·Σ y∘dy) / ‖x‖
    public mutating func normalizeRows(_ x: Variable, epsilon: Float = 1e-12) -> Variable {
        let (rows, columns) = (x.shape.rows, x.shape.columns)
        let y = engine.tensor(x.shape)
        let statistics = x.needsGradient ? engine.tensor([rows, 2]) : nil
        pal_normalize_rows_forward(
            engine.handle, rows, columns, x.value.pointer, epsilon, y.pointer, statistics?.pointer)
        guard let statistics else { return constant(y) }
        return record(.normalizeRows, y) { gradient, walk in
            let handle = walk.engine.handle
            walk.accumulate(into: x.slot, count: gradient.count) { dx, accumulate in
                pal_normalize_rows_backward(
                    handle, rows, columns, y.pointer, statistics.pointer, gradient.pointer, dx, accumulate)
            }
        }
    }

    private static func checkAffine(_ name: String, _ x: Variable, _ weight: Variable?, _ bias: Variable?) {
        require(x.shape.rank > 0, "\(name): a number has no rows")
        for part in [weight, bias] {
            guard let part else { continue }
            require(
                part.value.count == x.shape.columns,
                "\(name): weight or bias of shape \(part.shape) for \(x.shape)")
        }
    }
}

extension BackwardWalk {
    /// Runs a kernel that computes dx and the gradients of parameters at once; dx is thrown away if nobody needs it.
    fileprivate mutating func accumulateOrDiscard(
        into x: Variable, _ body: (_ dx: UnsafeMutablePointer<Float>, _ add: Bool) -> Void
    ) {
        guard !x.needsGradient else { return accumulate(into: x.slot, count: x.value.count, body) }
        let discarded = engine.tensor(x.shape)
        body(discarded.pointer, false)
        withExtendedLifetime(discarded) {}
    }
}
