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
    /// Images `[B, C, H, W]` as an encoder sees them under this plan, then what is to be predicted: other patches are 0, the mean of
    /// normalised images. One set of images for a mask of patches, one for each context and each target of blocks; none where the
    /// plan itself hides no patches.
    public func seen(_ images: Tensor) -> [ShownImages] {
        switch self {
        case .nothing, .frequencies: return []
        case .patches(let mask):
            return [ShownImages("seen", mask.joined(seen: images, hidden: Tensor(zeros: images.shape)))]
        case .blocks(let mask):
            func shown(_ blocks: [[[Int32]]], one: String, many: String) -> [ShownImages] {
                blocks.enumerated().map { number, block in
                    let orders = block.map { cells in
                        cells + (0..<Int32(mask.grid.count)).filter { !cells.contains($0) }
                    }
                    let patches = PatchMask(grid: mask.grid, orders: orders, visibleCount: block.first?.count ?? 0)
                    return ShownImages(
                        blocks.count == 1 ? one : "\(many) \(number + 1)",
                        patches.joined(seen: images, hidden: Tensor(zeros: images.shape)))
                }
            }
            return shown(mask.contexts, one: "seen", many: "seen, context")
                + shown(mask.targets, one: "target", many: "target")
        }
    }
}
