public import Autodiff
public import RandomStreams

/// What drop path multiplies the two branches of one block with, a factor an image: 0, or 1/(1 − rate).
public struct BranchFactors: Sendable {
    /// For the attention branch, `[B]`.
    public var attention: Tensor
    /// For the perceptron branch, `[B]`.
    public var perceptron: Tensor
}

/// Drop path (stochastic depth): the rate rises linearly from 0 in the first block to `rate` in the last.
public enum DropPath {
    /// The chance that a branch of block 0, 1, … is dropped.
    public static func rate(_ rate: Double, of block: Int, depth: Int) -> Double {
        depth > 1 ? rate * Double(block) / Double(depth - 1) : 0
    }

    /// Factors from uniform numbers: a branch is kept when ⌊(1 − p) + u⌋ = 1 and is then divided by 1 − p.
    ///
    /// `uniform(block, branch, image)` gives the draws; branch 0 is attention, 1 the perceptron.
    public static func factors(
        rate: Double, depth: Int, images: Int, uniform: (Int, Int, Int) -> Float
    ) -> [BranchFactors] {
        (0..<depth).map { block in
            let kept = Float(1 - self.rate(rate, of: block, depth: depth))
            func factors(_ branch: Int) -> Tensor {
                Tensor(
                    (0..<images).map { (kept + uniform(block, branch, $0)).rounded(.down) >= 1 ? 1 / kept : 0 },
                    [images])
            }
            return BranchFactors(attention: factors(0), perceptron: factors(1))
        }
    }

    /// Factors drawn for the images of a batch, each from its own stream; nil when the rate is 0.
    public static func drawn(
        rate: Double, depth: Int, streams: [RandomStream]
    ) -> [BranchFactors]? {
        guard rate > 0 else { return nil }
        let draws = streams.map { stream -> [Float] in
            var stream = stream
            return (0..<2 * depth).map { _ in stream.uniform() }
        }
        return factors(rate: rate, depth: depth, images: streams.count) { draws[$2][2 * $0 + $1] }
    }
}
