/* Arithmetic with broadcasting, and reductions. */
#include <string.h>

#include "internal.h"
#include "lanes.h"
#include "rows.h"

enum { block = 16384 };

typedef struct {
    pal_operation operation;
    size_t outer, inner, outer_block, inner_block, inner_tasks;
    pal_operand a, b;
    float *y;
} binary_job;

/* The loops are written out for each operation and each way of broadcasting, so that all of them become vectors. */
#define BINARY_ROW(op)                                                                                                 \
    if (it->a.inner && it->b.inner)                                                                                    \
        for (size_t i = 0; i < count; i++) y[i] = a[i] op b[i];                                                        \
    else if (it->a.inner)                                                                                              \
        for (size_t i = 0; i < count; i++) y[i] = a[i] op *b;                                                          \
    else if (it->b.inner)                                                                                              \
        for (size_t i = 0; i < count; i++) y[i] = *a op b[i];                                                          \
    else                                                                                                               \
        for (size_t i = 0; i < count; i++) y[i] = *a op *b;                                                            \
    break

static void binary_task(void *context, size_t task, size_t worker) {
    const binary_job *it = context;
    size_t first = task % it->inner_tasks * it->inner_block, count = pal_min(it->inner_block, it->inner - first);
    size_t outer = task / it->inner_tasks * it->outer_block, last = pal_min(outer + it->outer_block, it->outer);
    (void)worker;
    for (; outer < last; outer++) {
        const float *a = it->a.pointer + outer * it->a.outer + first * it->a.inner;
        const float *b = it->b.pointer + outer * it->b.outer + first * it->b.inner;
        float *y = it->y + outer * it->inner + first;
        switch (it->operation) {
        case PAL_ADD: BINARY_ROW(+);
        case PAL_SUBTRACT: BINARY_ROW(-);
        case PAL_MULTIPLY: BINARY_ROW(*);
        case PAL_DIVIDE: BINARY_ROW(/);
        }
    }
}

void pal_binary(pal_engine *engine, pal_operation operation, size_t outer, size_t inner, pal_operand a, pal_operand b,
                float *y) {
    if (outer == 0 || inner == 0) return;
    binary_job it = {.operation = operation, .outer = outer, .inner = inner, .a = a, .b = b, .y = y};
    it.inner_block = pal_min(inner, block);
    it.inner_tasks = pal_blocks(inner, it.inner_block);
    it.outer_block = pal_row_block(inner);
    pal_engine_run(engine, it.inner_tasks * pal_blocks(outer, it.outer_block), binary_task, &it);
}

typedef struct {
    size_t count;
    const float *x;
    float *y, a, b;
    double *sums;
    bool add;
} flat_job;

static void affine_task(void *context, size_t task, size_t worker) {
    const flat_job *it = context;
    size_t last = pal_min((task + 1) * block, it->count);
    (void)worker;
    for (size_t i = task * block; i < last; i++) it->y[i] = it->a * it->x[i] + it->b;
}

void pal_affine(pal_engine *engine, size_t count, const float *x, float a, float b, float *y) {
    flat_job it = {.count = count, .x = x, .a = a, .b = b, .y = y};
    pal_engine_run(engine, pal_blocks(count, block), affine_task, &it);
}

static void fill_task(void *context, size_t task, size_t worker) {
    const flat_job *it = context;
    size_t first = task * block, last = pal_min(first + block, it->count);
    (void)worker;
    if (it->add)
        for (size_t i = first; i < last; i++) it->y[i] += it->b;
    else
        for (size_t i = first; i < last; i++) it->y[i] = it->b;
}

void pal_fill(pal_engine *engine, size_t count, float value, float *y, bool add) {
    flat_job it = {.count = count, .b = value, .y = y, .add = add};
    pal_engine_run(engine, pal_blocks(count, block), fill_task, &it);
}

static double sum_range(const float *x, size_t count) {
    double sums[4] = {0};
    for (size_t i = 0; i + 4 <= count; i += 4)
        for (size_t lane = 0; lane < 4; lane++) sums[lane] += x[i + lane];
    for (size_t i = count / 4 * 4; i < count; i++) sums[i % 4] += x[i];
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

static void sum_task(void *context, size_t task, size_t worker) {
    const flat_job *it = context;
    size_t first = task * block;
    (void)worker;
    it->sums[task] = sum_range(it->x + first, pal_min(block, it->count - first));
}

double pal_sum(pal_engine *engine, size_t count, const float *x) {
    size_t blocks = pal_blocks(count, block);
    if (blocks == 0) return 0;
    pal_section before = pal_engine_enter(engine);
    flat_job it = {.count = count, .x = x, .sums = (double *)pal_engine_shared(engine, 2 * blocks)};
    pal_engine_run(engine, blocks, sum_task, &it);
    double sum = 0;
    for (size_t i = 0; i < blocks; i++) sum += it.sums[i];
    pal_engine_leave(engine, before);
    return sum;
}

typedef struct {
    size_t outer, length, inner, first, inner_block, inner_tasks;
    const float *x;
    float *y, scale;
    bool add;
} axis_job;

static void sum_axis_task(void *context, size_t task, size_t worker) {
    const axis_job *it = context;
    size_t o = task / it->inner_tasks, column = task % it->inner_tasks * it->inner_block;
    size_t count = pal_min(it->inner_block, it->inner - column);
    const float *x = it->x + o * it->length * it->inner + column;
    float *y = it->y + o * it->inner + column;
    (void)worker;
    memset(y, 0, count * sizeof(float));
    for (size_t j = it->first; j < it->length; j++) pal_lanes_add(count, x + j * it->inner, y);
    for (size_t i = 0; i < count; i++) y[i] *= it->scale;
}

/* inner = 1: each row is summed in lanes. */
static void sum_row_task(void *context, size_t task, size_t worker) {
    const axis_job *it = context;
    size_t last = pal_min((task + 1) * it->inner_block, it->outer);
    (void)worker;
    for (size_t o = task * it->inner_block; o < last; o++) {
        const float *x = it->x + o * it->length + it->first;
        float sum;
        PAL_LANES_SUM(sum, it->length - it->first, x[i]);
        it->y[o] = sum * it->scale;
    }
}

void pal_sum_axis(pal_engine *engine, size_t outer, size_t length, size_t inner, size_t first, const float *x,
                  float scale, float *y) {
    axis_job it = {.outer = outer, .length = length, .inner = inner, .first = first, .x = x, .scale = scale, .y = y};
    if (inner == 1) {
        it.inner_block = pal_row_block(length);
        pal_engine_run(engine, pal_blocks(outer, it.inner_block), sum_row_task, &it);
    } else {
        it.inner_block = 64;
        it.inner_tasks = pal_blocks(inner, it.inner_block);
        pal_engine_run(engine, outer * it.inner_tasks, sum_axis_task, &it);
    }
}

static void spread_axis_task(void *context, size_t o, size_t worker) {
    const axis_job *it = context;
    const float *dy = it->x + o * it->inner;
    (void)worker;
    for (size_t j = 0; j < it->length; j++) {
        float *dx = it->y + (o * it->length + j) * it->inner;
        float scale = j < it->first ? 0 : it->scale;
        if (it->add)
            for (size_t i = 0; i < it->inner; i++) dx[i] += scale * dy[i];
        else
            for (size_t i = 0; i < it->inner; i++) dx[i] = scale * dy[i];
    }
}

void pal_spread_axis(pal_engine *engine, size_t outer, size_t length, size_t inner, size_t first, const float *dy,
                     float scale, float *dx, bool add) {
    axis_job it = {.length = length, .inner = inner, .first = first, .x = dy, .scale = scale, .y = dx, .add = add};
    pal_engine_run(engine, outer, spread_axis_task, &it);
}
