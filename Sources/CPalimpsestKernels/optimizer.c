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
    size_t at = task * block;
    (void)worker;
    it->sums[task] = pal_engine_kernels(it->engine)->sum_of_squares(pal_min(block, it->count - at), it->g + at);
}

double pal_sum_of_squares(pal_engine *engine, size_t count, const float *x) {
    size_t blocks = pal_blocks(count, block);
    job it = {.engine = engine, .count = count, .g = x};
    pal_section before = pal_engine_enter(engine);
    it.sums = (double *)pal_engine_shared(engine, 2 * blocks);
    pal_engine_run(engine, blocks, squares_task, &it);
    double sum = 0;
    for (size_t i = 0; i < blocks; i++) sum += it.sums[i];
    pal_engine_leave(engine, before);
    return sum;
}
