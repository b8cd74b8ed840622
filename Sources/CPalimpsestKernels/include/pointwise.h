#pragma once
#include "engine.h"

#pragma clang assume_nonnull begin

typedef enum {
    PAL_GELU, PAL_RELU, PAL_SIGMOID, PAL_TANH, PAL_EXP, PAL_LOG, PAL_SQRT, PAL_SQUARE
} pal_function;

/* y = f(x); the derivative f'(x) is stored where given. PAL_EXP takes x for -87.3 below and for 88.3 above these. */
void pal_apply(pal_engine *engine, pal_function f, size_t count, const float *x, float *y,
               float *_Nullable derivative);

/* y = x * a + b * z (z may be NULL: y = x * a). y may be x or z. */
void pal_scale_add(pal_engine *engine, size_t count, const float *x, float a, const float *_Nullable z, float b,
                   float *y);
/* y = x * z, or y += x * z. */
void pal_multiply(pal_engine *engine, size_t count, const float *x, const float *z, float *y, bool accumulate);

#pragma clang assume_nonnull end
