#include "internal.h"
#include <string.h>

/* How a product is cut into tasks. Shapes alone decide, and none of it but `depth` can be seen in the bits: every
   element is the sum, in order, of its sums over ranges of k of that length. */
typedef struct {
    pal_engine *engine;
    const pal_kernels *kernels;
    pal_product product;
    size_t rows, row_blocks;       /* of a task */
    size_t columns, column_blocks; /* of a task */
    size_t depth, k_blocks;
    float *packed;  /* all of B */
    float *partial; /* [k_blocks, m, n]: products of ranges of k, not yet added up */
    size_t a_batch, b_batch, c_batch;
} job;

enum {
    longest_k = 416,    /* a panel of B so long fills most of a first-level cache */
    most_rows = 96,     /* rows of A so long fill a quarter of a second-level cache */
    enough_tasks = 12,  /* for a late thread to matter little */
    least_columns = 64, /* for rows of A to be worth reading */
    rows_added = 16,
    most_partial = 1 << 24 /* floats of partial products */
};

/* Part of the numerical contract. */
static size_t k_range(size_t k) {
    size_t blocks = pal_blocks(k, longest_k);
    return blocks <= 1 ? k : (pal_blocks(k, blocks) + 3) / 4 * 4;
}

static size_t equal_blocks(size_t count, size_t blocks, size_t multiple) {
    return pal_blocks(pal_blocks(count, blocks), multiple) * multiple;
}

static void pack_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    (void)worker;
    it->kernels->pack_panel(&it->product, task, it->packed);
}

static float *scratch(const job *it, size_t worker) {
    return pal_engine_scratch(it->engine, worker,
                              it->kernels->block_scratch(&it->product, it->rows, it->columns, it->depth));
}

/* Some rows and columns, all of k. Row blocks vary fastest: threads then share the same panels of B. */
static void whole_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    const pal_product *p = &it->product;
    size_t row = task % it->row_blocks * it->rows, column = task / it->row_blocks * it->columns;
    pal_block block = {.row = row, .rows = pal_min(it->rows, p->m - row), .column = column,
                       .columns = pal_min(it->columns, p->n - column), .packed = it->packed,
                       .c = p->c + row * p->c_row + column, .c_row = p->c_row, .add = p->epilogue.accumulate};
    do {
        block.depth = pal_min(it->depth, p->k - block.k);
        block.last = block.k + block.depth == p->k;
        it->kernels->product_block(p, &block, scratch(it, worker));
        block.k += block.depth;
        block.add = true;
    } while (!block.last);
}

static void partial_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    const pal_product *p = &it->product;
    size_t row = task % it->row_blocks * it->rows, k_block = task / it->row_blocks, k = k_block * it->depth;
    pal_block block = {.row = row, .rows = pal_min(it->rows, p->m - row), .columns = p->n, .k = k,
                       .depth = pal_min(it->depth, p->k - k), .c = it->partial + (k_block * p->m + row) * p->n,
                       .c_row = p->n};
    it->kernels->product_block(p, &block, scratch(it, worker));
}

static void add_task(void *context, size_t task, size_t worker) {
    const job *it = context;
    const pal_product *p = &it->product;
    size_t first = task * rows_added;
    (void)worker;
    for (size_t row = first; row < first + pal_min(rows_added, p->m - first); row++) {
        float *c = p->c + row * p->c_row;
        if (!p->epilogue.accumulate) memset(c, 0, p->n * sizeof(float));
        it->kernels->add_rows(it->k_blocks, p->n, it->partial + row * p->n, p->m * p->n, c);
    }
}

/* The gradient of a weight: few rows and columns, a long k, A to be packed. Ranges of k are tasks of their own then:
   each packs what it reads, once, into the caches of its core. */
static bool is_long(const job *it) {
    const pal_product *p = &it->product;
    const pal_epilogue *e = &p->epilogue;
    bool finish = e->bias || e->gelu || e->residual || e->factor;
    return !finish && p->a_col != 1 && it->k_blocks > 1 && it->row_blocks < enough_tasks &&
           it->k_blocks * p->m * p->n <= most_partial;
}

static void set_rows(job *it, size_t blocks) {
    size_t m = it->product.m;
    it->rows = equal_blocks(m, blocks, it->kernels->tile_rows);
    it->row_blocks = pal_blocks(m, it->rows);
}

static void run_long(job *it) {
    const pal_product *p = &it->product;
    while (it->row_blocks * it->k_blocks < enough_tasks && it->rows > 4 * it->kernels->tile_rows)
        set_rows(it, 2 * it->row_blocks);
    it->partial = pal_engine_shared(it->engine, it->k_blocks * p->m * p->n);
    pal_engine_run(it->engine, it->k_blocks * it->row_blocks, partial_task, it);
    pal_engine_run(it->engine, pal_blocks(p->m, rows_added), add_task, it);
}

static void run_whole(job *it) {
    const pal_product *p = &it->product;
    size_t width = it->kernels->panel_columns;
    if (width) {
        size_t panels = pal_blocks(p->n, width);
        it->packed = pal_engine_shared(it->engine, panels * width * p->k);
        pal_engine_run(it->engine, panels, pack_task, it);
    }
    if (it->row_blocks < enough_tasks) {
        size_t blocks = pal_min(pal_blocks(enough_tasks, it->row_blocks), pal_blocks(p->n, least_columns));
        it->columns = equal_blocks(p->n, blocks, width ? width : 1);
        it->column_blocks = pal_blocks(p->n, it->columns);
    }
    pal_engine_run(it->engine, it->row_blocks * it->column_blocks, whole_task, it);
}

void pal_gemm(pal_engine *engine, size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
              const float *b, size_t b_row, size_t b_col, float *c, size_t c_row, pal_epilogue epilogue) {
    if (m == 0 || n == 0) return;
    pal_engine_count(engine, 2.0 * (double)m * (double)n * (double)k);
    job it = {.engine = engine, .kernels = pal_engine_kernels(engine), .columns = n, .column_blocks = 1,
              .product = {m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, epilogue}};
    it.depth = k_range(k);
    it.k_blocks = k ? pal_blocks(k, it.depth) : 1;
    set_rows(&it, pal_blocks(m, most_rows));
    pal_timing_list *timed = pal_engine_timed(engine);
    double began = timed ? pal_seconds() : 0;
    pal_section before = pal_engine_enter(engine);
    if (is_long(&it)) run_long(&it);
    else run_whole(&it);
    pal_engine_leave(engine, before);
    if (timed) pal_timing_add(timed, "product", 1, m, n, k, began);
}

static void batch_task(void *context, size_t task, size_t worker) {
    job it = *(const job *)context;
    it.product.a += task * it.a_batch;
    it.product.b += task * it.b_batch;
    it.product.c += task * it.c_batch;
    whole_task(&it, 0, worker);
}

void pal_gemm_batched(pal_engine *engine, size_t batch, size_t m, size_t n, size_t k, const float *a, size_t a_batch,
                      size_t a_row, size_t a_col, const float *b, size_t b_batch, size_t b_row, size_t b_col, float *c,
                      size_t c_batch, size_t c_row, bool accumulate) {
    if (m == 0 || n == 0) return;
    pal_engine_count(engine, 2.0 * (double)batch * (double)m * (double)n * (double)k);
    job it = {.engine = engine, .kernels = pal_engine_kernels(engine), .rows = m, .row_blocks = 1, .columns = n,
              .column_blocks = 1, .depth = k_range(k), .a_batch = a_batch, .b_batch = b_batch, .c_batch = c_batch,
              .product = {m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, {.accumulate = accumulate}}};
    pal_timing_list *timed = pal_engine_timed(engine);
    double began = timed ? pal_seconds() : 0;
    pal_engine_run(engine, batch, batch_task, &it);
    if (timed) pal_timing_add(timed, "products", batch, m, n, k, began);
}
