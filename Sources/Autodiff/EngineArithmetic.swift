import CPalimpsestKernels

/// What the walk back and the primitives need of plain arithmetic.
extension Engine {
    /// target += source
    package func add(_ source: UnsafeBufferPointer<Float>, to target: UnsafeMutableBufferPointer<Float>) {
        Self.check(source.count, target.count)
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        pal_scale_add(handle, target.count, to, 1, from, 1, to)
    }

    /// target = source
    func copy(_ source: UnsafeBufferPointer<Float>, to target: UnsafeMutableBufferPointer<Float>) {
        Self.check(source.count, target.count)
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        pal_scale_add(handle, target.count, from, 1, nil, 0, to)
    }

    /// target *= factor
    func scale(_ target: UnsafeMutableBufferPointer<Float>, by factor: Float) {
        guard let to = target.baseAddress else { return }
        pal_scale_add(handle, target.count, to, factor, nil, 0, to)
    }

    /// The sum of two tensors with as many elements, in the place of the first where that has no other holder.
    func sum(_ first: consuming Tensor, _ second: Tensor) -> Tensor {
        Self.check(first.count, second.count)
        if first.isUnique {
            second.withUnsafeBuffer { second in first.withUnsafeMutableBuffer { add(second, to: $0) } }
            return first
        }
        let result = tensor(first.shape)
        pal_scale_add(handle, first.count, first.pointer, 1, second.pointer, 1, result.pointer)
        return result
    }

    /// The product of two tensors with as many elements, in the place of the first where that has no other holder.
    func product(_ first: consuming Tensor, _ second: Tensor) -> Tensor {
        Self.check(first.count, second.count)
        if first.isUnique {
            pal_multiply(handle, first.count, first.pointer, second.pointer, first.pointer, false)
            return first
        }
        let result = tensor(first.shape)
        pal_multiply(handle, first.count, first.pointer, second.pointer, result.pointer, false)
        return result
    }

    /// A tensor times a number, in its place where that has no other holder.
    func scaled(_ tensor: consuming Tensor, by factor: Float) -> Tensor {
        if factor == 1 { return tensor }
        if tensor.isUnique {
            tensor.withUnsafeMutableBuffer { scale($0, by: factor) }
            return tensor
        }
        let result = self.tensor(tensor.shape)
        pal_scale_add(handle, tensor.count, tensor.pointer, factor, nil, 0, result.pointer)
        return result
    }

    /// Zeros from the pool.
    func zeros(_ shape: Shape) -> Tensor {
        filled(0, shape)
    }

    /// One number everywhere, from the pool.
    func filled(_ value: Float, _ shape: Shape) -> Tensor {
        let result = tensor(shape)
        pal_fill(handle, result.count, value, result.pointer, false)
        return result
    }

    private static func check(_ first: Int, _ second: Int) {
        require(first == second, "\(first) elements meet \(second)")
    }
}
