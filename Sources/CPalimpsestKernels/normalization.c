#include "internal.h"
#include <string.h>

typedef struct {
    pal_engine *engine;
    size_t rows, columns, block;
    const float *x, *gamma, *beta, *dy;
    float *y, *statistics;
    float epsilon;
    bool flag; /* add to dx; logarithm */
    float *sums, *partial;
} job;

static inline size_t rows_of(const job *it, size_t first) { return pal_min(it->block, it->rows - first); }

static void norm_forward_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t first = task * it->block, at = first * it->columns;
    (void)worker;
    pal_engine_kernels(it->engine)->layer_norm_forward(rows_of(it, first), it->columns, it->x + at, it->gamma, it->beta,
                                                       it->epsilon, it->y + at,
                                                       it->statistics ? it->statistics + 2 * first : NULL);
}

void pal_layer_norm_forward(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *gamma,
                            const float *beta, float epsilon, float *y, float *statistics) {
    job it = {.engine = engine, .rows = rows, .columns = columns, .block = pal_row_block(columns), .x = x,
              .gamma = gamma, .beta = beta, .epsilon = epsilon, .y = y, .statistics = statistics};
    pal_engine_run(engine, pal_blocks(rows, it.block), norm_forward_task, &it);
}

/* Each block of rows has its own sums for gamma and beta; they are added in order afterwards. */
static void norm_backward_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t first = task * it->block, at = first * it->columns;
    float *partial = it->partial + 2 * task * it->columns;
    (void)worker;
    memset(partial, 0, 2 * it->columns * sizeof(float));
    pal_engine_kernels(it->engine)->layer_norm_backward(rows_of(it, first), it->columns, it->x + at, it->gamma,
                                                        it->statistics + 2 * first, it->dy + at, it->y + at, it->flag,
                                                        partial, partial + it->columns);
}

void pal_layer_norm_backward(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *gamma,
                             const float *statistics, const float *dy, float *dx, bool add_to_dx, float *d_gamma,
                             float *d_beta) {
    job it = {.engine = engine, .rows = rows, .columns = columns, .block = pal_sum_block(rows), .x = x,
              .gamma = gamma, .dy = dy, .y = dx, .statistics = (float *)statistics, .flag = add_to_dx};
    size_t blocks = pal_blocks(rows, it.block);
    pal_section before = pal_engine_enter(engine);
    it.partial = pal_engine_shared(engine, 2 * blocks * columns);
    pal_engine_run(engine, blocks, norm_backward_task, &it);
    for (size_t i = 0; i < blocks; i++) {
        const float *partial = it.partial + 2 * i * columns;
        if (d_gamma) pal_engine_kernels(engine)->add_rows(1, columns, partial, columns, d_gamma);
        if (d_beta) pal_engine_kernels(engine)->add_rows(1, columns, partial + columns, columns, d_beta);
    }
    pal_engine_leave(engine, before);
}

static void softmax_forward_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t first = task * it->block, at = first * it->columns;
    (void)worker;
    pal_engine_kernels(it->engine)->softmax_forward(rows_of(it, first), it->columns, it->x + at, it->y + at, it->flag);
}

void pal_softmax_forward(pal_engine *engine, size_t rows, size_t columns, const float *x, float *y, bool logarithm) {
    job it = {.engine = engine, .rows = rows, .columns = columns, .block = pal_row_block(columns), .x = x, .y = y,
              .flag = logarithm};
    pal_engine_run(engine, pal_blocks(rows, it.block), softmax_forward_task, &it);
}

static void softmax_backward_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t first = task * it->block, at = first * it->columns;
    (void)worker;
    pal_engine_kernels(it->engine)->softmax_backward(rows_of(it, first), it->columns, it->x + at, it->dy + at,
                                                     it->y + at, it->flag);
}

void pal_softmax_backward(pal_engine *engine, size_t rows, size_t columns, const float *y, const float *dy, float *dx,
                          bool logarithm) {
    job it = {.engine = engine, .rows = rows, .columns = columns, .block = pal_row_block(columns), .x = y, .dy = dy,
              .y = dx, .flag = logarithm};
    pal_engine_run(engine, pal_blocks(rows, it.block), softmax_backward_task, &it);
}

static void row_sums_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    size_t first = task * it->block;
    float *partial = it->partial + task * it->columns;
    (void)worker;
    memset(partial, 0, it->columns * sizeof(float));
    pal_engine_kernels(it->engine)->add_rows(rows_of(it, first), it->columns, it->x + first * it->columns, it->columns,
                                             partial);
}

void pal_add_row_sums(pal_engine *engine, size_t rows, size_t columns, const float *x, float *sums) {
    job it = {.engine = engine, .rows = rows, .columns = columns, .block = pal_sum_block(rows), .x = x};
    size_t blocks = pal_blocks(rows, it.block);
    pal_section before = pal_engine_enter(engine);
    it.partial = pal_engine_shared(engine, blocks * columns);
    pal_engine_run(engine, blocks, row_sums_task, &it);
    pal_engine_kernels(engine)->add_rows(blocks, columns, it.partial, columns, sums);
    pal_engine_leave(engine, before);
}
