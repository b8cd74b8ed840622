#include "internal.h"

enum { block = 16384 };

typedef struct {
    pal_engine *engine;
    pal_function f;
    size_t count;
    const float *x, *z;
    float *y, *derivative;
    float a, b;
    bool accumulate;
} job;

static void apply_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t at = task * block;
    (void)worker;
    pal_engine_kernels(it->engine)->apply(it->f, pal_min(block, it->count - at), it->x + at, it->y + at,
                                          it->derivative ? it->derivative + at : NULL);
}

void pal_apply(pal_engine *engine, pal_function f, size_t count, const float *x, float *y, float *derivative) {
    job it = {.engine = engine, .f = f, .count = count, .x = x, .y = y, .derivative = derivative};
    pal_engine_run(engine, pal_blocks(count, block), apply_task, &it);
}

static void scale_add_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t at = task * block;
    (void)worker;
    pal_engine_kernels(it->engine)->scale_add(pal_min(block, it->count - at), it->x + at, it->a,
                                              it->z ? it->z + at : NULL, it->b, it->y + at);
}

void pal_scale_add(pal_engine *engine, size_t count, const float *x, float a, const float *z, float b, float *y) {
    job it = {.engine = engine, .count = count, .x = x, .z = z, .a = a, .b = b, .y = y};
    pal_engine_run(engine, pal_blocks(count, block), scale_add_task, &it);
}

static void multiply_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t at = task * block;
    (void)worker;
    pal_engine_kernels(it->engine)->multiply(pal_min(block, it->count - at), it->x + at, it->z + at, it->y + at,
                                             it->accumulate);
}

void pal_multiply(pal_engine *engine, size_t count, const float *x, const float *z, float *y, bool accumulate) {
    job it = {.engine = engine, .count = count, .x = x, .z = z, .y = y, .accumulate = accumulate};
    pal_engine_run(engine, pal_blocks(count, block), multiply_task, &it);
}
