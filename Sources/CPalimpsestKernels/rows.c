/* Moving token rows about. */
#include "rows.h"

#include <string.h>

#include "internal.h"
#include "lanes.h"

typedef struct {
    size_t batch, rows, picked, columns, width;
    const float *x;
    const int32_t *index;
    float *y;
    bool shared, add;
} gather_job;

static void gather_task(void *context, size_t b, size_t worker) {
    const gather_job *it = context;
    const float *x = it->shared ? it->x : it->x + b * it->rows * it->columns;
    const int32_t *index = it->index + b * it->picked;
    float *y = it->y + b * it->picked * it->columns;
    (void)worker;
    for (size_t k = 0; k < it->picked; k++)
        memcpy(y + k * it->columns, x + (size_t)index[k] * it->columns, it->columns * sizeof(float));
}

void pal_gather_rows(pal_engine *engine, size_t batch, size_t rows, size_t picked, size_t columns, const float *x,
                     bool shared, const int32_t *index, float *y) {
    gather_job it = {.rows = rows, .picked = picked, .columns = columns, .x = x, .shared = shared, .index = index,
                     .y = y};
    pal_engine_run(engine, batch, gather_task, &it);
}

static void scatter_task(void *context, size_t b, size_t worker) {
    const gather_job *it = context;
    const float *dy = it->x + b * it->picked * it->columns;
    const int32_t *index = it->index + b * it->picked;
    float *dx = it->y + b * it->rows * it->columns;
    (void)worker;
    if (!it->add) memset(dx, 0, it->rows * it->columns * sizeof(float));
    for (size_t k = 0; k < it->picked; k++)
        pal_lanes_add(it->columns, dy + k * it->columns, dx + (size_t)index[k] * it->columns);
}

/* All pictures meet in one table: a task owns some columns of it. */
static void scatter_shared_task(void *context, size_t task, size_t worker) {
    const gather_job *it = context;
    size_t first = task * it->width, width = pal_min(it->width, it->columns - first);
    (void)worker;
    if (!it->add)
        for (size_t r = 0; r < it->rows; r++) memset(it->y + r * it->columns + first, 0, width * sizeof(float));
    for (size_t k = 0; k < it->batch * it->picked; k++)
        pal_lanes_add(width, it->x + k * it->columns + first, it->y + (size_t)it->index[k] * it->columns + first);
}

void pal_scatter_rows(pal_engine *engine, size_t batch, size_t rows, size_t picked, size_t columns, const float *dy,
                      bool shared, const int32_t *index, float *dx, bool add) {
    gather_job it = {.batch = batch, .rows = rows, .picked = picked, .columns = columns, .width = 32, .x = dy,
                     .index = index, .y = dx, .add = add};
    if (shared)
        pal_engine_run(engine, pal_blocks(columns, it.width), scatter_shared_task, &it);
    else
        pal_engine_run(engine, batch, scatter_task, &it);
}

typedef struct {
    size_t prefix, kept, total, columns;
    const float *x, *fill, *position;
    const int32_t *restore;
    float *y, *fill_sums;
    bool add;
} restore_job;

static void restore_task(void *context, size_t b, size_t worker) {
    const restore_job *it = context;
    size_t columns = it->columns;
    const float *x = it->x + b * (it->prefix + it->kept) * columns;
    const int32_t *restore = it->restore + b * it->total;
    float *y = it->y + b * (it->prefix + it->total) * columns;
    (void)worker;
    for (size_t row = 0; row < it->prefix + it->total; row++) {
        const float *source = x + row * columns;
        if (row >= it->prefix) {
            size_t place = (size_t)restore[row - it->prefix];
            source = place < it->kept ? x + (it->prefix + place) * columns : it->fill;
        }
        if (it->position) {
            const float *position = it->position + row * columns;
            for (size_t j = 0; j < columns; j++) y[row * columns + j] = source[j] + position[j];
        } else {
            memcpy(y + row * columns, source, columns * sizeof(float));
        }
    }
}

void pal_restore_rows(pal_engine *engine, size_t batch, size_t prefix, size_t kept, size_t total, size_t columns,
                      const float *x, const float *fill, const int32_t *restore, const float *position, float *y) {
    restore_job it = {.prefix = prefix, .kept = kept, .total = total, .columns = columns, .x = x, .fill = fill,
                      .restore = restore, .position = position, .y = y};
    pal_engine_run(engine, batch, restore_task, &it);
}

static void restore_backward_task(void *context, size_t b, size_t worker) {
    const restore_job *it = context;
    size_t columns = it->columns, rows = it->prefix + it->kept;
    const float *dy = it->x + b * (it->prefix + it->total) * columns;
    const int32_t *restore = it->restore + b * it->total;
    float *dx = it->y ? it->y + b * rows * columns : NULL;
    float *sums = it->fill_sums ? it->fill_sums + b * columns : NULL;
    (void)worker;
    if (dx && !it->add) memset(dx, 0, rows * columns * sizeof(float));
    if (sums) memset(sums, 0, columns * sizeof(float));
    if (dx) pal_lanes_add(it->prefix * columns, dy, dx);
    for (size_t l = 0; l < it->total; l++) {
        const float *row = dy + (it->prefix + l) * columns;
        size_t place = (size_t)restore[l];
        float *target = place >= it->kept ? sums : dx ? dx + (it->prefix + place) * columns : NULL;
        if (target) pal_lanes_add(columns, row, target);
    }
}

void pal_restore_rows_backward(pal_engine *engine, size_t batch, size_t prefix, size_t kept, size_t total,
                               size_t columns, const float *dy, const int32_t *restore, float *dx, bool add,
                               float *fill_sums) {
    restore_job it = {.prefix = prefix, .kept = kept, .total = total, .columns = columns, .x = dy, .restore = restore,
                      .y = dx, .add = add, .fill_sums = fill_sums};
    pal_engine_run(engine, batch, restore_backward_task, &it);
}

typedef struct {
    size_t count, x_stride, y_stride;
    const float *x;
    float *y;
    bool add;
} copy_job;

static void copy_task(void *context, size_t b, size_t worker) {
    const copy_job *it = context;
    const float *x = it->x + b * it->x_stride;
    float *y = it->y + b * it->y_stride;
    (void)worker;
    if (it->add)
        pal_lanes_add(it->count, x, y);
    else
        memcpy(y, x, it->count * sizeof(float));
}

void pal_copy_parts(pal_engine *engine, size_t batch, size_t count, const float *x, size_t x_stride, float *y,
                    size_t y_stride, bool add) {
    copy_job it = {.count = count, .x_stride = x_stride, .y_stride = y_stride, .x = x, .y = y, .add = add};
    pal_engine_run(engine, batch, copy_task, &it);
}

enum { tile = 16 };

typedef struct {
    size_t rows, columns, strips;
    const float *x;
    float *y;
    bool add;
} transpose_job;

/* A strip of `tile` rows of x, that is of columns of y, in square tiles. */
static void transpose_task(void *context, size_t task, size_t worker) {
    const transpose_job *it = context;
    size_t size = it->rows * it->columns, first = task % it->strips * tile, last = pal_min(first + tile, it->rows);
    const float *x = it->x + task / it->strips * size;
    float *y = it->y + task / it->strips * size;
    (void)worker;
    for (size_t column = 0; column < it->columns; column += tile)
        for (size_t j = column; j < pal_min(column + tile, it->columns); j++)
            for (size_t i = first; i < last; i++) {
                float value = x[i * it->columns + j];
                y[j * it->rows + i] = it->add ? y[j * it->rows + i] + value : value;
            }
}

void pal_transpose(pal_engine *engine, size_t batch, size_t rows, size_t columns, const float *x, float *y, bool add) {
    transpose_job it = {.rows = rows, .columns = columns, .strips = pal_blocks(rows, tile), .x = x, .y = y,
                        .add = add};
    pal_engine_run(engine, batch * it.strips, transpose_task, &it);
}
