import CPalimpsestKernels

/// Moving token rows about: `x` is `[B, T, D]`, a batch of pictures, each a matrix of tokens.
extension Tape {
    /// The rows that `indices` `[B, K]` names: `[B, N, D]` → `[B, K, D]`.
    ///
    /// A table `[N, D]` is shared by all pictures. The gradient is added row by row in the order of the indices.
    public mutating func gatherRows(_ x: Variable, _ indices: RowIndices) -> Variable {
        let shared = x.shape.rank == 2
        require(
            shared || (x.shape.rank == 3 && x.shape[0] == indices.batch),
            "gatherRows: shape \(x.shape), indices [\(indices.batch), \(indices.count)]")
        let (batch, picked) = (indices.batch, indices.count)
        let (rows, columns) = (x.shape[x.shape.rank - 2], x.shape.columns)
        indices.check(below: rows)
        let y = engine.tensor([batch, picked, columns])
        indices.withPointer { index in
            pal_gather_rows(
                engine.handle, batch, rows, picked, columns, x.value.pointer, shared, index, y.pointer)
        }
        guard x.needsGradient else { return constant(y) }
        return record(shared ? .gatherSharedRows : .gatherRows, y) { gradient, walk in
            let handle = walk.engine.handle
            walk.accumulate(into: x.slot, count: x.value.count) { dx, accumulate in
                indices.withPointer { index in
                    pal_scatter_rows(
                        handle, batch, rows, picked, columns, gradient.pointer, shared, index, dx, accumulate)
                }
            }
        }
    }

    /// Puts kept rows back to their places and a learnt row into the gaps: MAE's un-shuffle with mask tokens.
    ///
    /// - Parameters:
    ///   - x: `[B, prefix + K, D]`; the first `prefix` rows (a class token) stay in front.
    ///   - fill: `[D]`, the mask token.
    ///   - restore: `[B, L]`, for each place the kept row 0..<K that stands there; K and above mean `fill`.
    ///   - position: `[prefix + L, D]`, added to the result of every picture.
    /// - Returns: `[B, prefix + L, D]`.
    public mutating func restoreRows(
        _ x: Variable, fill: Variable, restore: RowIndices, prefix: Int, position: Variable? = nil
    ) -> Variable {
        require(
            x.shape.rank == 3 && x.shape[0] == restore.batch && prefix >= 0 && prefix <= x.shape[1]
                && fill.value.count == x.shape[2],
            "restoreRows: rows of shape \(x.shape), fill of shape \(fill.shape), prefix \(prefix), "
                + "indices [\(restore.batch), \(restore.count)]")
        let (batch, kept, total, columns) = (x.shape[0], x.shape[1] - prefix, restore.count, x.shape[2])
        require(
            position.map { $0.value.count == (prefix + total) * columns } ?? true,
            "restoreRows: position of shape \(position?.shape ?? []) for \([prefix + total, columns])")
        require(restore.values.allSatisfy { $0 >= 0 }, "restoreRows: negative index")
        let y = engine.tensor([batch, prefix + total, columns])
        restore.withPointer { index in
            pal_restore_rows(
                engine.handle, batch, prefix, kept, total, columns, x.value.pointer, fill.value.pointer, index,
                UnsafePointer(position?.value.pointer), y.pointer)
        }
        guard x.needsGradient || fill.needsGradient || position?.needsGradient == true else { return constant(y) }

        return record(.restoreRows, y) { gradient, walk in
            let engine = walk.engine
            let fillSums = fill.needsGradient ? engine.tensor([batch, columns]) : nil
            func backward(_ dx: UnsafeMutablePointer<Float>?, _ accumulate: Bool) {
                restore.withPointer { index in
                    pal_restore_rows_backward(
                        engine.handle, batch, prefix, kept, total, columns, gradient.pointer, index, dx, accumulate,
                        fillSums?.pointer)
                }
            }
            if x.needsGradient {
                walk.accumulate(into: x.slot, count: x.value.count) { backward($0, $1) }
            } else {
                backward(nil, false)
            }
            if let fillSums { walk.addRowSums(fillSums, to: fill) }
            if let position { walk.addRowSums(gradient.reshaped([batch, (prefix + total) * columns]), to: position) }
        }
    }

    /// Puts the same rows, `[D]` or `[P, D]`, in front of every picture's: `[B, K, D]` → `[B, P + K, D]`.
    public mutating func prependRows(_ x: Variable, rows: Variable) -> Variable {
        require(
            x.shape.rank == 3 && (1...2).contains(rows.shape.rank) && rows.shape.columns == x.shape[2],
            "prependRows: rows of shape \(rows.shape) before \(x.shape)")
        let (batch, front, own) = (x.shape[0], rows.value.count, x.shape[1] * x.shape[2])
        let y = engine.tensor([batch, rows.shape.rows + x.shape[1], x.shape[2]])
        pal_copy_parts(engine.handle, batch, front, rows.value.pointer, 0, y.pointer, front + own, false)
        pal_copy_parts(engine.handle, batch, own, x.value.pointer, own, y.pointer + front, front + own, false)
        guard x.needsGradient || rows.needsGradient else { return constant(y) }

        return record(.prependRows, y) { gradient, walk in
            let engine = walk.engine
            walk.accumulate(into: x.slot, count: batch * own) { dx, accumulate in
                pal_copy_parts(
                    engine.handle, batch, own, gradient.pointer + front, front + own, dx, own, accumulate)
            }
            if rows.needsGradient {
                let parts = engine.tensor([batch, front])
                pal_copy_parts(
                    engine.handle, batch, front, gradient.pointer, front + own, parts.pointer, front, false)
                walk.addRowSums(parts, to: rows)
            }
        }
    }

    /// The tokens of several tensors one after another: `[B, Tᵢ, D]` → `[B, Σ Tᵢ, D]`.
    public mutating func concatRows(_ parts: [Variable]) -> Variable {
        guard let first = parts.first else { fatalError("concatRows: no parts") }
        require(
            parts.allSatisfy { part in
                part.shape.rank == 3 && part.shape[0] == first.shape[0] && part.shape[2] == first.shape[2]
            },
            "concatRows: shapes \(parts.map(\.shape))")
        let (batch, columns) = (first.shape[0], first.shape[2])
        let tokens = parts.reduce(0) { $0 + $1.shape[1] }
        let stride = tokens * columns
        let y = engine.tensor([batch, tokens, columns])
        var offset = 0
        for part in parts {
            let count = part.shape[1] * columns
            pal_copy_parts(engine.handle, batch, count, part.value.pointer, count, y.pointer + offset, stride, false)
            offset += count
        }
        guard parts.contains(where: \.needsGradient) else { return constant(y) }

        let slots = parts.map { (slot: $0.slot, count: $0.shape[1] * columns) }
        return record(.concatRows, y) { gradient, walk in
            let handle = walk.engine.handle
            var offset = 0
            for (slot, count) in slots {
                let source = gradient.pointer + offset
                walk.accumulate(into: slot, count: batch * count) { dx, accumulate in
                    pal_copy_parts(handle, batch, count, source, stride, dx, count, accumulate)
                }
                offset += count
            }
        }
    }

    /// Some of the tokens, in order: `[B, T, D]` → `[B, range.count, D]`.
    public mutating func sliceRows(_ x: Variable, _ range: Range<Int>) -> Variable {
        require(
            x.shape.rank == 3 && range.lowerBound >= 0 && range.upperBound <= x.shape[1],
            "sliceRows: tokens \(range) of \(x.shape)")
        let (batch, columns) = (x.shape[0], x.shape[2])
        let (stride, offset, count) = (x.shape[1] * columns, range.lowerBound * columns, range.count * columns)
        let y = engine.tensor([batch, range.count, columns])
        pal_copy_parts(engine.handle, batch, count, x.value.pointer + offset, stride, y.pointer, count, false)
        guard x.needsGradient else { return constant(y) }
        return record(.sliceRows, y) { gradient, walk in
            let handle = walk.engine.handle
            walk.accumulate(into: x.slot, count: batch * stride) { dx, accumulate in
                if !accumulate { pal_fill(handle, batch * stride, 0, dx, false) }
                pal_copy_parts(handle, batch, count, gradient.pointer, count, dx + offset, stride, accumulate)
            }
        }
    }
}

extension BackwardWalk {
    /// Adds the sum over the first axis of `gradient` `[B, …]` to a variable that all pictures share.
    mutating func addRowSums(_ gradient: Tensor, to shared: Variable) {
        let (batch, columns) = (gradient.shape[0], shared.value.count)
        let handle = engine.handle
        accumulate(into: shared.slot, count: columns) { target, accumulate in
            if !accumulate { pal_fill(handle, columns, 0, target, false) }
            pal_add_row_sums(handle, batch, columns, gradient.pointer, target)
        }
    }
}
