/* One head of one picture: some tens of kilobytes, read from where the tokens are. Matrices over keys live in scratch
   with rows of whole vectors; what stands beyond the last key never gets further. */

typedef struct {
    float *at;
    size_t row;
} matrix;

INLINE size_t whole_vectors(size_t n) { return (n + LANES - 1) / LANES * LANES; }

/* What a head needs: its matrices, and copies of operands whose width is not one of whole vectors. */
typedef struct {
    size_t q_tokens, k_tokens, width, padded_width, padded_keys;
    float *scores, *operands, *result, *panels;
} head_space;

static head_space space_for(const pal_attention_shape *s, float *scratch) {
    head_space h = {.q_tokens = s->q_tokens, .k_tokens = s->k_tokens, .width = s->head_width,
                    .padded_width = whole_vectors(s->head_width), .padded_keys = whole_vectors(s->k_tokens)};
    size_t copies = h.width == h.padded_width ? 0 : h.padded_width;
    h.scores = scratch;
    h.operands = h.scores + h.q_tokens * h.padded_keys;
    h.result = h.operands + 2 * (h.q_tokens + h.k_tokens) * copies;
    h.panels = h.result + (h.q_tokens + h.k_tokens) * copies;
    return h;
}

static size_t attention_scratch(const pal_attention_job *job) {
    float none[1];
    head_space h = space_for(&job->shape, none);
    return (size_t)(h.panels - h.scores) + head_panels(h.k_tokens, h.width);
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

static void attention_forward(const pal_attention_job *job, size_t picture, size_t head, float *scratch) {
    const pal_attention_shape *s = &job->shape;
    head_space h = space_for(s, scratch);
    size_t q_at = picture * s->q_tokens * s->q_row + head * s->head_width;
    size_t kv_at = picture * s->k_tokens * s->kv_row + head * s->head_width, n = s->k_tokens, dense = s->q_tokens * n;
    matrix q = operand_of(&h, s->q_tokens, job->q + q_at, s->q_row);
    matrix k = operand_of(&h, n, job->k + kv_at, s->kv_row), v = operand_of(&h, n, job->v + kv_at, s->kv_row);
    head_product(s->q_tokens, n, s->head_width, q.at, q.row, 1, k.at, 1, k.row, h.scores, h.padded_keys, h.panels);
    float scale = 1.0f / sqrtf((float)s->head_width);
    for (size_t i = 0; i < s->q_tokens; i++) {
        float *row = h.scores + i * h.padded_keys, row_scale = scale;
        if (job->bias) {
            scale_add(n, row, scale, job->bias + head * dense + i * n, 1.0f, row);
            row_scale = 1.0f;
        }
        /* Beyond the last key: weights of 1e-38, which no sum notices. */
        for (size_t j = n; j < h.padded_keys; j++) row[j] = -INFINITY;
        float most = row_maximum(h.padded_keys, row) * row_scale;
        scale_row(h.padded_keys, row, 1.0f / exp_row(h.padded_keys, row, row_scale, most, row));
        if (job->probabilities) {
            float *to = job->probabilities + (picture * s->heads + head) * dense + i * n;
            store_row(to, n, row, dense - i * n);
        }
    }
    product_into(&h, s->q_tokens, n, h.scores, h.padded_keys, 1, v,
                 job->out + picture * s->q_tokens * s->out_row + head * s->head_width, s->out_row);
}

/* dS = P (dP - sum(P dP)) of one row, in place of dP; `dense` gets dS, the row itself dS scale. */
INLINE void softmax_gradient(size_t n, const float *p, float *row, float scale, float *dense) {
    vf sum = splat(0.0f);
    for (size_t j = 0; j < n; j += LANES) sum = fma_(load_some(p + j, n - j), load_some(row + j, n - j), sum);
    vf total = splat(sum_lanes(sum));
    for (size_t j = 0; j < n; j += LANES) {
        vf x = load_some(p + j, n - j) * (load(row + j) - total);
        if (dense) store_some(dense + j, x, n - j);
        store(row + j, x * splat(scale));
    }
}

/* dV = P' dO; dP = dO V'; dQ = dS K scale; dK = dS' Q scale. */
static void attention_backward(const pal_attention_job *job, size_t picture, size_t head, float *scratch) {
    const pal_attention_shape *s = &job->shape;
    head_space h = space_for(s, scratch);
    size_t q_at = picture * s->q_tokens * s->q_row + head * s->head_width;
    size_t kv_at = picture * s->k_tokens * s->kv_row + head * s->head_width, n = s->k_tokens;
    size_t dense = (picture * s->heads + head) * s->q_tokens * n;
    const float *p = job->probabilities + dense;
    const float *d_out = job->d_out + picture * s->q_tokens * s->out_row + head * s->head_width;
    matrix q = operand_of(&h, s->q_tokens, job->q + q_at, s->q_row), g = operand_of(&h, s->q_tokens, d_out, s->out_row);
    matrix k = operand_of(&h, n, job->k + kv_at, s->kv_row), v = operand_of(&h, n, job->v + kv_at, s->kv_row);
    product_into(&h, n, s->q_tokens, p, 1, n, g, job->d_v + kv_at, s->kv_row);
    head_product(s->q_tokens, n, s->head_width, g.at, g.row, 1, v.at, 1, v.row, h.scores, h.padded_keys, h.panels);
    float scale = 1.0f / sqrtf((float)s->head_width);
    for (size_t i = 0; i < s->q_tokens; i++)
        softmax_gradient(n, p + i * n, h.scores + i * h.padded_keys, scale,
                         job->d_scores ? job->d_scores + dense + i * n : NULL);
    product_into(&h, s->q_tokens, n, h.scores, h.padded_keys, 1, k, job->d_q + q_at, s->q_row);
    product_into(&h, n, s->q_tokens, h.scores, 1, h.padded_keys, q, job->d_k + kv_at, s->kv_row);
}
