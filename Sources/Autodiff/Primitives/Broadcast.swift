import CPalimpsestKernels

/// How two operands of different shapes meet: the larger one is seen as `[outer, inner]`, the smaller one repeats.
struct Broadcast {
    /// The part of `[outer, inner]` that an operand has.
    enum Extent {
        /// All of it.
        case full
        /// One row `[inner]`, the same for every `outer`: a bias, a position table.
        case row
        /// One column `[outer]`, the same for every `inner`: a factor a picture or a token.
        case column
        /// A single number.
        case number
    }

    let shape: Shape
    let outer: Int
    let inner: Int
    let left: Extent
    let right: Extent

    /// Stops the program, naming both shapes, where they do not fit.
    init(_ name: String, _ left: Shape, _ right: Shape) {
        let leftFirst = left.rank >= right.rank
        for leftIsLarger in [leftFirst, !leftFirst] {
            let (large, small) = leftIsLarger ? (left, right) : (right, left)
            guard let (extent, split) = Self.fit(small, into: large) else { continue }
            self.shape = large
            self.outer = large.prefix(split).reduce(1, *)
            self.inner = large.dropFirst(split).reduce(1, *)
            self.left = leftIsLarger ? .full : extent
            self.right = leftIsLarger ? extent : .full
            return
        }
        fatalError("\(name): shapes \(left) and \(right)")
    }

    /// The extent of `small`, and how many axes of `large` are outer ones.
    private static func fit(_ small: Shape, into large: Shape) -> (Extent, outerAxes: Int)? {
        if small == large { return (.full, 0) }
        let withoutLeading = small.drop { $0 == 1 }
        if withoutLeading.isEmpty { return (.number, 0) }
        if large.suffix(withoutLeading.count).elementsEqual(withoutLeading) {
            return (.row, large.rank - withoutLeading.count)
        }
        var kept = small[...]
        while kept.last == 1 { kept.removeLast() }
        if small.rank == large.rank, large.prefix(kept.count).elementsEqual(kept) { return (.column, kept.count) }
        return nil
    }

    func operand(_ tensor: Tensor, _ extent: Extent) -> pal_operand {
        switch extent {
        case .full: pal_operand(pointer: tensor.pointer, outer: inner, inner: 1)
        case .row: pal_operand(pointer: tensor.pointer, outer: 0, inner: 1)
        case .column: pal_operand(pointer: tensor.pointer, outer: 1, inner: 0)
        case .number: pal_operand(pointer: tensor.pointer, outer: 0, inner: 0)
        }
    }

    /// a (operation) b; each is a tensor with the part of `[outer, inner]` that it has.
    func apply(
        _ operation: pal_operation, _ a: Tensor, _ aExtent: Extent, _ b: Tensor, _ bExtent: Extent, on engine: Engine
    ) -> Tensor {
        let y = engine.tensor(shape)
        pal_binary(engine.handle, operation, outer, inner, operand(a, aExtent), operand(b, bExtent), y.pointer)
        return y
    }

    /// A gradient of the full shape, summed over what an operand repeats.
    func reduced(_ gradient: Tensor, to extent: Extent, on engine: Engine) -> Tensor {
        switch extent {
        case .full:
            return gradient
        case .row:
            let sums = engine.zeros([inner])
            pal_add_row_sums(engine.handle, outer, inner, gradient.pointer, sums.pointer)
            return sums
        case .column:
            let sums = engine.tensor([outer])
            pal_sum_axis(engine.handle, outer, inner, 1, 0, gradient.pointer, 1, sums.pointer)
            return sums
        case .number:
            return engine.filled(Float(pal_sum(engine.handle, gradient.count, gradient.pointer)), [])
        }
    }
}
