import CPalimpsestKernels

/// Height and width of a patch in pixels.
public struct PatchSize: Sendable, Hashable {
    /// Pixel rows.
    public let rows: Int
    /// Pixel columns.
    public let columns: Int

    /// A rectangular patch.
    public init(rows: Int, columns: Int) {
        require(rows > 0 && columns > 0, "a patch of \(rows) x \(columns) pixels")
        self.rows = rows
        self.columns = columns
    }

    /// A square patch.
    public init(_ side: Int) {
        self.init(rows: side, columns: side)
    }
}

/// The order of the numbers inside a patch.
public enum PatchOrder: Sendable {
    /// Channel, row, column: the order of a convolution's weight, for embeddings.
    case channelsFirst
    /// Row, column, channel: the order of MAE's pixel targets.
    case channelsLast
}

extension Tape {
    /// Cuts pictures `[B, C, H, W]` into patches `[B, L, P]`, L in raster order, P = C · patch rows · patch columns.
    ///
    /// - Parameter indices: `[B, K]`: only these patches, in this order; the result is `[B, K, P]`.
    public mutating func patchify(
        _ images: Variable, patch: PatchSize, order: PatchOrder, of indices: RowIndices? = nil
    ) -> Variable {
        let shape = images.shape
        require(
            shape.rank == 4 && shape[2] % patch.rows == 0 && shape[3] % patch.columns == 0
                && indices.map { $0.batch == shape[0] } ?? true,
            "patchify: pictures of shape \(shape), patches of \(patch.rows) x \(patch.columns)"
                + (indices.map { ", indices [\($0.batch), \($0.count)]" } ?? ""))
        let all = shape[2] / patch.rows * (shape[3] / patch.columns)
        indices?.check(below: all)
        let plan = Self.patchShape(shape, patch, order, picked: indices?.count ?? all)
        let patches = engine.tensor([shape[0], plan.picked, shape[1] * patch.rows * patch.columns])
        Self.withIndex(indices) { index in
            pal_extract_patches(engine.handle, plan, images.value.pointer, index, patches.pointer)
        }
        guard images.needsGradient else { return constant(patches) }
        return record(.patchify, patches) { gradient, walk in
            let handle = walk.engine.handle
            walk.accumulate(into: images.slot, count: images.value.count) { pictures, accumulate in
                Self.withIndex(indices) { index in
                    pal_place_patches(handle, plan, gradient.pointer, index, pictures, accumulate)
                }
            }
        }
    }

    /// Puts all patches `[B, L, P]` of pictures together again: `[B, channels, height, width]`.
    public mutating func unpatchify(
        _ patches: Variable, patch: PatchSize, order: PatchOrder, channels: Int, height: Int, width: Int
    ) -> Variable {
        let shape = patches.shape
        require(
            shape.rank == 3 && height % patch.rows == 0 && width % patch.columns == 0
                && shape[1] == height / patch.rows * (width / patch.columns)
                && shape[2] == channels * patch.rows * patch.columns,
            "unpatchify: patches of shape \(shape) to pictures \([channels, height, width]) by patches of "
                + "\(patch.rows) x \(patch.columns)")
        let pictureShape: Shape = [shape[0], channels, height, width]
        let plan = Self.patchShape(pictureShape, patch, order, picked: shape[1])
        let pictures = engine.tensor(pictureShape)
        pal_place_patches(engine.handle, plan, patches.value.pointer, nil, pictures.pointer, false)
        guard patches.needsGradient else { return constant(pictures) }
        return record(.unpatchify, pictures) { gradient, walk in
            let dx = walk.engine.tensor(shape)
            pal_extract_patches(walk.engine.handle, plan, gradient.pointer, nil, dx.pointer)
            walk.add(dx, to: patches.slot)
        }
    }

    /// MAE's normalised-pixel target: each patch (last axis, at least two numbers) less its mean, divided by
    /// √(variance + epsilon), the variance divided by P − 1 (He et al. 2022, official code). Without gradient.
    public func normalizedPixels(_ patches: Tensor, epsilon: Float = 1e-6) -> Tensor {
        require(patches.shape.columns >= 2, "normalizedPixels: patches of shape \(patches.shape)")
        let y = engine.tensor(patches.shape)
        pal_normalize_pixels(
            engine.handle, patches.shape.rows, patches.shape.columns, patches.pointer, epsilon, y.pointer)
        return y
    }

    private static func patchShape(
        _ pictures: Shape, _ patch: PatchSize, _ order: PatchOrder, picked: Int
    ) -> pal_patch_shape {
        pal_patch_shape(
            batch: pictures[0], channels: pictures[1], height: pictures[2], width: pictures[3],
            patch_height: patch.rows, patch_width: patch.columns, channels_last: order == .channelsLast,
            picked: picked)
    }

    private static func withIndex(_ indices: RowIndices?, _ body: (UnsafePointer<Int32>?) -> Void) {
        if let indices { indices.withPointer(body) } else { body(nil) }
    }
}
