#include "internal.h"

typedef struct {
    pal_engine *engine;
    pal_product product;
    size_t block; /* rows a task */
    size_t a_batch, b_batch, c_batch;
} job;

static void rows_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    const pal_kernels *kernels = pal_engine_kernels(it->engine);
    size_t first = task * it->block, rows = pal_min(it->block, it->product.m - first);
    float *scratch = pal_engine_scratch(it->engine, worker, kernels->product_scratch(&it->product, rows));
    kernels->product_rows(&it->product, first, rows, scratch);
}

void pal_gemm(pal_engine *engine, size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
              const float *b, size_t b_row, size_t b_col, float *c, size_t c_row, pal_epilogue epilogue) {
    if (m == 0 || n == 0) return;
    job it = {engine, {m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, epilogue}, 96, 0, 0, 0};
    pal_engine_run(engine, pal_blocks(m, it.block), rows_task, &it);
}

static void batch_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    const pal_kernels *kernels = pal_engine_kernels(it->engine);
    pal_product product = it->product;
    product.a += task * it->a_batch;
    product.b += task * it->b_batch;
    product.c += task * it->c_batch;
    float *scratch = pal_engine_scratch(it->engine, worker, kernels->product_scratch(&product, product.m));
    kernels->product_rows(&product, 0, product.m, scratch);
}

void pal_gemm_batched(pal_engine *engine, size_t batch, size_t m, size_t n, size_t k, const float *a, size_t a_batch,
                      size_t a_row, size_t a_col, const float *b, size_t b_batch, size_t b_row, size_t b_col, float *c,
                      size_t c_batch, size_t c_row, bool accumulate) {
    if (m == 0 || n == 0) return;
    pal_epilogue epilogue = {.accumulate = accumulate};
    job it = {engine, {m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, epilogue}, m, a_batch, b_batch, c_batch};
    pal_engine_run(engine, batch, batch_task, &it);
}
