/// A tensor that a tape knows: its value, and where its gradient is collected if it needs one.
public struct Variable {
    /// The result of the forward pass.
    public let value: Tensor
    let slot: Slot

    /// Where the gradient goes.
    enum Slot {
        /// Nowhere: a constant.
        case none
        /// Into the flat gradients of the parameter store.
        case parameter(ParameterID)
        /// Into the tape's own list, until the walk back has passed.
        case intermediate(Int)
    }

    /// Lengths of the axes.
    public var shape: Shape { value.shape }

    /// Whether a gradient reaches this variable when the tape is walked back.
    public var needsGradient: Bool {
        if case .none = slot { false } else { true }
    }

    /// The same variable under another shape with as many elements; nothing is copied or recorded.
    public func reshaped(_ shape: Shape) -> Variable {
        Variable(value: value.reshaped(shape), slot: slot)
    }

    /// The same number without a gradient: nothing behind it learns from what is computed with it.
    public var detached: Variable { Variable(value: value, slot: .none) }
}
