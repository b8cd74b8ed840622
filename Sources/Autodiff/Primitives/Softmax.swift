import CPalimpsestKernels

extension Tape {
    /// exp(x − max) / Σ exp(x − max) over the last axis.
    ///
    ///     dx = p∘(dy − Σ p∘dy)
    public mutating func softmax(_ x: Variable) -> Variable { softmax(.softmax, x, logarithm: false) }

    /// The logarithm of the softmax over the last axis.
    ///
    ///     dx = dy − p·Σ dy
    public mutating func logSoftmax(_ x: Variable) -> Variable { softmax(.logSoftmax, x, logarithm: true) }

    private mutating func softmax(_ primitive: Primitive, _ x: Variable, logarithm: Bool) -> Variable {
        let (rows, columns) = (x.shape.rows, x.shape.columns)
        let y = engine.tensor(x.shape)
        pal_softmax_forward(engine.handle, rows, columns, x.value.pointer, y.pointer, logarithm)
        guard x.needsGradient else { return constant(y) }
        return record(primitive, y) { gradient, walk in
            let dx = walk.engine.tensor(x.shape)
            pal_softmax_backward(
                walk.engine.handle, rows, columns, y.pointer, gradient.pointer, dx.pointer, logarithm)
            walk.add(dx, to: x.slot)
        }
    }
}
