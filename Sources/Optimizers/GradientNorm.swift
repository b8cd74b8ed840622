public import Autodiff
import CPalimpsestKernels

extension Gradients {
    /// The Euclidean norm of all gradients together, summed in double precision.
    public func norm(on engine: Engine) -> Double {
        flat.withUnsafeBuffer { values in
            guard let start = values.baseAddress else { return 0 }
            return pal_sum_of_squares(engine.handle, values.count, start).squareRoot()
        }
    }
}

/// What clipping multiplies gradients of that norm with: min(1, limit/(norm + 1e-6)), as PyTorch's `clip_grad_norm_`.
public func clippingFactor(norm: Double, limit: Double) -> Double { min(1, limit / (norm + 1e-6)) }
