/* Layer norm and sums over rows. Each sum over a row is one chain of additions: several rows at once, so that one
   need not wait for the other. */

enum { norm_rows = 4 };

/* sums[columns] += each of the rows, in order; `stride` apart. */
static void add_rows(size_t rows, size_t columns, const float *x, size_t stride, float *sums) {
    size_t j = 0;
    for (; j + 4 * LANES <= columns; j += 4 * LANES) {
        enum { count = 4 };
        vf sum[count];
        EACH sum[i] = load(sums + j + i * LANES);
        for (size_t row = 0; row < rows; row++) {
            EACH sum[i] += load(x + row * stride + j + i * LANES);
        }
        EACH store(sums + j + i * LANES, sum[i]);
    }
    for (; j < columns; j += LANES) {
        size_t n = columns - j;
        vf sum = load_some(sums + j, n);
        for (size_t row = 0; row < rows; row++) sum += load_some(x + row * stride + j, n);
        store_some(sums + j, sum, n);
    }
}

INLINE void norm_forward(const int count, size_t columns, const float *x, const float *gamma, const float *beta,
                         float epsilon, float *y, float *statistics) {
    vf mean[norm_rows], squares[norm_rows], inverse[norm_rows];
    vf length = splat((float)columns), one = splat(1.0f), none = splat(0.0f);
    EACH mean[i] = none;
    for (size_t j = 0; j < columns; j += LANES) {
        EACH mean[i] += load_some(x + i * columns + j, columns - j);
    }
    EACH mean[i] = sum_of_lanes(mean[i]) / length;
    EACH squares[i] = none;
    for (size_t j = 0; j < columns; j += LANES) {
        size_t n = columns - j;
        EACH {
            vf centred = load_some(x + i * columns + j, n) - mean[i];
            if (n < LANES) centred = keep_first(centred, n, 0.0f);
            squares[i] = fma_(centred, centred, squares[i]);
        }
    }
    EACH inverse[i] = one / __builtin_elementwise_sqrt(sum_of_lanes(squares[i]) / length + splat(epsilon));
    for (size_t j = 0; j < columns; j += LANES) {
        size_t n = columns - j;
        vf scale = gamma ? load_some(gamma + j, n) : one, shift = beta ? load_some(beta + j, n) : none;
        EACH {
            vf normal = (load_some(x + i * columns + j, n) - mean[i]) * inverse[i];
            store_some(y + i * columns + j, fma_(normal, scale, shift), n);
        }
    }
    for (int i = 0; statistics && i < count; i++) {
        statistics[2 * i] = mean[i][0];
        statistics[2 * i + 1] = inverse[i][0];
    }
}

static void layer_norm_forward(size_t rows, size_t columns, const float *x, const float *gamma, const float *beta,
                               float epsilon, float *y, float *statistics) {
    while (rows) {
        size_t count = rows < norm_rows ? 1 : norm_rows;
        if (count == 1) norm_forward(1, columns, x, gamma, beta, epsilon, y, statistics);
        else norm_forward(norm_rows, columns, x, gamma, beta, epsilon, y, statistics);
        rows -= count;
        x += count * columns;
        y += count * columns;
        if (statistics) statistics += 2 * count;
    }
}

/* With g = gamma dy: dx = (g - mean(g) - xhat mean(g xhat)) / sigma. Columns beyond the row read 0 in g. */
INLINE void norm_backward(const int count, size_t columns, const float *x, const float *gamma, const float *statistics,
                          const float *dy, float *dx, bool add_to_dx, float *d_gamma, float *d_beta) {
    vf mean[norm_rows], inverse[norm_rows], sum[norm_rows], product[norm_rows];
    vf length = splat((float)columns), one = splat(1.0f);
    EACH {
        mean[i] = splat(statistics[2 * i]);
        inverse[i] = splat(statistics[2 * i + 1]);
        sum[i] = product[i] = splat(0.0f);
    }
    for (size_t j = 0; j < columns; j += LANES) {
        size_t n = columns - j;
        vf scale = gamma ? load_some(gamma + j, n) : one;
        vf to_gamma = load_some(d_gamma + j, n), to_beta = load_some(d_beta + j, n);
        EACH {
            vf g = load_some(dy + i * columns + j, n);
            vf normal = (load_some(x + i * columns + j, n) - mean[i]) * inverse[i];
            to_gamma = fma_(g, normal, to_gamma);
            to_beta += g;
            g *= scale;
            sum[i] += g;
            product[i] = fma_(g, normal, product[i]);
        }
        store_some(d_gamma + j, to_gamma, n);
        store_some(d_beta + j, to_beta, n);
    }
    EACH sum[i] = sum_of_lanes(sum[i]) / length;
    EACH product[i] = sum_of_lanes(product[i]) / length;
    for (size_t j = 0; j < columns; j += LANES) {
        size_t n = columns - j;
        vf scale = gamma ? load_some(gamma + j, n) : one;
        EACH {
            vf g = load_some(dy + i * columns + j, n) * scale;
            vf normal = (load_some(x + i * columns + j, n) - mean[i]) * inverse[i];
            vf value = (g - sum[i] - normal * product[i]) * inverse[i];
            if (add_to_dx) value += load_some(dx + i * columns + j, n);
            store_some(dx + i * columns + j, value, n);
        }
    }
}

static void layer_norm_backward(size_t rows, size_t columns, const float *x, const float *gamma,
                                const float *statistics, const float *dy, float *dx, bool add_to_dx, float *d_gamma,
                                float *d_beta) {
    while (rows) {
        size_t count = rows < norm_rows ? 1 : norm_rows;
        if (count == 1) norm_backward(1, columns, x, gamma, statistics, dy, dx, add_to_dx, d_gamma, d_beta);
        else norm_backward(norm_rows, columns, x, gamma, statistics, dy, dx, add_to_dx, d_gamma, d_beta);
        rows -= count;
        x += count * columns;
        dy += count * columns;
        dx += count * columns;
        statistics += 2 * count;
    }
}
