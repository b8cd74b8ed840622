/* Losses: value and gradient in one pass over the data. Rows and blocks are summed in float lanes, what they give in
   double and in order. */
#include "internal.h"
#include "lanes.h"
#include "rows.h"

enum { block = 4096 };

typedef struct {
    size_t rows, columns, block;
    pal_distance distance;
    const float *x, *target, *mask;
    const int32_t *labels;
    float *row_losses, *gradient, beta, factor;
    double *sums;
} loss_job;

static double total(const double *sums, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += sums[i];
    return sum;
}

static double *block_sums(pal_engine *engine, size_t blocks) { return (double *)pal_engine_shared(engine, 2 * blocks); }

static inline float smooth(float d, float beta) {
    float size = fabsf(d);
    return size < beta ? d * d / (2 * beta) : size - beta / 2;
}

static inline float smooth_slope(float d, float beta) { return fabsf(d) < beta ? d / beta : copysignf(1, d); }

static void distance_task(void *context, size_t task, size_t worker) {
    const loss_job *it = context;
    size_t first = task * block, count = pal_min(block, it->rows - first);
    const float *x = it->x + first, *t = it->target + first;
    float *g = it->gradient ? it->gradient + first : NULL, sum = 0;
    (void)worker;
    switch (it->distance) {
    case PAL_SQUARED:
        PAL_LANES_SUM(sum, count, (x[i] - t[i]) * (x[i] - t[i]));
        if (g)
            for (size_t i = 0; i < count; i++) g[i] = 2 * it->factor * (x[i] - t[i]);
        break;
    case PAL_SMOOTH_L1:
        PAL_LANES_SUM(sum, count, smooth(x[i] - t[i], it->beta));
        if (g)
            for (size_t i = 0; i < count; i++) g[i] = it->factor * smooth_slope(x[i] - t[i], it->beta);
        break;
    case PAL_L1:
        PAL_LANES_SUM(sum, count, fabsf(x[i] - t[i]));
        if (g)
            for (size_t i = 0; i < count; i++) g[i] = it->factor * (float)((x[i] > t[i]) - (x[i] < t[i]));
        break;
    }
    it->sums[task] = sum;
}

double pal_mean_distance(pal_engine *engine, pal_distance distance, float beta, size_t count, const float *x,
                         const float *target, float *gradient) {
    size_t blocks = pal_blocks(count, block);
    pal_section before = pal_engine_enter(engine);
    loss_job it = {.rows = count, .distance = distance, .beta = beta, .x = x, .target = target, .gradient = gradient,
                   .factor = 1 / (float)count, .sums = block_sums(engine, blocks)};
    pal_engine_run(engine, blocks, distance_task, &it);
    double sum = total(it.sums, blocks);
    pal_engine_leave(engine, before);
    return sum / (double)count;
}

static void masked_task(void *context, size_t task, size_t worker) {
    const loss_job *it = context;
    size_t last = pal_min((task + 1) * it->block, it->rows);
    (void)worker;
    for (size_t r = task * it->block; r < last; r++) {
        const float *x = it->x + r * it->columns, *t = it->target + r * it->columns;
        float sum;
        PAL_LANES_SUM(sum, it->columns, (x[i] - t[i]) * (x[i] - t[i]));
        it->row_losses[r] = sum / (float)it->columns;
        if (!it->gradient) continue;
        float *g = it->gradient + r * it->columns, factor = it->factor * it->mask[r];
        for (size_t i = 0; i < it->columns; i++) g[i] = factor * (x[i] - t[i]);
    }
}

double pal_masked_squares(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *target,
                          const float *mask, float *row_losses, float *gradient) {
    double weight = 0, sum = 0;
    for (size_t r = 0; r < rows; r++) weight += mask[r];
    loss_job it = {.rows = rows, .columns = columns, .block = pal_row_block(columns), .x = x, .target = target,
                   .mask = mask, .row_losses = row_losses, .gradient = gradient,
                   .factor = (float)(2 / (weight * (double)columns))};
    pal_engine_run(engine, pal_blocks(rows, it.block), masked_task, &it);
    for (size_t r = 0; r < rows; r++) sum += (double)mask[r] * row_losses[r];
    return sum / weight;
}

static void cosine_task(void *context, size_t task, size_t worker) {
    const loss_job *it = context;
    size_t last = pal_min((task + 1) * it->block, it->rows);
    double sum = 0;
    (void)worker;
    for (size_t r = task * it->block; r < last; r++) {
        const float *x = it->x + r * it->columns, *t = it->target + r * it->columns;
        float xx, tt, xt;
        PAL_LANES_SUM(xx, it->columns, x[i] * x[i]);
        PAL_LANES_SUM(tt, it->columns, t[i] * t[i]);
        PAL_LANES_SUM(xt, it->columns, x[i] * t[i]);
        float norm = fmaxf(sqrtf(xx), it->beta), target_norm = fmaxf(sqrtf(tt), it->beta);
        float cosine = xt / (norm * target_norm);
        sum += 1 - (double)cosine;
        if (!it->gradient) continue;
        /* -(t / |t| - x / |x| cos) / |x|; where epsilon stands for |x|, it does not move. */
        float *g = it->gradient + r * it->columns, to_target = -it->factor / (norm * target_norm);
        float to_x = sqrtf(xx) < it->beta ? 0 : it->factor * cosine / (norm * norm);
        for (size_t i = 0; i < it->columns; i++) g[i] = to_target * t[i] + to_x * x[i];
    }
    it->sums[task] = sum;
}

double pal_mean_cosine_distance(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *target,
                                float epsilon, float *gradient) {
    loss_job it = {.rows = rows, .columns = columns, .block = pal_row_block(columns), .x = x, .target = target,
                   .beta = epsilon, .gradient = gradient, .factor = 1 / (float)rows};
    size_t blocks = pal_blocks(rows, it.block);
    pal_section before = pal_engine_enter(engine);
    it.sums = block_sums(engine, blocks);
    pal_engine_run(engine, blocks, cosine_task, &it);
    double sum = total(it.sums, blocks);
    pal_engine_leave(engine, before);
    return sum / (double)rows;
}

static void entropy_task(void *context, size_t task, size_t worker) {
    const loss_job *it = context;
    size_t last = pal_min((task + 1) * it->block, it->rows);
    double sum = 0;
    (void)worker;
    for (size_t r = task * it->block; r < last; r++) {
        const float *log_p = it->x + r * it->columns;
        if (it->labels) {
            sum -= log_p[it->labels[r]];
        } else {
            const float *t = it->target + r * it->columns;
            float along;
            PAL_LANES_SUM(along, it->columns, t[i] != 0 ? t[i] * log_p[i] : 0);
            sum -= along;
        }
    }
    it->sums[task] = sum;
}

/* From p in place to the gradient p * (sum of the targets) - target, over the number of rows. */
static void entropy_gradient_task(void *context, size_t task, size_t worker) {
    const loss_job *it = context;
    size_t last = pal_min((task + 1) * it->block, it->rows);
    (void)worker;
    for (size_t r = task * it->block; r < last; r++) {
        float *g = it->gradient + r * it->columns;
        if (it->labels) {
            for (size_t i = 0; i < it->columns; i++) g[i] *= it->factor;
            g[it->labels[r]] -= it->factor;
        } else {
            const float *t = it->target + r * it->columns;
            float mass;
            PAL_LANES_SUM(mass, it->columns, t[i]);
            for (size_t i = 0; i < it->columns; i++) g[i] = it->factor * (g[i] * mass - t[i]);
        }
    }
}

double pal_cross_entropy(pal_engine *engine, size_t rows, size_t columns, const float *x, const int32_t *labels,
                         const float *targets, float *work, bool wants_gradient) {
    pal_softmax_forward(engine, rows, columns, x, work, true);
    loss_job it = {.rows = rows, .columns = columns, .block = pal_row_block(columns), .x = work,
                   .target = targets, .labels = labels, .gradient = work, .factor = 1 / (float)rows};
    size_t blocks = pal_blocks(rows, it.block);
    pal_section before = pal_engine_enter(engine);
    it.sums = block_sums(engine, blocks);
    pal_engine_run(engine, blocks, entropy_task, &it);
    double sum = total(it.sums, blocks);
    pal_engine_leave(engine, before);
    if (wants_gradient) {
        pal_apply(engine, PAL_EXP, rows * columns, work, work, NULL);
        pal_engine_run(engine, blocks, entropy_gradient_task, &it);
    }
    return sum / (double)rows;
}
