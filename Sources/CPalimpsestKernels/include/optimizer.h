#pragma once
#include "engine.h"

#pragma clang assume_nonnull begin

/* Double, because 1 - beta2 in float would be wrong by 1e-5 of itself. */
typedef struct {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
    double correction1, correction2; /* 1 - beta^step */
} pal_adamw;

/* One decoupled step over a flat range, in PyTorch's order: p *= 1 - lr * decay; moments; p -= lr * m^ / (sqrt(v^) +
   epsilon). The gradient is multiplied by gradient_scale first. */
void pal_adamw_step(pal_engine *engine, size_t count, float *p, const float *g, float *m, float *v,
                    pal_adamw options, float gradient_scale);

/* Numbers whose squares are summed before they are added to others, so that stretches of whole blocks may be summed apart. */
enum { pal_square_block = 1024 };
/* The sum of squares of each block, in double; the last block may be shorter. */
void pal_sums_of_squares(pal_engine *engine, size_t count, const float *x, double *sums);

#pragma clang assume_nonnull end
