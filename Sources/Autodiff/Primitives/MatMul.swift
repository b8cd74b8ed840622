import CPalimpsestKernels

/// Which axis of a picture a linear filter runs along.
public enum FilterAxis: Sendable {
    /// Along the last axis: every row is filtered.
    case last
    /// Along the axis before it: every column is filtered.
    case secondToLast
}

/// Strides of a matrix in memory, as stored or seen transposed.
private struct MatrixView {
    let row: Int
    let column: Int

    /// A row-major matrix with that many stored columns.
    init(columns: Int, transposed: Bool = false) {
        self.row = transposed ? 1 : columns
        self.column = transposed ? columns : 1
    }

    private init(row: Int, column: Int) {
        self.row = row
        self.column = column
    }

    var transposed: MatrixView { MatrixView(row: column, column: row) }
}

extension Tape {
    /// The product of two matrices, or of the matrices of two batches: `[…, m, k]` · `[…, k, n]` → `[…, m, n]`.
    ///
    /// The leading axes are equal. `transposeA` and `transposeB` read `[…, k, m]` and `[…, n, k]` instead.
    ///
    ///     dA = dY·Bᵀ    dB = Aᵀ·dY
    public mutating func matmul(
        _ a: Variable, _ b: Variable, transposeA: Bool = false, transposeB: Bool = false
    ) -> Variable {
        let rank = a.shape.rank
        require(
            rank >= 2 && b.shape.rank == rank && a.shape.dropLast(2).elementsEqual(b.shape.dropLast(2)),
            "matmul: shapes \(a.shape) and \(b.shape)")
        let (m, k) = Self.sides(a.shape, transposed: transposeA)
        let (kb, n) = Self.sides(b.shape, transposed: transposeB)
        require(
            k == kb, "matmul: shapes \(a.shape)\(transposeA ? "ᵀ" : "") and \(b.shape)\(transposeB ? "ᵀ" : "")")
        var shape = a.shape
        shape[rank - 2] = m
        shape[rank - 1] = n
        let batch = shape.dropLast(2).reduce(1, *)
        let aView = MatrixView(columns: transposeA ? m : k, transposed: transposeA)
        let bView = MatrixView(columns: transposeB ? k : n, transposed: transposeB)
        let y = engine.tensor(shape)
        pal_gemm_batched(
            engine.handle, batch, m, n, k, a.value.pointer, m * k, aView.row, aView.column, b.value.pointer, k * n,
            bView.row, bView.column, y.pointer, m * n, n, false)
        guard a.needsGradient || b.needsGradient else { return constant(y) }

        return record(.matmul, y) { gradient, walk in
            let handle = walk.engine.handle
            let dy = gradient.pointer
            let yView = MatrixView(columns: n)
            walk.accumulate(into: a.slot, count: a.value.count) { da, accumulate in
                let bt = bView.transposed
                if transposeA {  // stored [k, m]: B·dYᵀ
                    let yt = yView.transposed
                    pal_gemm_batched(
                        handle, batch, k, m, n, b.value.pointer, k * n, bView.row, bView.column, dy, m * n, yt.row,
                        yt.column, da, m * k, m, accumulate)
                } else {
                    pal_gemm_batched(
                        handle, batch, m, k, n, dy, m * n, yView.row, yView.column, b.value.pointer, k * n, bt.row,
                        bt.column, da, m * k, k, accumulate)
                }
            }
            walk.accumulate(into: b.slot, count: b.value.count) { db, accumulate in
                let at = aView.transposed
                if transposeB {  // stored [n, k]: dYᵀ·A
                    let yt = yView.transposed
                    pal_gemm_batched(
                        handle, batch, n, k, m, dy, m * n, yt.row, yt.column, a.value.pointer, m * k, aView.row,
                        aView.column, db, k * n, k, accumulate)
                } else {
                    pal_gemm_batched(
                        handle, batch, k, n, m, a.value.pointer, m * k, at.row, at.column, dy, m * n, yView.row,
                        yView.column, db, k * n, n, accumulate)
                }
            }
        }
    }

    /// The constant `matrix` `[out, in]` applied along one axis: discrete Fourier transforms, blurs, resampling.
    ///
    /// Along the last axis `[…, in]` → `[…, out]`, along the one before `[…, in, n]` → `[…, out, n]`. The gradient is
    /// the transposed matrix applied to dY.
    public mutating func linearFilter(_ x: Variable, matrix: Tensor, along axis: FilterAxis = .last) -> Variable {
        let rank = x.shape.rank
        let place = axis == .last ? rank - 1 : rank - 2
        require(
            matrix.shape.rank == 2 && place >= 0 && x.shape[place] == matrix.shape[1],
            "linearFilter: matrix of shape \(matrix.shape) along axis \(place) of shape \(x.shape)")
        let (outputs, inputs) = (matrix.shape[0], matrix.shape[1])
        var shape = x.shape
        shape[place] = outputs
        let y = engine.tensor(shape)
        let rows = x.shape.rows
        let batch = x.shape.dropLast(2).reduce(1, *)
        let columns = x.shape.columns
        switch axis {
        case .last:
            pal_gemm(
                engine.handle, rows, outputs, inputs, x.value.pointer, inputs, 1, matrix.pointer, 1, inputs, y.pointer,
                outputs, pal_epilogue())
        case .secondToLast:
            pal_gemm_batched(
                engine.handle, batch, outputs, columns, inputs, matrix.pointer, 0, inputs, 1, x.value.pointer,
                inputs * columns, columns, 1, y.pointer, outputs * columns, columns, false)
        }
        guard x.needsGradient else { return constant(y) }

        return record(.linearFilter, y) { gradient, walk in
            let handle = walk.engine.handle
            let dy = gradient.pointer
            walk.accumulate(into: x.slot, count: x.value.count) { dx, accumulate in
                switch axis {
                case .last:
                    var after = pal_epilogue()
                    after.accumulate = accumulate
                    pal_gemm(
                        handle, rows, inputs, outputs, dy, outputs, 1, matrix.pointer, inputs, 1, dx, inputs, after)
                case .secondToLast:
                    pal_gemm_batched(
                        handle, batch, inputs, columns, outputs, matrix.pointer, 0, 1, inputs, dy, outputs * columns,
                        columns, 1, dx, inputs * columns, columns, accumulate)
                }
            }
        }
    }

    /// The last two axes exchanged, by copying; prefer the transposing arguments of `matmul`.
    public mutating func transpose(_ x: Variable) -> Variable {
        let rank = x.shape.rank
        require(rank >= 2, "transpose: shape \(x.shape)")
        let (rows, columns) = (x.shape[rank - 2], x.shape[rank - 1])
        let batch = x.shape.dropLast(2).reduce(1, *)
        var shape = x.shape
        shape.swapAt(rank - 2, rank - 1)
        let y = engine.tensor(shape)
        pal_transpose(engine.handle, batch, rows, columns, x.value.pointer, y.pointer, false)
        guard x.needsGradient else { return constant(y) }
        return record(.transpose, y) { gradient, walk in
            let handle = walk.engine.handle
            walk.accumulate(into: x.slot, count: gradient.count) { dx, accumulate in
                pal_transpose(handle, batch, columns, rows, gradient.pointer, dx, accumulate)
            }
        }
    }

    private static func sides(_ shape: Shape, transposed: Bool) -> (Int, Int) {
        let (rows, columns) = (shape[shape.rank - 2], shape[shape.rank - 1])
        return transposed ? (columns, rows) : (rows, columns)
    }
}
