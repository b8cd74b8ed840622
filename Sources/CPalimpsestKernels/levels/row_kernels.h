/* Layer norm, softmax and sums over rows. */

static void add_rows(size_t rows, size_t columns, const float *x, size_t stride, float *sums) {
    for (size_t j = 0; j < columns; j += LANES) {
        size_t n = pal_min(LANES, columns - j);
        vf sum = load_some(sums + j, n);
        for (size_t i = 0; i < rows; i++) sum += load_some(x + i * stride + j, n);
        store_some(sums + j, sum, n);
    }
}

static void layer_norm_forward(size_t rows, size_t columns, const float *x, const float *gamma, const float *beta,
                               float epsilon, float *y, float *statistics) {
    for (size_t i = 0; i < rows; i++, x += columns, y += columns) {
        vf sum = splat(0.0f);
        for (size_t j = 0; j < columns; j += LANES) sum += load_some(x + j, columns - j);
        float mean = sum_lanes(sum) / (float)columns;
        vf squares = splat(0.0f);
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf centred = load_some(x + j, n) - splat(mean);
            if (n < LANES) centred = keep_first(centred, n, 0.0f);
            squares = fma_(centred, centred, squares);
        }
        float inverse = 1.0f / sqrtf(sum_lanes(squares) / (float)columns + epsilon);
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf value = (load_some(x + j, n) - splat(mean)) * splat(inverse);
            if (gamma) value *= load_some(gamma + j, n);
            if (beta) value += load_some(beta + j, n);
            store_some(y + j, value, n);
        }
        if (statistics) {
            statistics[2 * i] = mean;
            statistics[2 * i + 1] = inverse;
        }
    }
}

/* With g = gamma dy: dx = (g - mean(g) - xhat mean(g xhat)) / sigma. Columns beyond the row read 0 in g. */
static void layer_norm_backward(size_t rows, size_t columns, const float *x, const float *gamma,
                                const float *statistics, const float *dy, float *dx, bool add_to_dx, float *d_gamma,
                                float *d_beta) {
    for (size_t i = 0; i < rows; i++, x += columns, dy += columns, dx += columns) {
        vf mean = splat(statistics[2 * i]), inverse = splat(statistics[2 * i + 1]);
        vf sum = splat(0.0f), product = splat(0.0f);
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf gradient = load_some(dy + j, n), normal = (load_some(x + j, n) - mean) * inverse;
            store_some(d_gamma + j, fma_(gradient, normal, load_some(d_gamma + j, n)), n);
            store_some(d_beta + j, load_some(d_beta + j, n) + gradient, n);
            if (gamma) gradient *= load_some(gamma + j, n);
            sum += gradient;
            product = fma_(gradient, normal, product);
        }
        vf mean_g = splat(sum_lanes(sum) / (float)columns), mean_gx = splat(sum_lanes(product) / (float)columns);
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf gradient = load_some(dy + j, n), normal = (load_some(x + j, n) - mean) * inverse;
            if (gamma) gradient *= load_some(gamma + j, n);
            vf value = (gradient - mean_g - normal * mean_gx) * inverse;
            if (add_to_dx) value += load_some(dx + j, n);
            store_some(dx + j, value, n);
        }
    }
}

/* y = exp(x scale - shift) for x scale <= shift, and its sum. x may be y. */
INLINE float exp_row(size_t n, const float *x, float scale, float shift, float *y) {
    vf sum = splat(0.0f);
    size_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        vf e[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++)
            e[i] = at_least(fma_(load(x + j + i * LANES), splat(scale), splat(-shift)), -87.3f);
        exp_within(4, e);
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++) {
            sum += e[i];
            store(y + j + i * LANES, e[i]);
        }
    }
    for (; j < n; j += LANES) {
        vf e = at_least(fma_(load_some(x + j, n - j), splat(scale), splat(-shift)), -87.3f);
        exp_within(1, &e);
        if (n - j < LANES) e = keep_first(e, n - j, 0.0f);
        sum += e;
        store_some(y + j, e, n - j);
    }
    return sum_lanes(sum);
}

INLINE float row_maximum(size_t n, const float *x) {
    vf most = splat(-INFINITY);
    size_t j = 0;
    for (; j + LANES <= n; j += LANES) most = larger(load(x + j), most);
    if (j < n) most = larger(keep_first(load_part(x + j, n - j), n - j, -INFINITY), most);
    return max_lanes(most);
}

INLINE void scale_row(size_t n, float *x, float scale) {
    for (size_t j = 0; j < n; j += LANES) store_some(x + j, load_some(x + j, n - j) * splat(scale), n - j);
}

static void softmax_forward(size_t rows, size_t columns, const float *x, float *y, bool logarithm) {
    for (size_t i = 0; i < rows; i++, x += columns, y += columns) {
        float most = row_maximum(columns, x);
        if (logarithm) {
            /* x is read again below, so the exponentials must not be left in y, which may be x. */
            vf sum = splat(0.0f);
            for (size_t j = 0; j < columns; j += LANES) {
                vf e = exp_(load_some(x + j, columns - j) - splat(most));
                sum += columns - j < LANES ? keep_first(e, columns - j, 0.0f) : e;
            }
            vf shift = splat(logf(sum_lanes(sum)));
            for (size_t j = 0; j < columns; j += LANES)
                store_some(y + j, load_some(x + j, columns - j) - splat(most) - shift, columns - j);
        } else {
            scale_row(columns, y, 1.0f / exp_row(columns, x, 1.0f, most, y));
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
        vf total = splat(sum_lanes(sum));
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf value = load_some(y + j, n), gradient = load_some(dy + j, n);
            store_some(dx + j, logarithm ? gradient - exp_(value) * total : value * (gradient - total), n);
        }
    }
}
