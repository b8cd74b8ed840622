#pragma once
#include "engine.h"

#pragma clang assume_nonnull begin

/* y = (x - mean) / sqrt(variance + epsilon) * gamma + beta over the columns of each row. statistics [rows, 2] gets
   mean and 1/sigma where given. gamma and beta may be NULL (1 and 0). */
void pal_layer_norm_forward(pal_engine *engine, size_t rows, size_t columns, const float *x,
                            const float *_Nullable gamma, const float *_Nullable beta, float epsilon, float *y,
                            float *_Nullable statistics);

/* dx = gradient, or dx += gradient when add_to_dx; d_gamma and d_beta are added to, where given. dx may be dy. */
void pal_layer_norm_backward(pal_engine *engine, size_t rows, size_t columns, const float *x,
                             const float *_Nullable gamma, const float *statistics, const float *dy, float *dx,
                             bool add_to_dx, float *_Nullable d_gamma, float *_Nullable d_beta);

/* Row softmax: p = exp(x - max) / sum; logarithm: x - max - log(sum). y may be x. */
void pal_softmax_forward(pal_engine *engine, size_t rows, size_t columns, const float *x, float *y, bool logarithm);
/* dx from y (= p, or log p when logarithm) and dy. dx may be dy. */
void pal_softmax_backward(pal_engine *engine, size_t rows, size_t columns, const float *y, const float *dy, float *dx,
                          bool logarithm);

/* sums[columns] += sum over rows of x; blocks of rows in a fixed order. */
void pal_add_row_sums(pal_engine *engine, size_t rows, size_t columns, const float *x, float *sums);

#pragma clang assume_nonnull end
