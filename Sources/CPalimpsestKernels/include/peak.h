#pragma once
#include "engine.h"

#pragma clang assume_nonnull begin

/* What the machine can do at most, for benchmarks. Both end when all threads have done their part. */

/* Multiply-adds that wait for nothing, `rounds` of some hundred vectors a thread; returns the operations, a multiply-add
   being two. */
double pal_peak_operations(pal_engine *engine, size_t rounds);
/* Reads `count` floats once, a part a thread; returns the bytes. */
double pal_peak_read(pal_engine *engine, size_t count, const float *numbers);

/* What a product or an attention took. */
typedef struct {
    const char *what; /* "product", "products" (many of one shape), "attention" or "attention back" */
    size_t batch, m, n, k;
    double seconds;
} pal_timing;

/* Begins a list of what each product and attention takes that is not part of another task, or ends it; the list is valid
   until the next call. */
void pal_timings_begin(pal_engine *engine);
size_t pal_timings_end(pal_engine *engine, const pal_timing *_Nullable *_Nonnull timings);

#pragma clang assume_nonnull end
