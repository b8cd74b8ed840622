/* One head of one picture: some tens of kilobytes, read from where the tokens are. Matrices over keys live in scratch
   with rows of whole vectors; what stands beyond the last key never gets further. */

typedef struct {
    float *at;
    size_t row;
} matrix;

INLINE size_t whole_vectors(size_t n) { return (n + LANES - 1) / LANES * LANES; }

/* What a head needs: its matrices, and copies of operands whose width is not one of whole vectors. */
typedef struct {
    size_t width, padded_width, padded_keys;
    float *scores, *operands, *result, *panels;
} head_space;

/* Floats a token for one copied operand. */
INLINE size_t copied_width(const pal_attention_shape *s) {
    size_t padded = whole_vectors(s->head_width);
    return padded == s->head_width ? 0 : padded;
}

static size_t attention_scratch(const pal_attention_job *job) {
    const pal_attention_shape *s = &job->shape;
    size_t tokens = s->q_tokens + s->k_tokens;
    return s->q_tokens * whole_vectors(s->k_tokens) + 3 * tokens * copied_width(s) + head_panels(s->head_width);
}

static head_space space_for(const pal_attention_shape *s, float *scratch) {
    size_t tokens = s->q_tokens + s->k_tokens, copied = copied_width(s);
    head_space h = {.width = s->head_width, .padded_width = whole_vectors(s->head_width),
                    .padded_keys = whole_vectors(s->k_tokens)};
    h.scores = scratch;
    h.operands = h.scores + s->q_tokens * h.padded_keys; /* two for queries, two for keys */
    h.result = h.operands + 2 * tokens * copied;
    h.panels = h.result + tokens * copied;
    return h;
}

/* A head's columns of `tokens` rows: in place, or copied with zeros up to whole vectors. */
static matrix operand_of(head_space *h, size_t tokens, const float *x, size_t row) {
    if (h->width == h->padded_width) return (matrix){(float *)x, row};
    float *copy = h->operands;
    for (size_t i = 0; i < tokens; i++) {
        for (size_t j = 0; j < h->width; j++) copy[i * h->padded_width + j] = x[i * row + j];
        for (size_t j = h->width; j < h->padded_width; j++) copy[i * h->padded_width + j] = 0;
    }
    h->operands += tokens * h->padded_width;
    return (matrix){copy, h->padded_width};
}

/* x[m, width] = a . b, straight into a head's columns where they are whole vectors. */
static void product_into(const head_space *h, size_t m, size_t k, const float *a, size_t a_row, size_t a_col, matrix b,
                         float *x, size_t row) {
    if (h->width == h->padded_width) {
        head_product(m, h->width, k, a, a_row, a_col, b.at, b.row, 1, x, row, h->panels);
        return;
    }
    head_product(m, h->width, k, a, a_row, a_col, b.at, b.row, 1, h->result, h->padded_width, h->panels);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < h->width; j++) x[i * row + j] = h->result[i * h->padded_width + j];
}

/* Rows of whole vectors over dense ones: what overhangs is overwritten by the next row, if there is one. */
INLINE void store_row(float *to, size_t n, const float *from, size_t space) {
    for (size_t j = 0; j < n; j += LANES) {
        vf x = load(from + j);
        if (j + LANES <= space) store(to + j, x);
        else store_part(to + j, x, space - j);
    }
}

enum { rows_at_once = 4 };

/* x = softmax(x scale) of `count` rows of n elements, which stand in whole vectors. Rows are short: the waits of one
   hide behind the work of the others. */
INLINE void softmax_rows(const int count, size_t n, float *x, size_t row, float scale) {
    vf most[rows_at_once], sum[rows_at_once], e[rows_at_once];
    size_t tail = n % LANES, end = whole_vectors(n);
    EACH most[i] = splat(-INFINITY);
    if (tail) {
        /* What is beyond the last key gets a weight of 1e-38, which no sum notices. */
        EACH store(x + i * row + end - LANES, keep_first(load(x + i * row + end - LANES), tail, -INFINITY));
    }
    for (size_t j = 0; j < end; j += LANES) {
        EACH most[i] = larger(load(x + i * row + j), most[i]);
    }
    EACH most[i] = largest_lane(most[i]) * splat(scale);
    EACH sum[i] = splat(0.0f);
    for (size_t j = 0; j < end; j += LANES) {
        EACH e[i] = at_least(fma_(load(x + i * row + j), splat(scale), -most[i]), -87.3f);
        exp_within(count, e);
        EACH sum[i] += e[i];
        EACH store(x + i * row + j, e[i]);
    }
    EACH sum[i] = splat(1.0f) / sum_of_lanes(sum[i]);
    for (size_t j = 0; j < end; j += LANES) {
        EACH store(x + i * row + j, load(x + i * row + j) * sum[i]);
    }
}

/* dP becomes dS scale, where dS = P (dP - sum(P dP)); P is dense. */
INLINE void softmax_gradients(const int count, size_t n, const float *p, float *x, size_t row, float scale) {
    vf total[rows_at_once];
    EACH total[i] = splat(0.0f);
    for (size_t j = 0; j < n; j += LANES) {
        EACH total[i] = fma_(load_some(p + i * n + j, n - j), load_some(x + i * row + j, n - j), total[i]);
    }
    EACH total[i] = sum_of_lanes(total[i]);
    for (size_t j = 0; j < n; j += LANES) {
        EACH {
            vf gradient = load_some(p + i * n + j, n - j) * (load(x + i * row + j) - total[i]);
            store(x + i * row + j, gradient * splat(scale));
        }
    }
}

static void attention_forward(const pal_attention_job *job, size_t picture, size_t head, float *scratch) {
    const pal_attention_shape *s = &job->shape;
    head_space h = space_for(s, scratch);
    size_t q_at = picture * s->q_tokens * s->q_row + head * s->head_width, m = s->q_tokens;
    size_t kv_at = picture * s->k_tokens * s->kv_row + head * s->head_width, n = s->k_tokens;
    matrix q = operand_of(&h, m, job->q + q_at, s->q_row);
    matrix k = operand_of(&h, n, job->k + kv_at, s->kv_row), v = operand_of(&h, n, job->v + kv_at, s->kv_row);
    head_product(m, n, s->head_width, q.at, q.row, 1, k.at, 1, k.row, h.scores, h.padded_keys, h.panels);
    float scale = 1.0f / sqrtf((float)s->head_width);
    if (job->bias) {
        for (size_t i = 0; i < m; i++)
            scale_add(n, h.scores + i * h.padded_keys, scale, job->bias + (head * m + i) * n, 1.0f,
                      h.scores + i * h.padded_keys);
        scale = 1.0f;
    }
    size_t i = 0;
    for (; i + rows_at_once <= m; i += rows_at_once)
        softmax_rows(rows_at_once, n, h.scores + i * h.padded_keys, h.padded_keys, scale);
    for (; i < m; i++) softmax_rows(1, n, h.scores + i * h.padded_keys, h.padded_keys, scale);
    if (job->probabilities) {
        float *to = job->probabilities + (picture * s->heads + head) * m * n;
        for (i = 0; i < m; i++) store_row(to + i * n, n, h.scores + i * h.padded_keys, (m - i) * n);
    }
    product_into(&h, m, n, h.scores, h.padded_keys, 1, v, job->out + picture * m * s->out_row + head * s->head_width,
                 s->out_row);
}

/* dV = P' dO; dP = dO V'; dQ = dS K scale; dK = dS' Q scale. */
static void attention_backward(const pal_attention_job *job, size_t picture, size_t head, float *scratch) {
    const pal_attention_shape *s = &job->shape;
    head_space h = space_for(s, scratch);
    size_t q_at = picture * s->q_tokens * s->q_row + head * s->head_width, m = s->q_tokens;
    size_t kv_at = picture * s->k_tokens * s->kv_row + head * s->head_width, n = s->k_tokens;
    size_t dense = (picture * s->heads + head) * m * n;
    const float *p = job->probabilities + dense;
    matrix q = operand_of(&h, m, job->q + q_at, s->q_row), k = operand_of(&h, n, job->k + kv_at, s->kv_row);
    matrix v = operand_of(&h, n, job->v + kv_at, s->kv_row);
    matrix d_out = operand_of(&h, m, job->d_out + picture * m * s->out_row + head * s->head_width, s->out_row);
    product_into(&h, n, m, p, 1, n, d_out, job->d_v + kv_at, s->kv_row);
    head_product(m, n, s->head_width, d_out.at, d_out.row, 1, v.at, 1, v.row, h.scores, h.padded_keys, h.panels);
    float scale = 1.0f / sqrtf((float)s->head_width), inner = job->d_scores ? 1.0f : scale;
    size_t i = 0;
    for (; i + rows_at_once <= m; i += rows_at_once)
        softmax_gradients(rows_at_once, n, p + i * n, h.scores + i * h.padded_keys, h.padded_keys, inner);
    for (; i < m; i++) softmax_gradients(1, n, p + i * n, h.scores + i * h.padded_keys, h.padded_keys, inner);
    if (job->d_scores) {
        /* The gradient of a bias is that of the scores before their scale. */
        for (i = 0; i < m; i++) {
            float *row = h.scores + i * h.padded_keys;
            memcpy(job->d_scores + dense + i * n, row, n * sizeof(float));
            scale_add(n, row, scale, NULL, 0.0f, row);
        }
    }
    product_into(&h, m, n, h.scores, h.padded_keys, 1, k, job->d_q + q_at, s->q_row);
    product_into(&h, n, m, h.scores, 1, h.padded_keys, q, job->d_k + kv_at, s->kv_row);
}
