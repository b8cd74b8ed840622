#pragma once
#include "engine.h"

#pragma clang assume_nonnull begin

/* Queries [batch, q_tokens, heads * head_width] with row stride q_row, keys and values [batch, k_tokens, ...] with
   row stride kv_row: a [batch, tokens, 3 * width] buffer of q, k, v serves all three in place. */
typedef struct {
    size_t batch, heads, head_width, q_tokens, k_tokens;
    size_t q_row, kv_row, out_row;
} pal_attention_shape;

/* out = softmax(q . k^T / sqrt(head_width) + bias) . v, per picture and head. `bias` [heads, q_tokens, k_tokens].
   `probabilities` [batch, heads, q_tokens, k_tokens] is stored where given (backward needs it). */
void pal_attention_forward(pal_engine *engine, pal_attention_shape shape, const float *q, const float *k,
                           const float *v, const float *_Nullable bias, float *out, float *_Nullable probabilities);

/* Writes (does not add) d_q, d_k, d_v in the layout of q, k, v; d_bias [heads, q_tokens, k_tokens] is added to. */
void pal_attention_backward(pal_engine *engine, pal_attention_shape shape, const float *q, const float *k,
                            const float *v, const float *probabilities, const float *d_out, float *d_q, float *d_k,
                            float *d_v, float *_Nullable d_bias);

#pragma clang assume_nonnull end
