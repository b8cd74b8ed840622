/* One head of one picture. Scores [q_tokens, k_tokens] stay in scratch. */

static void small_product(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                          size_t b_row, size_t b_col, float *c, size_t c_row, bool accumulate, float *scratch) {
    pal_product p = {m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, {.accumulate = accumulate}};
    pal_block block = {.rows = m, .columns = n, .depth = k, .c = c, .c_row = c_row, .add = accumulate};
    product_block(&p, &block, scratch);
}

static size_t attention_scratch(const pal_attention_job *job, bool backward) {
    size_t q = job->shape.q_tokens, k = job->shape.k_tokens, w = job->shape.head_width;
    size_t longest = (q + k + 32) * (q + k + w + 32);
    (void)backward;
    return q * k + longest;
}

static void attention_forward(const pal_attention_job *job, size_t picture, size_t head, float *scratch) {
    pal_attention_shape s = job->shape;
    size_t q_at = picture * s.q_tokens * s.q_row + head * s.head_width;
    size_t kv_at = picture * s.k_tokens * s.kv_row + head * s.head_width;
    size_t scores = s.q_tokens * s.k_tokens;
    float *p = job->probabilities ? job->probabilities + (picture * s.heads + head) * scores : scratch;
    float *rest = scratch + scores;
    small_product(s.q_tokens, s.k_tokens, s.head_width, job->q + q_at, s.q_row, 1, job->k + kv_at, 1, s.kv_row, p,
                  s.k_tokens, false, rest);
    const float *bias = job->bias ? job->bias + head * scores : NULL;
    scale_add(scores, p, 1.0f / sqrtf((float)s.head_width), bias, 1.0f, p);
    softmax_forward(s.q_tokens, s.k_tokens, p, p, false);
    small_product(s.q_tokens, s.head_width, s.k_tokens, p, s.k_tokens, 1, job->v + kv_at, s.kv_row, 1,
                  job->out + picture * s.q_tokens * s.out_row + head * s.head_width, s.out_row, false, rest);
}

/* dV = P' dO; dP = dO V'; dS = P (dP - sum(P dP)); dQ = dS K scale; dK = dS' Q scale. */
static void attention_backward(const pal_attention_job *job, size_t picture, size_t head, float *scratch) {
    pal_attention_shape s = job->shape;
    size_t q_at = picture * s.q_tokens * s.q_row + head * s.head_width;
    size_t kv_at = picture * s.k_tokens * s.kv_row + head * s.head_width;
    size_t scores = s.q_tokens * s.k_tokens, score_at = (picture * s.heads + head) * scores;
    const float *p = job->probabilities + score_at;
    const float *d_out = job->d_out + picture * s.q_tokens * s.out_row + head * s.head_width;
    float *ds = scratch, *rest = scratch + scores;
    small_product(s.k_tokens, s.head_width, s.q_tokens, p, 1, s.k_tokens, d_out, s.out_row, 1, job->d_v + kv_at,
                  s.kv_row, false, rest);
    small_product(s.q_tokens, s.k_tokens, s.head_width, d_out, s.out_row, 1, job->v + kv_at, 1, s.kv_row, ds,
                  s.k_tokens, false, rest);
    softmax_backward(s.q_tokens, s.k_tokens, p, ds, ds, false);
    if (job->d_scores) memcpy(job->d_scores + score_at, ds, scores * sizeof(float));
    scale_add(scores, ds, 1.0f / sqrtf((float)s.head_width), NULL, 0.0f, ds);
    small_product(s.q_tokens, s.head_width, s.k_tokens, ds, s.k_tokens, 1, job->k + kv_at, s.kv_row, 1,
                  job->d_q + q_at, s.q_row, false, rest);
    small_product(s.k_tokens, s.head_width, s.q_tokens, ds, 1, s.k_tokens, job->q + q_at, s.q_row, 1,
                  job->d_k + kv_at, s.kv_row, false, rest);
}
