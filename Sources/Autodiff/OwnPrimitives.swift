extension Tape {
    /// Records an operation of the caller's own: its result, and how gradients go back through it.
    ///
    /// ```swift
    /// extension Tape {
    ///     /// x³, element by element.
    ///     mutating func cube(_ x: Variable) -> Variable {
    ///         let value = x.value
    ///         let y = engine.tensor(x.shape) { y in
    ///             value.withUnsafeBuffer { x in for i in x.indices { y[i] = x[i] * x[i] * x[i] } }
    ///         }
    ///         return record("cube", y, inputs: [x]) { gradient, engine in
    ///             [engine.tensor(gradient.shape) { dx in
    ///                 gradient.withUnsafeBuffer { dy in
    ///                     value.withUnsafeBuffer { x in for i in x.indices { dx[i] = 3 * x[i] * x[i] * dy[i] } }
    ///                 }
    ///             }]
    ///         }
    ///     }
    /// }
    /// ```
    /// Where no input needs a gradient nothing is recorded or kept. Of several inputs, a pullback leaves out what none needs
    /// (`x.needsGradient ? … : nil`) and keeps hold only of the tensors that it reads. An input that is named or used twice gets
    /// the sum. `GradientCheck` compares what a pullback says with differences of the results.
    ///
    /// - Parameters:
    ///   - name: What `primitives` lists; none of the names in `Primitive`.
    ///   - output: The result of the forward pass.
    ///   - inputs: The variables that the result was computed from, in the order of the pullback's answer.
    ///   - pullback: Gets the gradient of the output, in its shape, and returns one of each input in the input's shape, or nil
    ///     for zeros. Called once at most. Another number of gradients, or another shape, ends the program and is told.
    public mutating func record(
        _ name: String, _ output: Tensor, inputs: [Variable],
        pullback: @escaping (_ gradient: Tensor, _ engine: Engine) -> [Tensor?]
    ) -> Variable {
        require(!name.isEmpty, "a primitive needs a name")
        require(Primitive(rawValue: name) == nil, "\(name): the name belongs to a primitive of Autodiff")
        guard recording, inputs.contains(where: \.needsGradient) else { return constant(output) }
        // Values of inputs are the pullback's to keep.
        let targets = inputs.map { (slot: $0.slot, shape: $0.shape, isWanted: $0.needsGradient) }
        let shape = output.shape
        return record(named: name, output, factor: nil) { gradient, walk in
            let gradients = pullback(gradient.reshaped(shape), walk.engine)
            require(
                gradients.count == targets.count,
                "\(name): the pullback returned \(gradients.count) gradients for \(targets.count) inputs")
            for (place, target) in targets.enumerated() where target.isWanted {
                guard let own = gradients[place] else { continue }
                require(
                    own.shape == target.shape,
                    "\(name): the pullback returned a gradient of shape \(own.shape) for input \(place) of shape \(target.shape)"
                )
                walk.add(own, to: target.slot)
            }
        }
    }
}

extension Engine {
    /// A tensor in the engine's memory, whose every element `fill` writes: what was there before is undefined.
    public func tensor(_ shape: Shape, _ fill: (UnsafeMutableBufferPointer<Float>) -> Void) -> Tensor {
        var result = tensor(shape)
        result.withUnsafeMutableBuffer(fill)
        return result
    }
}
