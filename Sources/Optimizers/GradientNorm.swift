public import Autodiff
import CPalimpsestKernels

extension Gradients {
    /// The Euclidean norm of all gradients together, summed in double precision.
    public func norm(on engine: Engine) -> Double { Self.norm(ofSquares: squares(0..<flatCount, on: engine)) }

    /// The sum of squares of each block of `squareBlock` numbers in a stretch that begins with a block.
    public func squares(_ range: Range<Int>, on engine: Engine) -> [Double] {
        var sums = [Double](repeating: 0, count: (range.count + Self.squareBlock - 1) / Self.squareBlock)
        flat.withUnsafeBuffer { values in
            guard let start = values.baseAddress else { return }
            sums.withUnsafeMutableBufferPointer { sums in
                guard let sums = sums.baseAddress else { return }
                pal_sums_of_squares(engine.handle, range.count, start + range.lowerBound, sums)
            }
        }
        return sums
    }

    /// The norm of numbers whose blocks have these sums of squares: they are added in order, so that it does not matter who made them.
    public static func norm(ofSquares sums: [Double]) -> Double { sums.reduce(0, +).squareRoot() }

    /// Numbers of a block; processes that share the numbers have whole blocks.
    public static var squareBlock: Int { Int(pal_square_block) }
}

/// What clipping multiplies gradients of that norm with: min(1, limit/(norm + 1e-6)), as PyTorch's `clip_grad_norm_`.
public func clippingFactor(norm: Double, limit: Double) -> Double { min(1, limit / (norm + 1e-6)) }
