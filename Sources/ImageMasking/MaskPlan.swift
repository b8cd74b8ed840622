/// What is hidden from the encoder in each image of a batch.
public enum MaskPlan: Sendable, Equatable {
    /// Whole patches are hidden.
    case patches(PatchMask)
    /// A part of the spectrum is removed.
    case frequencies(FrequencyMask)
    /// Nothing is hidden.
    case nothing
    /// Contexts are seen, and targets are predicted from them.
    case blocks(BlockMask)

    /// The kinds of plan; a method lists those it accepts.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Whole patches are hidden.
        case patches
        /// A part of the spectrum is removed.
        case frequencies
        /// Nothing is hidden.
        case nothing
        /// Contexts are seen, and targets are predicted from them.
        case blocks
    }

    /// The kind of this plan.
    public var kind: Kind {
        switch self {
        case .patches: .patches
        case .frequencies: .frequencies
        case .nothing: .nothing
        case .blocks: .blocks
        }
    }
}

/// For each image an order of its patches: the first `visibleCount` of it are seen, the rest are hidden. Of the hidden ones the last
/// `predictedCount` are to be predicted, which are all of them unless a recipe asks for fewer.
public struct PatchMask: Sendable, Equatable {
    /// The grid that the numbers refer to.
    public let grid: PatchGrid
    /// Visible patches an image, K; the same for the whole batch.
    public let visibleCount: Int
    /// Patches to be predicted an image, M: the last of its order. Those between them and the visible ones are skipped (CrossMAE).
    public private(set) var predictedCount: Int
    /// Patch numbers, image by image: K visible ones, then the hidden ones. `[images · grid.count]`.
    public let order: [Int32]
    /// The place of each patch in `order`, image by image. `[images · grid.count]`.
    public let restore: [Int32]

    /// Images in the batch.
    public var imageCount: Int { order.count / grid.count }

    /// A mask from one permutation of the patches an image.
    public init(grid: PatchGrid, orders: [[Int32]], visibleCount: Int) {
        precondition(
            visibleCount >= 0 && visibleCount <= grid.count,
            "\(visibleCount) visible patches do not fit a grid of \(grid)")
        var restore = [Int32](repeating: -1, count: orders.count * grid.count)
        for (image, order) in orders.enumerated() {
            precondition(order.count == grid.count, "an order of \(order.count) patches for a grid of \(grid)")
            for (place, patch) in order.enumerated() {
                let index = image * grid.count + Int(patch)
                precondition(restore[index] == -1, "patch \(patch) occurs twice in the order of image \(image)")
                restore[index] = Int32(place)
            }
        }
        self.grid = grid
        self.visibleCount = visibleCount
        predictedCount = grid.count - visibleCount
        self.order = orders.flatMap { $0 }
        self.restore = restore
    }

    /// The same patches visible and hidden, of which only the last `count` of each order are to be predicted.
    public func predicting(_ count: Int) -> PatchMask {
        precondition(
            count >= 0 && count <= grid.count - visibleCount,
            "\(count) predicted patches of \(grid.count - visibleCount) hidden ones")
        var mask = self
        mask.predictedCount = count
        return mask
    }

    /// A mask that keeps the patches with the lowest scores, or the highest; ties go to the lower patch number.
    ///
    /// `scores` holds `grid.count` numbers an image, none of them NaN.
    public init(grid: PatchGrid, scores: [Float], keepingHighest: Bool, visibleCount: Int) {
        let orders = stride(from: 0, to: scores.count, by: grid.count).map { start in
            stableOrder(scores[start..<start + grid.count], descending: keepingHighest)
        }
        self.init(grid: grid, orders: orders, visibleCount: visibleCount)
    }

    /// A mask given as data: true = hidden, `grid.count` flags an image, equally many hidden in each.
    public init(grid: PatchGrid, hidden: [[Bool]]) {
        let orders = hidden.map { flags -> [Int32] in
            let patches = (0..<Int32(flags.count))
            return patches.filter { !flags[Int($0)] } + patches.filter { flags[Int($0)] }
        }
        let counts = Set(hidden.map { flags in flags.count { !$0 } })
        precondition(counts.count <= 1, "images of one batch need equally many visible patches, got \(counts.sorted())")
        self.init(grid: grid, orders: orders, visibleCount: counts.first ?? 0)
    }

    /// The visible patches of an image, in the order in which the encoder sees them.
    public func visible(_ image: Int) -> ArraySlice<Int32> {
        order[image * grid.count..<image * grid.count + visibleCount]
    }

    /// The hidden patches of an image.
    public func hidden(_ image: Int) -> ArraySlice<Int32> {
        order[image * grid.count + visibleCount..<(image + 1) * grid.count]
    }

    /// The patches of an image that are to be predicted, in its order.
    public func predicted(_ image: Int) -> ArraySlice<Int32> {
        order[(image + 1) * grid.count - predictedCount..<(image + 1) * grid.count]
    }

    /// True where a patch of an image is hidden.
    public func isHidden(_ patch: Int, in image: Int) -> Bool {
        restore[image * grid.count + patch] >= Int32(visibleCount)
    }
}

/// The indices that sort `scores`, ties by index.
func stableOrder(_ scores: ArraySlice<Float>, descending: Bool) -> [Int32] {
    // One unsigned key an element: the score's bits in an order that compares like the score, then the index.
    let keys = scores.enumerated().map { index, score -> UInt64 in
        let bits = (score + 0).bitPattern  // −0 becomes 0: the two are a tie
        let ascending = bits >> 31 == 1 ? ~bits : bits | 0x8000_0000
        return UInt64(descending ? ~ascending : ascending) << 32 | UInt64(index)
    }
    return keys.sorted().map { Int32(truncatingIfNeeded: $0 & 0xFFFF_FFFF) }
}
