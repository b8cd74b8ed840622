import CPalimpsestKernels

/// Losses: numbers, with constant targets. The gradient is computed with the value, in one pass over the data.
extension Tape {
    /// MAE's loss: Σ mask · (mean over a patch of (prediction − target)²) / Σ mask.
    ///
    /// - Parameters:
    ///   - prediction: `[…, L, P]`, one row a patch.
    ///   - target: Of the same shape.
    ///   - mask: One weight a row; 1 for hidden patches, 0 for visible ones. Not all zero.
    /// - Returns: The loss, and the mean square of every row, visible ones too, in the mask's shape.
    public mutating func maskedMeanSquared(
        _ prediction: Variable, target: Tensor, mask: Tensor
    ) -> (loss: Variable, perPatch: Tensor) {
        let (rows, columns) = (prediction.shape.rows, prediction.shape.columns)
        Self.checkTarget("maskedMeanSquared", prediction, target)
        require(
            mask.count == rows && mask.withUnsafeBuffer { $0.contains { $0 != 0 } },
            "maskedMeanSquared: mask of shape \(mask.shape), or nothing but zeros, for \(prediction.shape)")
        let rowLosses = engine.tensor(mask.shape)
        let slope = prediction.needsGradient ? engine.tensor(prediction.shape) : nil
        let value = pal_masked_squares(
            engine.handle, rows, columns, prediction.value.pointer, target.pointer, mask.pointer, rowLosses.pointer,
            slope?.pointer)
        return (loss(.maskedMeanSquared, value, prediction, slope), rowLosses)
    }

    /// The mean over all elements of (prediction − target)².
    public mutating func meanSquared(_ prediction: Variable, target: Tensor) -> Variable {
        distance(.meanSquared, PAL_SQUARED, prediction, target)
    }

    /// The mean over all elements of d²/(2·beta) where |d| < beta, else |d| − beta/2.
    public mutating func smoothL1(_ prediction: Variable, target: Tensor, beta: Float = 1) -> Variable {
        require(beta > 0, "smoothL1: beta \(beta)")
        return distance(.smoothL1, PAL_SMOOTH_L1, prediction, target, beta: beta)
    }

    /// The mean over all elements of |prediction − target|; the derivative at 0 is 0.
    public mutating func l1(_ prediction: Variable, target: Tensor) -> Variable {
        distance(.l1, PAL_L1, prediction, target)
    }

    /// The mean over all rows of 1 − cos(prediction, target); each length is at least `epsilon`.
    public mutating func cosine(_ prediction: Variable, target: Tensor, epsilon: Float = 1e-12) -> Variable {
        Self.checkTarget("cosine", prediction, target)
        let slope = prediction.needsGradient ? engine.tensor(prediction.shape) : nil
        let value = pal_mean_cosine_distance(
            engine.handle, prediction.shape.rows, prediction.shape.columns, prediction.value.pointer, target.pointer,
            epsilon, slope?.pointer)
        return loss(.cosine, value, prediction, slope)
    }

    /// The mean over the rows of −log softmax(logits)[label].
    ///
    /// - Parameter labels: One a row of the logits `[…, classes]`, in 0..<classes.
    public mutating func crossEntropy(_ logits: Variable, labels: [Int]) -> Variable {
        let (rows, columns) = (logits.shape.rows, logits.shape.columns)
        require(
            rows > 0 && labels.count == rows && labels.allSatisfy { (0..<columns).contains($0) },
            "crossEntropy: logits of shape \(logits.shape), \(labels.count) labels")
        let work = engine.tensor(logits.shape)
        let value = labels.map(Int32.init).withUnsafeBufferPointer { labels in
            pal_cross_entropy(
                engine.handle, rows, columns, logits.value.pointer, labels.baseAddress, nil, work.pointer,
                logits.needsGradient)
        }
        return loss(.crossEntropy, value, logits, work)
    }

    /// The mean over the rows of −Σ target · log softmax(logits).
    ///
    /// - Parameter targets: Of the logits' shape; mostly probabilities, but rows need not sum to 1.
    public mutating func crossEntropy(_ logits: Variable, targets: Tensor) -> Variable {
        Self.checkTarget("crossEntropy", logits, targets)
        let work = engine.tensor(logits.shape)
        let value = pal_cross_entropy(
            engine.handle, logits.shape.rows, logits.shape.columns, logits.value.pointer, nil, targets.pointer,
            work.pointer, logits.needsGradient)
        return loss(.crossEntropy, value, logits, work)
    }

    /// A loss that was computed elsewhere from the values of `x`, with its derivative by each of them.
    ///
    /// For losses whose terms depend on each other in ways no primitive has; what leads to `x` is still differentiated here.
    public mutating func loss(_ value: Double, of x: Variable, slope: Tensor) -> Variable {
        Self.checkTarget("loss", x, slope)
        return loss(.givenLoss, value, x, slope)
    }

    private mutating func distance(
        _ primitive: Primitive, _ kind: pal_distance, _ prediction: Variable, _ target: Tensor, beta: Float = 1
    ) -> Variable {
        Self.checkTarget(primitive.rawValue, prediction, target)
        let slope = prediction.needsGradient ? engine.tensor(prediction.shape) : nil
        let value = pal_mean_distance(
            engine.handle, kind, beta, prediction.value.count, prediction.value.pointer, target.pointer,
            slope?.pointer)
        return loss(primitive, value, prediction, slope)
    }

    /// A number whose gradient by `x` is `slope`.
    private mutating func loss(_ primitive: Primitive, _ value: Double, _ x: Variable, _ slope: Tensor?) -> Variable {
        let y = engine.filled(Float(value), [])
        guard x.needsGradient, let slope else { return constant(y) }
        return record(primitive, y) { gradient, walk in
            walk.add(walk.engine.scaled(slope, by: gradient.item), to: x.slot)
        }
    }

    private static func checkTarget(_ name: String, _ prediction: Variable, _ target: Tensor) {
        require(
            target.shape == prediction.shape && target.count > 0,
            "\(name): prediction of shape \(prediction.shape), target of shape \(target.shape)")
    }
}
