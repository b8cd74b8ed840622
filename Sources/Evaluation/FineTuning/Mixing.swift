public import Autodiff

/// Mixup and cutmix of a batch with itself in reverse order: the partner of image b is image B − 1 − b.
///
/// Zhang et al., arXiv 1710.09412; Yun et al., arXiv 1905.04899; as in the official MAE fine-tuning (timm's `Mixup`, batch
/// mode).
public enum Mixing {
    /// A rectangle of pixels, half open: rows `top..<bottom`, columns `left..<right`.
    public struct Box: Sendable, Equatable {
        /// First row.
        public var top: Int
        /// Row after the last.
        public var bottom: Int
        /// First column.
        public var left: Int
        /// Column after the last.
        public var right: Int
    }

    /// λ · image + (1 − λ) · partner, for images `[B, C, H, W]`.
    public static func mixup(_ images: Tensor, lambda: Float) -> Tensor {
        combine(images) { value, partner, _, _ in lambda * value + (1 - lambda) * partner }
    }

    /// The images with a box replaced by their partners' pixels.
    public static func cutmix(_ images: Tensor, box: Box) -> Tensor {
        combine(images) { value, partner, row, column in
            (box.top..<box.bottom).contains(row) && (box.left..<box.right).contains(column) ? partner : value
        }
    }

    /// The box of cutmix: sides ⌊H√(1 − λ)⌋ and ⌊W√(1 − λ)⌋ around a centre, cut at the border.
    public static func box(
        lambda: Double, centre: (row: Int, column: Int), height: Int, width: Int
    ) -> Box {
        let share = (1 - lambda).squareRoot()
        let halfHeight = Int(Double(height) * share) / 2
        let halfWidth = Int(Double(width) * share) / 2
        func clipped(_ value: Int, _ limit: Int) -> Int { min(max(value, 0), limit) }
        return Box(
            top: clipped(centre.row - halfHeight, height), bottom: clipped(centre.row + halfHeight, height),
            left: clipped(centre.column - halfWidth, width), right: clipped(centre.column + halfWidth, width))
    }

    /// The label weight that belongs to a box: 1 − its share of the image.
    public static func correctedLambda(_ box: Box, height: Int, width: Int) -> Double {
        1 - Double((box.bottom - box.top) * (box.right - box.left)) / Double(height * width)
    }

    /// λ · smoothed one-hot of the label + (1 − λ) · that of the partner's, `[B, classes]`.
    ///
    /// Smoothing s gives every class s/classes and the right one 1 − s more.
    public static func softTargets(
        labels: [Int], classes: Int, smoothing: Double, lambda: Double = 1
    ) -> Tensor {
        let off = smoothing / Double(classes)
        var targets = [Float](repeating: Float(off), count: labels.count * classes)
        for (image, label) in labels.enumerated() {
            targets[image * classes + label] += Float(lambda * (1 - smoothing))
            targets[image * classes + labels[labels.count - 1 - image]] += Float((1 - lambda) * (1 - smoothing))
        }
        return Tensor(targets, [labels.count, classes])
    }

    private static func combine(
        _ images: Tensor, _ mix: (Float, Float, Int, Int) -> Float
    ) -> Tensor {
        let count = images.shape[0]
        let (height, width) = (images.shape[2], images.shape[3])
        let size = images.shape[1] * height * width
        let values = images.array
        let mixed = values.indices.map { index in
            let image = index / size
            let offset = index % size
            let partner = values[(count - 1 - image) * size + offset]
            return mix(values[index], partner, offset / width % height, offset % width)
        }
        return Tensor(mixed, images.shape)
    }
}
