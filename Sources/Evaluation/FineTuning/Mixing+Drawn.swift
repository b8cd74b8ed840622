public import Autodiff
public import RandomStreams

extension Mixing {
    /// Mixup or cutmix of a batch, one of them by chance, with soft targets; settings of MAE's fine-tuning.
    public struct Rule: Sendable {
        /// Both parameters of the distribution of mixup's weight; 0 for no mixup.
        public var mixup = 0.8
        /// Those of cutmix; 0 for no cutmix.
        public var cutmix = 1.0
        /// Label smoothing.
        public var smoothing = 0.1

        /// MAE's setting.
        public init() {}

        /// Images `[B, C, H, W]` and targets `[B, classes]` of a batch.
        public func mixed(
            _ images: Tensor, labels: [Int], classes: Int, random: RandomStream
        ) -> (images: Tensor, targets: Tensor) {
            var stream = random
            let (height, width) = (images.shape[2], images.shape[3])
            let cuts = cutmix > 0 && (mixup == 0 || stream.uniformDouble() < 0.5)
            guard cuts || mixup > 0 else {
                return (images, softTargets(labels: labels, classes: classes, smoothing: smoothing))
            }
            let lambda = Self.beta(cuts ? cutmix : mixup, &stream)
            guard cuts else {
                return (
                    Mixing.mixup(images, lambda: Float(lambda)),
                    softTargets(labels: labels, classes: classes, smoothing: smoothing, lambda: lambda)
                )
            }
            let centre = (row: stream.integer(below: height), column: stream.integer(below: width))
            let box = Mixing.box(lambda: lambda, centre: centre, height: height, width: width)
            return (
                Mixing.cutmix(images, box: box),
                softTargets(
                    labels: labels, classes: classes, smoothing: smoothing,
                    lambda: correctedLambda(box, height: height, width: width))
            )
        }

        /// A number of the beta distribution with both parameters `alpha` (Jöhnk 1964).
        static func beta(_ alpha: Double, _ stream: inout RandomStream) -> Double {
            while true {
                let (u, v) = (1 - stream.uniformDouble(), 1 - stream.uniformDouble())
                let (x, y) = (exponential(naturalLogarithm(u) / alpha), exponential(naturalLogarithm(v) / alpha))
                if x + y > 0, x + y <= 1 { return x / (x + y) }
            }
        }
    }
}
