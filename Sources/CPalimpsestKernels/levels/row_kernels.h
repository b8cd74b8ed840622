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
        vf mean = sum_of_lanes(sum) / splat((float)columns);
        vf squares = splat(0.0f);
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf centred = load_some(x + j, n) - mean;
            if (n < LANES) centred = keep_first(centred, n, 0.0f);
            squares = fma_(centred, centred, squares);
        }
        vf variance = sum_of_lanes(squares) / splat((float)columns);
        vf inverse = splat(1.0f) / __builtin_elementwise_sqrt(variance + splat(epsilon));
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j;
            vf value = (load_some(x + j, n) - mean) * inverse;
            if (gamma) value *= load_some(gamma + j, n);
            if (beta) value += load_some(beta + j, n);
            store_some(y + j, value, n);
        }
        if (statistics) {
            statistics[2 * i] = mean[0];
            statistics[2 * i + 1] = inverse[0];
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
        vf count = splat((float)columns), mean_g = sum_of_lanes(sum) / count, mean_gx = sum_of_lanes(product) / count;
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
