/* Normalisation by the length of a row, by the pixels of a patch, over a batch. */
#include <string.h>

#include "internal.h"
#include "lanes.h"
#include "rows.h"

typedef struct {
    size_t rows, columns, block;
    const float *x, *dy;
    float *y, *statistics, epsilon;
    bool add;
} row_job;

static void normalize_task(void *context, size_t task, size_t worker) {
    const row_job *it = context;
    size_t last = pal_min((task + 1) * it->block, it->rows);
    (void)worker;
    for (size_t r = task * it->block; r < last; r++) {
        const float *x = it->x + r * it->columns;
        float *y = it->y + r * it->columns, squares;
        PAL_LANES_SUM(squares, it->columns, x[i] * x[i]);
        float norm = sqrtf(squares);
        bool clamped = norm < it->epsilon;
        float inverse = 1 / (clamped ? it->epsilon : norm);
        for (size_t j = 0; j < it->columns; j++) y[j] = x[j] * inverse;
        if (it->statistics) {
            it->statistics[2 * r] = inverse;
            it->statistics[2 * r + 1] = clamped ? 0 : 1;
        }
    }
}

void pal_normalize_rows_forward(pal_engine *engine, size_t rows, size_t columns, const float *x, float epsilon,
                                float *y, float *statistics) {
    row_job it = {.rows = rows, .columns = columns, .block = pal_row_block(columns), .x = x, .epsilon = epsilon,
                  .y = y, .statistics = statistics};
    pal_engine_run(engine, pal_blocks(rows, it.block), normalize_task, &it);
}

static void normalize_backward_task(void *context, size_t task, size_t worker) {
    const row_job *it = context;
    size_t last = pal_min((task + 1) * it->block, it->rows);
    (void)worker;
    for (size_t r = task * it->block; r < last; r++) {
        const float *y = it->x + r * it->columns, *dy = it->dy + r * it->columns;
        float *dx = it->y + r * it->columns, along;
        float inverse = it->statistics[2 * r];
        PAL_LANES_SUM(along, it->columns, y[i] * dy[i]);
        along *= it->statistics[2 * r + 1];
        for (size_t j = 0; j < it->columns; j++) {
            float value = (dy[j] - y[j] * along) * inverse;
            dx[j] = it->add ? dx[j] + value : value;
        }
    }
}

void pal_normalize_rows_backward(pal_engine *engine, size_t rows, size_t columns, const float *y,
                                 const float *statistics, const float *dy, float *dx, bool add) {
    row_job it = {.rows = rows, .columns = columns, .block = pal_row_block(columns), .x = y, .dy = dy,
                  .statistics = (float *)statistics, .y = dx, .add = add};
    pal_engine_run(engine, pal_blocks(rows, it.block), normalize_backward_task, &it);
}

static void pixels_task(void *context, size_t task, size_t worker) {
    const row_job *it = context;
    size_t last = pal_min((task + 1) * it->block, it->rows);
    (void)worker;
    for (size_t r = task * it->block; r < last; r++) {
        const float *x = it->x + r * it->columns;
        float *y = it->y + r * it->columns, mean, squares;
        PAL_LANES_SUM(mean, it->columns, x[i]);
        mean /= (float)it->columns;
        PAL_LANES_SUM(squares, it->columns, (x[i] - mean) * (x[i] - mean));
        float inverse = 1 / sqrtf(squares / (float)(it->columns - 1) + it->epsilon);
        for (size_t j = 0; j < it->columns; j++) y[j] = (x[j] - mean) * inverse;
    }
}

void pal_normalize_pixels(pal_engine *engine, size_t rows, size_t columns, const float *x, float epsilon, float *y) {
    row_job it = {.rows = rows, .columns = columns, .block = pal_row_block(columns), .x = x, .epsilon = epsilon,
                  .y = y};
    pal_engine_run(engine, pal_blocks(rows, it.block), pixels_task, &it);
}

/* A task owns a strip of columns and sums down their rows in double. */
enum { strip = 16 };

typedef struct {
    size_t rows, columns;
    const float *x, *gamma, *beta, *dy;
    float *y, *mean, *variance, *d_gamma, *d_beta, epsilon;
    bool add;
} batch_job;

static void batch_forward_task(void *context, size_t task, size_t worker) {
    const batch_job *it = context;
    size_t first = task * strip, count = pal_min(strip, it->columns - first);
    double sums[strip] = {0}, squares[strip] = {0};
    float shift[strip], factor[strip], offset[strip];
    (void)worker;
    for (size_t r = 0; r < it->rows; r++)
        for (size_t j = 0; j < count; j++) sums[j] += it->x[r * it->columns + first + j];
    for (size_t j = 0; j < count; j++) sums[j] /= (double)it->rows;
    for (size_t r = 0; r < it->rows; r++)
        for (size_t j = 0; j < count; j++) {
            double centred = it->x[r * it->columns + first + j] - sums[j];
            squares[j] += centred * centred;
        }
    for (size_t j = 0; j < count; j++) {
        double variance = squares[j] / (double)it->rows;
        it->mean[first + j] = shift[j] = (float)sums[j];
        it->variance[first + j] = (float)variance;
        factor[j] = (float)(1 / sqrt(variance + it->epsilon)) * (it->gamma ? it->gamma[first + j] : 1);
        offset[j] = it->beta ? it->beta[first + j] : 0;
    }
    for (size_t r = 0; r < it->rows; r++)
        for (size_t j = 0; j < count; j++) {
            size_t at = r * it->columns + first + j;
            it->y[at] = (it->x[at] - shift[j]) * factor[j] + offset[j];
        }
}

void pal_batch_norm_forward(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *gamma,
                            const float *beta, float epsilon, float *y, float *mean, float *variance) {
    batch_job it = {.rows = rows, .columns = columns, .x = x, .gamma = gamma, .beta = beta, .epsilon = epsilon,
                    .y = y, .mean = mean, .variance = variance};
    pal_engine_run(engine, pal_blocks(columns, strip), batch_forward_task, &it);
}

/* dx = gamma / sigma * (dy - mean(dy) - xhat * mean(dy * xhat)). */
static void batch_backward_task(void *context, size_t task, size_t worker) {
    const batch_job *it = context;
    size_t first = task * strip, count = pal_min(strip, it->columns - first);
    double sums[strip] = {0}, products[strip] = {0};
    float inverse[strip], factor[strip], mean_dy[strip], mean_product[strip];
    (void)worker;
    for (size_t j = 0; j < count; j++) {
        inverse[j] = (float)(1 / sqrt((double)it->variance[first + j] + it->epsilon));
        factor[j] = inverse[j] * (it->gamma ? it->gamma[first + j] : 1);
    }
    for (size_t r = 0; r < it->rows; r++)
        for (size_t j = 0; j < count; j++) {
            size_t at = r * it->columns + first + j;
            sums[j] += it->dy[at];
            products[j] += (double)it->dy[at] * ((it->x[at] - it->mean[first + j]) * inverse[j]);
        }
    for (size_t j = 0; j < count; j++) {
        if (it->d_beta) it->d_beta[first + j] = (float)sums[j];
        if (it->d_gamma) it->d_gamma[first + j] = (float)products[j];
        mean_dy[j] = (float)(sums[j] / (double)it->rows);
        mean_product[j] = (float)(products[j] / (double)it->rows);
    }
    for (size_t r = 0; r < it->rows; r++)
        for (size_t j = 0; j < count; j++) {
            size_t at = r * it->columns + first + j;
            float normal = (it->x[at] - it->mean[first + j]) * inverse[j];
            float value = (it->dy[at] - mean_dy[j] - normal * mean_product[j]) * factor[j];
            it->y[at] = it->add ? it->y[at] + value : value;
        }
}

void pal_batch_norm_backward(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *gamma,
                             const float *mean, const float *variance, float epsilon, const float *dy, float *dx,
                             bool add, float *d_gamma, float *d_beta) {
    batch_job it = {.rows = rows, .columns = columns, .x = x, .gamma = gamma, .epsilon = epsilon, .dy = dy, .y = dx,
                    .mean = (float *)mean, .variance = (float *)variance, .add = add, .d_gamma = d_gamma,
                    .d_beta = d_beta};
    pal_engine_run(engine, pal_blocks(columns, strip), batch_backward_task, &it);
}
