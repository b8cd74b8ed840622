public import Autodiff
public import ImageMasking

extension PatchMask {
    /// Images `[B, C, H, W]` with the hidden patches of this mask taken from others.
    public func joined(seen: Tensor, hidden: Tensor) -> Tensor {
        let (channels, height, width) = (seen.shape[1], seen.shape[2], seen.shape[3])
        let (patchHeight, patchWidth) = (height / grid.rows, width / grid.columns)
        var result = seen
        hidden.withUnsafeBuffer { other in
            result.withUnsafeMutableBuffer { values in
                for index in values.indices {
                    let (row, column) = (index / width % height / patchHeight, index % width / patchWidth)
                    guard isHidden(row * grid.columns + column, in: index / (channels * height * width)) else {
                        continue
                    }
                    values[index] = other[index]
                }
            }
        }
        return result
    }
}

extension MaskPlan {
    /// Images `[B, C, H, W]` as an encoder sees them under this plan: hidden patches are 0, the mean of normalised images. One set
    /// of images for a mask of patches, one for each context of blocks; none where the plan itself hides no patches.
    public func seen(_ images: Tensor) -> [ShownImages] {
        switch self {
        case .nothing, .frequencies: return []
        case .patches(let mask):
            return [ShownImages("seen", mask.joined(seen: images, hidden: Tensor(zeros: images.shape)))]
        case .blocks(let mask):
            return mask.contexts.enumerated().map { number, context in
                let orders = context.map { visible in
                    visible + (0..<Int32(mask.grid.count)).filter { !visible.contains($0) }
                }
                let patches = PatchMask(grid: mask.grid, orders: orders, visibleCount: context.first?.count ?? 0)
                let name = mask.contexts.count == 1 ? "seen" : "seen, context \(number + 1)"
                return ShownImages(name, patches.joined(seen: images, hidden: Tensor(zeros: images.shape)))
            }
        }
    }
}
