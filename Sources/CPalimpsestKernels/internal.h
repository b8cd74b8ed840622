#pragma once
/* What the drivers (one file a header) and the kernels of each level share. Drivers cut work into tasks and know
   threads; kernels work on one task's range and know vectors. */
#include "attention.h"
#include "engine.h"
#include "gemm.h"
#include "normalization.h"
#include "optimizer.h"
#include "pointwise.h"

#pragma clang assume_nonnull begin

typedef struct {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_col;
    const float *b;
    size_t b_row, b_col;
    float *c;
    size_t c_row;
    pal_epilogue epilogue;
} pal_product;

/* A part of a product: some rows, columns and a range of k. */
typedef struct {
    size_t row, rows, column, columns, k, depth;
    const float *_Nullable packed; /* all of B in panels, [panels][k][panel_columns]; NULL: B is read where it is */
    float *c;                      /* the first element of the part */
    size_t c_row;
    bool add;  /* to what C holds */
    bool last; /* range of k: the epilogue follows */
} pal_block;

typedef struct {
    pal_attention_shape shape;
    const float *q, *k, *v;
    const float *_Nullable bias;
    float *_Nullable out;
    float *_Nullable probabilities;
    const float *_Nullable d_out;
    float *_Nullable d_q, *_Nullable d_k, *_Nullable d_v;
    float *_Nullable d_scores; /* [batch, heads, q_tokens, k_tokens], where a bias wants its gradient */
} pal_attention_job;

/* The kernels of one instruction set. */
typedef struct {
    size_t tile_rows;     /* rows of A that go well together */
    size_t panel_columns; /* width of a packed panel of B; 0: B is not packed */
    void (*pack_panel)(const pal_product *p, size_t panel, float *packed);
    size_t (*block_scratch)(const pal_product *p, size_t rows, size_t columns, size_t depth);
    void (*product_block)(const pal_product *p, const pal_block *block, float *scratch);

    size_t (*attention_scratch)(const pal_attention_job *job);
    void (*attention_forward)(const pal_attention_job *job, size_t picture, size_t head, float *scratch);
    void (*attention_backward)(const pal_attention_job *job, size_t picture, size_t head, float *scratch);

    void (*layer_norm_forward)(size_t rows, size_t columns, const float *x, const float *_Nullable gamma,
                               const float *_Nullable beta, float epsilon, float *y, float *_Nullable statistics);
    void (*layer_norm_backward)(size_t rows, size_t columns, const float *x, const float *_Nullable gamma,
                                const float *statistics, const float *dy, float *dx, bool add_to_dx,
                                float *_Nullable d_gamma, float *_Nullable d_beta);
    void (*softmax_forward)(size_t rows, size_t columns, const float *x, float *y, bool logarithm);
    void (*softmax_backward)(size_t rows, size_t columns, const float *y, const float *dy, float *dx,
                             bool logarithm);
    void (*add_rows)(size_t rows, size_t columns, const float *x, size_t stride, float *sums);

    void (*apply)(pal_function f, size_t count, const float *x, float *y, float *_Nullable derivative);
    void (*scale_add)(size_t count, const float *x, float a, const float *_Nullable z, float b, float *y);
    void (*multiply)(size_t count, const float *x, const float *z, float *y, bool accumulate);

    void (*adamw)(size_t count, float *p, const float *g, float *m, float *v, const pal_adamw *options,
                  float gradient_scale);
    double (*sum_of_squares)(size_t count, const float *x);

    double fma_operations; /* of a round of fma_chains */
    float (*fma_chains)(size_t rounds);
    float (*read_all)(size_t count, const float *p);
} pal_kernels;

extern const pal_kernels pal_kernels_portable;
#if defined(__x86_64__)
extern const pal_kernels pal_kernels_avx2, pal_kernels_avx512;
#endif
const pal_kernels *pal_kernels_for(pal_isa isa);

const pal_kernels *pal_engine_kernels(const pal_engine *engine);

/* What products and attentions took, where somebody asked (peak.h). */
typedef struct pal_timing_list pal_timing_list;
pal_timing_list *_Nullable *_Nonnull pal_engine_timing_list(pal_engine *engine);
void pal_engine_set_timed(pal_engine *engine, bool timed);
/* The list, where the calling thread is in no task and times are asked for; else NULL. */
pal_timing_list *_Nullable pal_engine_timed(pal_engine *engine);
void pal_timing_add(pal_timing_list *list, const char *what, size_t batch, size_t m, size_t n, size_t k, double began);
void pal_timings_free(pal_timing_list *_Nullable list);
double pal_seconds(void);
void pal_engine_count(pal_engine *engine, double operations);

/* What a thread does for an engine. */
typedef struct {
    pal_engine *_Nullable engine;
    size_t worker;
    bool in_task;
} pal_section;
/* A kernel that keeps something in the engine from one call of pal_engine_run to the next stands between these two;
   pal_engine_run takes care of itself. Other threads wait; the thread that is inside may enter again. */
pal_section pal_engine_enter(pal_engine *engine);
void pal_engine_leave(pal_engine *engine, pal_section before);
/* Scratch that all workers may use, valid until the section ends: asked for on the calling thread, inside a section. */
float *pal_engine_shared(pal_engine *engine, size_t floats);

/* Ranges of rows whose sums are added in order: at most 16 blocks, of 32 rows at least. */
static inline size_t pal_sum_block(size_t rows) {
    size_t block = (rows + 15) / 16;
    return block < 32 ? 32 : block;
}

/* Rows a task, so that a task has some 16 thousand elements: enough to be worth claiming, few enough to share. */
static inline size_t pal_row_block(size_t columns) {
    size_t block = 16384 / (columns ? columns : 1);
    return block ? block : 1;
}

static inline size_t pal_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t pal_blocks(size_t count, size_t block) { return (count + block - 1) / block; }

#pragma clang assume_nonnull end
