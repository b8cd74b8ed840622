/* What happens to finished sums before they are left alone. `offset` is the place of c in the matrices of the
   epilogue, `column` its place in the bias. */

INLINE bool has_epilogue(const pal_epilogue *e) { return e->bias || e->gelu || e->residual || e->factor; }

static void finish_row(const pal_epilogue *e, size_t columns, size_t offset, size_t column, float *c) {
    if (!has_epilogue(e)) return;
    for (size_t j = 0; j < columns; j += LANES) {
        size_t n = columns - j;
        vf x = load_some(c + j, n);
        if (e->bias) x += load_some(e->bias + column + j, n);
        if (e->gelu) {
            vf derivative;
            x = gelu_(x, &derivative);
            if (e->derivative) store_some(e->derivative + offset + j, derivative, n);
        }
        if (e->residual) x += load_some(e->residual + offset + j, n);
        if (e->factor) x *= load_some(e->factor + offset + j, n);
        store_some(c + j, x, n);
    }
}

/* Has the epilogue's matrices in the cache by the time the sums are done. */
INLINE void fetch_tile(const pal_epilogue *e, size_t rows, size_t offset, size_t row) {
    if (!e->residual && !e->factor && !e->derivative) return;
    for (size_t i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
        for (size_t j = 0; j < 2 * LANES; j += cache_line) {
            size_t at = offset + i * row + j;
            if (e->residual) __builtin_prefetch(e->residual + at);
            if (e->factor) __builtin_prefetch(e->factor + at);
            if (e->derivative) __builtin_prefetch(e->derivative + at, 1);
        }
    }
}

/* The usual epilogues, on two rows of two vectors at a time, each without branches within. */

INLINE void finish_bias(size_t rows, const float *bias, float *c, size_t row) {
    vf left = load(bias), right = load(bias + LANES);
    for (size_t i = 0; i < rows; i++, c += row) {
        store(c, load(c) + left);
        store(c + LANES, load(c + LANES) + right);
    }
}

INLINE void finish_bias_residual(size_t rows, const float *bias, const float *residual, float *c, size_t row) {
    vf left = load(bias), right = load(bias + LANES);
    for (size_t i = 0; i < rows; i++, c += row, residual += row) {
        store(c, load(c) + left + load(residual));
        store(c + LANES, load(c + LANES) + right + load(residual + LANES));
    }
}

INLINE void finish_factor(size_t rows, const float *factor, float *c, size_t row) {
    for (size_t i = 0; i < rows; i++, c += row, factor += row) {
        store(c, load(c) * load(factor));
        store(c + LANES, load(c + LANES) * load(factor + LANES));
    }
}

INLINE void finish_bias_gelu(size_t rows, const float *bias, float *derivative, float *c, size_t row) {
    vf left = load(bias), right = load(bias + LANES);
    for (size_t i = 0; i < rows; i += 2, c += 2 * row, derivative += 2 * row) {
        vf d[4], x[4] = {load(c) + left, load(c + LANES) + right, load(c + row) + left, load(c + row + LANES) + right};
        gelu_each(4, x, d);
        store(c, x[0]);
        store(c + LANES, x[1]);
        store(c + row, x[2]);
        store(c + row + LANES, x[3]);
        store(derivative, d[0]);
        store(derivative + LANES, d[1]);
        store(derivative + row, d[2]);
        store(derivative + row + LANES, d[3]);
    }
}

/* A whole tile: an even number of rows of two vectors. */
__attribute__((unused)) /* at the portable level, where BLAS computes whole products */
static void finish_tile(const pal_epilogue *e, size_t rows, size_t offset, size_t column, float *c, size_t row) {
    if (e->bias && e->gelu && e->derivative && !e->residual && !e->factor)
        finish_bias_gelu(rows, e->bias + column, e->derivative + offset, c, row);
    else if (e->bias && !e->gelu && !e->residual && !e->factor) finish_bias(rows, e->bias + column, c, row);
    else if (e->bias && !e->gelu && e->residual && !e->factor)
        finish_bias_residual(rows, e->bias + column, e->residual + offset, c, row);
    else if (!e->bias && !e->gelu && !e->residual && e->factor) finish_factor(rows, e->factor + offset, c, row);
    else
        for (size_t i = 0; i < rows; i++) finish_row(e, 2 * LANES, offset + i * row, column, c + i * row);
}
