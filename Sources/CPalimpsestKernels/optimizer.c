#include "internal.h"

enum { block = 32768 };

typedef struct {
    pal_engine *engine;
    size_t count;
    float *p, *m, *v;
    const float *g;
    pal_adamw options;
    float gradient_scale;
    double *sums;
} job;

static void adamw_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t at = task * block;
    (void)worker;
    pal_engine_kernels(it->engine)->adamw(pal_min(block, it->count - at), it->p + at, it->g + at, it->m + at,
                                          it->v + at, &it->options, it->gradient_scale);
}

void pal_adamw_step(pal_engine *engine, size_t count, float *p, const float *g, float *m, float *v, pal_adamw options,
                    float gradient_scale) {
    job it = {engine, count, p, m, v, g, options, gradient_scale, NULL};
    pal_engine_run(engine, pal_blocks(count, block), adamw_task, &it);
}

static void squares_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t end = pal_min((task + 1) * block, it->count);
    (void)worker;
    for (size_t at = task * block; at < end; at += pal_square_block)
        it->sums[at / pal_square_block] =
            pal_engine_kernels(it->engine)->sum_of_squares(pal_min(pal_square_block, end - at), it->g + at);
}

void pal_sums_of_squares(pal_engine *engine, size_t count, const float *x, double *sums) {
    job it = {.engine = engine, .count = count, .g = x, .sums = sums};
    pal_engine_run(engine, pal_blocks(count, block), squares_task, &it);
}
