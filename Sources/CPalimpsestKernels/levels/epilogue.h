/* What happens to `columns` finished sums at c, which stand `offset` elements into the matrices of the epilogue. */
INLINE void finish_row(const pal_epilogue *e, size_t columns, size_t offset, size_t column, float *c) {
    if (!e->bias && !e->gelu && !e->residual && !e->factor) return;
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
