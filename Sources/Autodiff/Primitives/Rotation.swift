/// Which channels of a head turn together.
public enum RotaryPairing: Sendable {
    /// Channel j with j + d/2. Where the angles of the two differ, as those of rows and columns do, this is no rotation; CAPI's code
    /// has it so.
    case mixed
    /// Channel j with j + d/4, within each half.
    case axial

    /// The distance between the two channels of a pair, and the channels of a stretch of such pairs.
    func distance(head width: Int) -> (distance: Int, stretch: Int) {
        self == .mixed ? (width / 2, width) : (width / 4, width / 2)
    }
}

extension Tape {
    /// Queries or keys `[B, T, W]` turned by their positions: in each head, whose width d is a multiple of 4, a pair (a, b) of channels
    /// becomes
    ///
    ///     y_a = x_a·cos_a − x_b·sin_a    y_b = x_b·cos_b + x_a·sin_b
    ///
    /// `cosines` and `sines` are `[1 or B, T, d]`. Su et al., arXiv 2104.09864, in the forms of CAPI (arXiv 2502.08769; its code).
    public mutating func rotate(
        _ x: Variable, cosines: Tensor, sines: Tensor, _ pairing: RotaryPairing
    ) -> Variable {
        let (shape, head) = (x.shape, cosines.shape.columns)
        require(
            shape.rank == 3 && cosines.shape.rank == 3 && cosines.shape == sines.shape && head % 4 == 0 && head > 0
                && shape[2] % head == 0 && cosines.shape[1] == shape[1] && [1, shape[0]].contains(cosines.shape[0]),
            "rotate: \(shape) by angles of shape \(cosines.shape) and \(sines.shape)")
        let (tokens, width) = (shape[1], shape[2])
        let repeats = cosines.shape[0] == 1
        let (distance, stretch) = pairing.distance(head: head)
        let y = engine.tensor(shape)

        /// Turned one way or, for gradients, back.
        func turn(
            _ source: Tensor, _ target: UnsafeMutablePointer<Float>, isBack: Bool, add: Bool, _ engine: Engine
        ) {
            let values = UnsafePointer(source.pointer)
            let (cosine, sine) = (UnsafePointer(cosines.pointer), UnsafePointer(sines.pointer))
            forEachBlock(of: source.shape[0] * tokens, on: engine) { block in
                for row in block {
                    let table = (repeats ? row % tokens : row) * head
                    for start in stride(from: 0, to: width, by: stretch) {
                        let (from, to) = (values + row * width + start, target + row * width + start)
                        let (c, s) = (cosine + table + start % head, sine + table + start % head)
                        for a in 0..<distance {
                            let b = a + distance
                            let (first, second): (Float, Float)
                            if isBack {
                                first = from[a] * c[a] + from[b] * s[b]
                                second = from[b] * c[b] - from[a] * s[a]
                            } else {
                                first = from[a] * c[a] - from[b] * s[a]
                                second = from[b] * c[b] + from[a] * s[b]
                            }
                            to[a] = add ? to[a] + first : first
                            to[b] = add ? to[b] + second : second
                        }
                    }
                }
            }
            withExtendedLifetime((source, cosines, sines)) {}
        }
        turn(x.value, y.pointer, isBack: false, add: false, engine)
        guard x.needsGradient else { return constant(y) }
        return record(.rotate, y) { gradient, walk in
            let (engine, source) = (walk.engine, gradient.reshaped(shape))
            walk.accumulate(into: x.slot, count: source.count) { dx, add in
                turn(source, dx, isBack: true, add: add, engine)
            }
        }
    }
}
