import CPalimpsestKernels

extension Tape {
    /// The sum of all elements, a number.
    public mutating func sum(_ x: Variable) -> Variable { total(.sum, x, scale: 1) }

    /// The mean of all elements, a number.
    public mutating func mean(_ x: Variable) -> Variable {
        require(x.value.count > 0, "mean: nothing in \(x.shape)")
        return total(.mean, x, scale: 1 / Double(x.value.count))
    }

    /// The sums over one axis, which disappears.
    public mutating func sum(_ x: Variable, axis: Int) -> Variable {
        alongAxis(.sumAxis, x, axis, from: 0, scale: 1)
    }

    /// The means over one axis, which disappears.
    public mutating func mean(_ x: Variable, axis: Int) -> Variable {
        require(x.shape[axis] > 0, "mean: axis \(axis) of \(x.shape) is empty")
        return alongAxis(.meanAxis, x, axis, from: 0, scale: 1 / Float(x.shape[axis]))
    }

    /// The mean token: `[B, T, D]` → `[B, D]` over the tokens `first..<T`; 1 leaves out a class token.
    public mutating func meanRows(_ x: Variable, from first: Int = 0) -> Variable {
        require(
            x.shape.rank == 3 && first >= 0 && first < x.shape[1], "meanRows: tokens from \(first) of \(x.shape)")
        return alongAxis(.meanAxis, x, 1, from: first, scale: 1 / Float(x.shape[1] - first))
    }

    private mutating func total(_ primitive: Primitive, _ x: Variable, scale: Double) -> Variable {
        let y = engine.filled(Float(pal_sum(engine.handle, x.value.count, x.value.pointer) * scale), [])
        guard x.needsGradient else { return constant(y) }
        return record(primitive, y) { gradient, walk in
            let handle = walk.engine.handle
            let value = gradient.item * Float(scale)
            let count = x.value.count
            walk.accumulate(into: x.slot, count: count) { dx, accumulate in
                pal_fill(handle, count, value, dx, accumulate)
            }
        }
    }

    private mutating func alongAxis(
        _ primitive: Primitive, _ x: Variable, _ axis: Int, from first: Int, scale: Float
    ) -> Variable {
        let length = x.shape[axis]
        let outer = x.shape.prefix(axis).reduce(1, *)
        let inner = x.shape.dropFirst(axis + 1).reduce(1, *)
        let y = engine.tensor(x.shape.removing(axis: axis))
        pal_sum_axis(engine.handle, outer, length, inner, first, x.value.pointer, scale, y.pointer)
        guard x.needsGradient else { return constant(y) }
        return record(primitive, y) { gradient, walk in
            let handle = walk.engine.handle
            walk.accumulate(into: x.slot, count: x.value.count) { dx, accumulate in
                pal_spread_axis(handle, outer, length, inner, first, gradient.pointer, scale, dx, accumulate)
            }
        }
    }
}
