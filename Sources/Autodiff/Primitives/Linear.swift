import CPalimpsestKernels

/// What happens to the result of a linear layer before it is written.
public enum Epilogue {
    /// Nothing.
    case none
    /// The exact GELU, x·Φ(x).
    case gelu
    /// The sum with a tensor of the result's shape: a residual branch.
    case residual(Variable)
}

extension Tape {
    /// y = x·Wᵀ + b over the last axis: `[…, in]` → `[…, out]`, with `weight` `[out, in…]` and `bias` `[out]`.
    ///
    /// A weight with more than two axes is read as a matrix (a patch embedding's `[out, channels, rows, columns]`).
    ///
    ///     dX = dY·W    dW = dYᵀ·X    db = Σ rows of dY
    ///
    /// With `.gelu` the derivative is stored beside the result, and the product that comes next on the way back
    /// multiplies by it.
    public mutating func linear(
        _ x: Variable, weight: Variable, bias: Variable? = nil, then epilogue: Epilogue = .none
    ) -> Variable {
        let outputs = weight.shape.rank > 0 ? weight.shape[0] : 0
        let inputs = x.shape.columns
        require(
            weight.value.count == outputs * inputs && x.shape.rank > 0,
            "linear: input of shape \(x.shape), weight of shape \(weight.shape)")
        require(
            bias.map { $0.value.count == outputs } ?? true,
            "linear: bias of shape \(bias?.shape ?? []), weight of shape \(weight.shape)")
        let shape = x.shape.withColumns(outputs)
        let rows = x.shape.rows
        let y = engine.tensor(shape)
        var needed = x.needsGradient || weight.needsGradient || bias?.needsGradient == true

        var after = pal_epilogue()
        after.bias = UnsafePointer(bias?.value.pointer)
        var derivative: Tensor?
        var residual: Variable?
        switch epilogue {
        case .none: break
        case .gelu:
            after.gelu = true
            if needed { derivative = engine.tensor(shape) }
            after.derivative = derivative?.pointer
        case .residual(let stream):
            require(stream.shape == shape, "linear: residual of shape \(stream.shape), result of shape \(shape)")
            after.residual = UnsafePointer(stream.value.pointer)
            needed = needed || stream.needsGradient
            residual = stream
        }
        pal_gemm(
            engine.handle, rows, outputs, inputs, x.value.pointer, inputs, 1, weight.value.pointer, 1, inputs,
            y.pointer, outputs, after)
        guard needed else { return constant(y) }

        return record(.linear, y, factor: derivative) { gradient, walk in
            walk.linearInput(x, weight.value, gradient, rows: rows)
            let handle = walk.engine.handle
            let dy = gradient.pointer
            walk.accumulate(into: weight.slot, count: outputs * inputs) { target, accumulate in
                var after = pal_epilogue()
                after.accumulate = accumulate
                pal_gemm(
                    handle, outputs, inputs, rows, dy, 1, outputs, x.value.pointer, inputs, 1, target, inputs, after)
            }
            if let bias {
                walk.accumulate(into: bias.slot, count: outputs) { target, accumulate in
                    if !accumulate { target.update(repeating: 0, count: outputs) }
                    pal_add_row_sums(handle, rows, outputs, dy, target)
                }
            }
            if let residual { walk.add(gradient, to: residual.slot) }
        }
    }
}

extension BackwardWalk {
    /// dX = dY·W for a linear layer, at once multiplied by the derivative of the activation that made x, if any.
    fileprivate mutating func linearInput(_ x: Variable, _ weight: Tensor, _ gradient: Tensor, rows: Int) {
        let engine = engine
        let inputs = x.shape.columns
        let outputs = gradient.count / max(rows, 1)
        let dy = gradient.pointer
        func product(_ target: UnsafeMutablePointer<Float>, _ after: pal_epilogue) {
            pal_gemm(
                engine.handle, rows, inputs, outputs, dy, outputs, 1, weight.pointer, inputs, 1, target, inputs, after)
        }
        var after = pal_epilogue()
        if let factor = claimFactor(of: x.slot) {
            after.factor = UnsafePointer(factor.pointer)
            let dx = engine.tensor(x.shape)
            product(dx.pointer, after)
            add(dx, to: x.slot)
        } else {
            accumulate(into: x.slot, count: x.value.count) { target, accumulate in
                after.accumulate = accumulate
                product(target, after)
            }
        }
    }
}
