#pragma once
#include "engine.h"

#pragma clang assume_nonnull begin

/* Gathering, scattering and rearranging of token rows and patches; arithmetic with broadcasting; reductions; losses
   with their gradients. Matrices are row-major. `add` means += where the alternative is =. The order of every sum
   depends on the sizes alone. */

/* ---- Token rows: x [batch, rows, columns], index [batch, picked] with values in 0..<rows ---- */

/* y[b, k] = x[b, index[b, k]]; with `shared` x is [rows, columns], the same for all b. */
void pal_gather_rows(pal_engine *engine, size_t batch, size_t rows, size_t picked, size_t columns, const float *x,
                     bool shared, const int32_t *index, float *y);
/* dx[b, index[b, k]] += dy[b, k] in the order of k; without `add` into zeros. With `shared` in the order of b, k. */
void pal_scatter_rows(pal_engine *engine, size_t batch, size_t rows, size_t picked, size_t columns, const float *dy,
                      bool shared, const int32_t *index, float *dx, bool add);

/* Puts kept rows back between filled ones. x [batch, prefix + kept, columns], restore [batch, total]:
   y[b, p] = x[b, p] for p < prefix; y[b, prefix + l] = x[b, prefix + restore[b, l]] where restore[b, l] < kept, else
   fill. `position` [prefix + total, columns] is added where given. */
void pal_restore_rows(pal_engine *engine, size_t batch, size_t prefix, size_t kept, size_t total, size_t columns,
                      const float *x, const float *fill, const int32_t *restore, const float *_Nullable position,
                      float *y);
/* Its gradients: dx like x; fill_sums [batch, columns] = sums of dy over the filled rows of each picture. Either may
   be NULL. */
void pal_restore_rows_backward(pal_engine *engine, size_t batch, size_t prefix, size_t kept, size_t total,
                               size_t columns, const float *dy, const int32_t *restore, float *_Nullable dx, bool add,
                               float *_Nullable fill_sums);

/* `count` contiguous floats of each picture, x + b * x_stride to y + b * y_stride; a stride of 0 repeats x. */
void pal_copy_parts(pal_engine *engine, size_t batch, size_t count, const float *x, size_t x_stride, float *y,
                    size_t y_stride, bool add);
/* y[b, j, i] = x[b, i, j] for x [batch, rows, columns]. */
void pal_transpose(pal_engine *engine, size_t batch, size_t rows, size_t columns, const float *x, float *y, bool add);

/* ---- Arithmetic with broadcasting and reductions ---- */

typedef enum { PAL_ADD, PAL_SUBTRACT, PAL_MULTIPLY, PAL_DIVIDE } pal_operation;

/* Element (o, i) of an operand lies at pointer[o * outer + i * inner]; inner is 0 or 1. */
typedef struct {
    const float *pointer;
    size_t outer, inner;
} pal_operand;

/* y[o, i] = a (op) b for o < outer, i < inner. y may be an operand of the same layout. */
void pal_binary(pal_engine *engine, pal_operation operation, size_t outer, size_t inner, pal_operand a, pal_operand b,
                float *y);
/* y = a x + b. y may be x. */
void pal_affine(pal_engine *engine, size_t count, const float *x, float a, float b, float *y);
/* y = value, or y += value. */
void pal_fill(pal_engine *engine, size_t count, float value, float *y, bool add);
double pal_sum(pal_engine *engine, size_t count, const float *x);
/* y[o, i] = scale * sum of x[o, j, i] over first <= j < length, for x [outer, length, inner]. */
void pal_sum_axis(pal_engine *engine, size_t outer, size_t length, size_t inner, size_t first, const float *x,
                  float scale, float *y);
/* Its gradient: dx[o, j, i] = scale * dy[o, i] for j >= first, else 0. */
void pal_spread_axis(pal_engine *engine, size_t outer, size_t length, size_t inner, size_t first, const float *dy,
                     float scale, float *dx, bool add);

/* ---- Pictures [batch, channels, height, width] and patches [batch, patches, numbers] ---- */

typedef struct {
    size_t batch, channels, height, width, patch_height, patch_width;
    bool channels_last; /* numbers run over row, column, channel; else over channel, row, column */
    size_t picked;      /* patches a picture in the patch matrix */
} pal_patch_shape;

/* Cuts patches out; index [batch, picked] names them (NULL: all, in raster order). */
void pal_extract_patches(pal_engine *engine, pal_patch_shape shape, const float *pictures,
                         const int32_t *_Nullable index, float *patches);
/* Puts patches in place, or adds them; pixels of patches that no index names become 0 without `add`. */
void pal_place_patches(pal_engine *engine, pal_patch_shape shape, const float *patches, const int32_t *_Nullable index,
                       float *pictures, bool add);

/* ---- Normalisation over other axes than layer norm's ---- */

/* y = x / max(|x|, epsilon) for each row; statistics [rows, 2] = 1 / max(|x|, epsilon), and 0 where epsilon won. */
void pal_normalize_rows_forward(pal_engine *engine, size_t rows, size_t columns, const float *x, float epsilon,
                                float *y, float *_Nullable statistics);
void pal_normalize_rows_backward(pal_engine *engine, size_t rows, size_t columns, const float *y,
                                 const float *statistics, const float *dy, float *dx, bool add);
/* y = (x - mean) / sqrt(variance + epsilon) for each row, variance divided by columns - 1; columns >= 2. */
void pal_normalize_pixels(pal_engine *engine, size_t rows, size_t columns, const float *x, float epsilon, float *y);
/* Over the rows of each column, variance divided by rows; y = (x - mean) / sqrt(variance + epsilon) * gamma + beta. */
void pal_batch_norm_forward(pal_engine *engine, size_t rows, size_t columns, const float *x,
                            const float *_Nullable gamma, const float *_Nullable beta, float epsilon, float *y,
                            float *mean, float *variance);
/* dx, or dx +=; d_gamma and d_beta are written where given. */
void pal_batch_norm_backward(pal_engine *engine, size_t rows, size_t columns, const float *x,
                             const float *_Nullable gamma, const float *mean, const float *variance, float epsilon,
                             const float *dy, float *dx, bool add, float *_Nullable d_gamma, float *_Nullable d_beta);

/* ---- Losses: the value is returned, its gradient written where wanted ---- */

typedef enum { PAL_SQUARED, PAL_SMOOTH_L1, PAL_L1 } pal_distance;

/* Mean over all elements of d^2; of d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; of |d|. d = x - target. */
double pal_mean_distance(pal_engine *engine, pal_distance distance, float beta, size_t count, const float *x,
                         const float *target, float *_Nullable gradient);
/* Sum of mask[r] * row_losses[r] over the sum of mask; row_losses[r] = mean over the columns of (x - target)^2. */
double pal_masked_squares(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *target,
                          const float *mask, float *row_losses, float *_Nullable gradient);
/* Mean over the rows of 1 - x . target / (|x| |target|); each norm is at least epsilon. */
double pal_mean_cosine_distance(pal_engine *engine, size_t rows, size_t columns, const float *x, const float *target,
                                float epsilon, float *_Nullable gradient);
/* Mean over the rows of -sum target * log softmax(x). Give labels [rows] (targets NULL) or targets [rows, columns].
   `work` [rows, columns] ends up as the gradient where that is wanted. */
double pal_cross_entropy(pal_engine *engine, size_t rows, size_t columns, const float *x,
                         const int32_t *_Nullable labels, const float *_Nullable targets, float *work,
                         bool wants_gradient);

#pragma clang assume_nonnull end
