import CPalimpsestKernels

/// Arithmetic of two tensors of equal shape, or of one that repeats along the other: a number; the other's trailing
/// axes (`[D]` or `[1, T, D]` beside `[B, T, D]`); its leading axes with ones behind them (`[B, 1, 1]`, `[B, T, 1]`).
extension Tape {
    /// a + b. The gradients are dy, summed over what an operand repeats.
    public mutating func add(_ a: Variable, _ b: Variable) -> Variable {
        let fit = Broadcast("add", a.shape, b.shape)
        let y = fit.apply(PAL_ADD, a.value, fit.left, b.value, fit.right, on: engine)
        guard a.needsGradient || b.needsGradient else { return constant(y) }
        return record(.add, y) { gradient, walk in
            if a.needsGradient { walk.add(fit.reduced(gradient, to: fit.left, on: walk.engine), to: a.slot) }
            if b.needsGradient { walk.add(fit.reduced(gradient, to: fit.right, on: walk.engine), to: b.slot) }
        }
    }

    /// a − b.
    public mutating func subtract(_ a: Variable, _ b: Variable) -> Variable {
        let fit = Broadcast("subtract", a.shape, b.shape)
        let y = fit.apply(PAL_SUBTRACT, a.value, fit.left, b.value, fit.right, on: engine)
        guard a.needsGradient || b.needsGradient else { return constant(y) }
        return record(.subtract, y) { gradient, walk in
            let engine = walk.engine
            if a.needsGradient { walk.add(fit.reduced(gradient, to: fit.left, on: engine), to: a.slot) }
            if b.needsGradient {
                walk.add(engine.scaled(fit.reduced(gradient, to: fit.right, on: engine), by: -1), to: b.slot)
            }
        }
    }

    /// a·b, element by element. da = dy∘b, db = dy∘a.
    public mutating func multiply(_ a: Variable, _ b: Variable) -> Variable {
        let fit = Broadcast("multiply", a.shape, b.shape)
        let y = fit.apply(PAL_MULTIPLY, a.value, fit.left, b.value, fit.right, on: engine)
        guard a.needsGradient || b.needsGradient else { return constant(y) }
        return record(.multiply, y) { gradient, walk in
            let engine = walk.engine
            if a.needsGradient {
                let product = fit.apply(PAL_MULTIPLY, gradient, .full, b.value, fit.right, on: engine)
                walk.add(fit.reduced(product, to: fit.left, on: engine), to: a.slot)
            }
            if b.needsGradient {
                let product = fit.apply(PAL_MULTIPLY, gradient, .full, a.value, fit.left, on: engine)
                walk.add(fit.reduced(product, to: fit.right, on: engine), to: b.slot)
            }
        }
    }

    /// a / b, element by element. da = dy/b, db = −da∘y.
    public mutating func divide(_ a: Variable, _ b: Variable) -> Variable {
        let fit = Broadcast("divide", a.shape, b.shape)
        let y = fit.apply(PAL_DIVIDE, a.value, fit.left, b.value, fit.right, on: engine)
        guard a.needsGradient || b.needsGradient else { return constant(y) }
        return record(.divide, y) { gradient, walk in
            let engine = walk.engine
            let quotient = fit.apply(PAL_DIVIDE, gradient, .full, b.value, fit.right, on: engine)
            if a.needsGradient { walk.add(fit.reduced(quotient, to: fit.left, on: engine), to: a.slot) }
            if b.needsGradient {
                let product = fit.apply(PAL_MULTIPLY, quotient, .full, y, .full, on: engine)
                walk.add(engine.scaled(fit.reduced(product, to: fit.right, on: engine), by: -1), to: b.slot)
            }
        }
    }

    /// x·factor.
    public mutating func scale(_ x: Variable, by factor: Float) -> Variable {
        let y = engine.tensor(x.shape)
        pal_scale_add(engine.handle, y.count, x.value.pointer, factor, nil, 0, y.pointer)
        guard x.needsGradient else { return constant(y) }
        return record(.scale, y) { gradient, walk in
            let handle = walk.engine.handle
            walk.accumulate(into: x.slot, count: gradient.count) { dx, accumulate in
                pal_scale_add(
                    handle, gradient.count, gradient.pointer, factor, accumulate ? UnsafePointer(dx) : nil, 1, dx)
            }
        }
    }

    /// x + number.
    public mutating func addScalar(_ x: Variable, _ number: Float) -> Variable {
        let y = engine.tensor(x.shape)
        pal_affine(engine.handle, y.count, x.value.pointer, 1, number, y.pointer)
        guard x.needsGradient else { return constant(y) }
        return record(.addScalar, y) { gradient, walk in walk.add(gradient, to: x.slot) }
    }
}
