/* Softmax of rows that stand by themselves; attention has its own. */

INLINE vf row_maximum(size_t n, const float *x) {
    vf most = splat(-INFINITY);
    for (size_t j = 0; j < n; j += LANES) {
        vf v = load_some(x + j, n - j);
        most = larger(n - j < LANES ? keep_first(v, n - j, -INFINITY) : v, most);
    }
    return largest_lane(most);
}

/* y = exp(x - most), and its sum; y may be x, or NULL. */
INLINE vf exp_row(size_t n, const float *x, vf most, float *y) {
    vf sum = splat(0.0f);
    for (size_t j = 0; j < n; j += LANES) {
        vf e = exp_(load_some(x + j, n - j) - most);
        if (n - j < LANES) e = keep_first(e, n - j, 0.0f);
        if (y) store_some(y + j, e, n - j);
        sum += e;
    }
    return sum_of_lanes(sum);
}

static void softmax_forward(size_t rows, size_t columns, const float *x, float *y, bool logarithm) {
    for (size_t i = 0; i < rows; i++, x += columns, y += columns) {
        vf most = row_maximum(columns, x);
        if (logarithm) {
            vf shift = splat(logf(exp_row(columns, x, most, NULL)[0]));
            for (size_t j = 0; j < columns; j += LANES)
                store_some(y + j, load_some(x + j, columns - j) - most - shift, columns - j);
        } else {
            vf scale = splat(1.0f) / exp_row(columns, x, most, y);
            for (size_t j = 0; j < columns; j += LANES)
                store_some(y + j, load_some(y + j, columns - j) * scale, columns - j);
        }
    }
}

/* p (dy - sum(p dy)), or dy - p sum(dy) where y is log p. */
static void softmax_backward(size_t rows, size_t columns, const float *y, const float *dy, float *dx, bool logarithm) {
    for (size_t i = 0; i < rows; i++, y += columns, dy += columns, dx += columns) {
        vf sum = splat(0.0f);
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf gradient = load_some(dy + j, n);
            sum = logarithm ? sum + gradient : fma_(load_some(y + j, n), gradient, sum);
        }
        vf total = sum_of_lanes(sum);
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf value = load_some(y + j, n), gradient = load_some(dy + j, n);
            store_some(dx + j, logarithm ? gradient - exp_(value) * total : value * (gradient - total), n);
        }
    }
}
