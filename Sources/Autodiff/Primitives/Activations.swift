import CPalimpsestKernels

/// Functions of single elements. Each stores its derivative with the value, as the factor of its record.
extension Tape {
    /// The exact GELU, x·Φ(x) (Hendrycks and Gimpel 2016), not its tanh approximation.
    public mutating func gelu(_ x: Variable) -> Variable { apply(PAL_GELU, .gelu, x) }

    /// max(x, 0); the derivative at 0 is 0.
    public mutating func relu(_ x: Variable) -> Variable { apply(PAL_RELU, .relu, x) }

    /// 1 / (1 + e⁻ˣ).
    public mutating func sigmoid(_ x: Variable) -> Variable { apply(PAL_SIGMOID, .sigmoid, x) }

    /// The hyperbolic tangent.
    public mutating func tanh(_ x: Variable) -> Variable { apply(PAL_TANH, .tanh, x) }

    /// eˣ.
    public mutating func exp(_ x: Variable) -> Variable { apply(PAL_EXP, .exp, x) }

    /// The natural logarithm.
    public mutating func log(_ x: Variable) -> Variable { apply(PAL_LOG, .log, x) }

    /// The square root.
    public mutating func sqrt(_ x: Variable) -> Variable { apply(PAL_SQRT, .sqrt, x) }

    /// x².
    public mutating func square(_ x: Variable) -> Variable { apply(PAL_SQUARE, .square, x) }

    private mutating func apply(_ function: pal_function, _ primitive: Primitive, _ x: Variable) -> Variable {
        let y = engine.tensor(x.shape)
        let derivative = x.needsGradient ? engine.tensor(x.shape) : nil
        pal_apply(engine.handle, function, y.count, x.value.pointer, y.pointer, derivative?.pointer)
        guard let derivative else { return constant(y) }
        return record(primitive, y, factor: derivative) { gradient, walk in walk.add(gradient, to: x.slot) }
    }
}
