/* The heart: TILE_ROWS x TILE_COLUMNS sums in registers. Each sum takes its k products in ascending order. */

#define TILE_VECTORS 2
#define TILE_COLUMNS (TILE_VECTORS * LANES)

typedef struct {
    size_t k;
    const float *a; /* element (i, k) at a[i * a_row + k * a_col], one of the two strides being 1 */
    size_t a_row, a_col;
    const float *b; /* row k at b + k * b_row, readable as whole vectors */
    size_t b_row;
    float *c;
    size_t c_row;
    bool add;             /* to what C holds */
    float *a_copy;        /* with COPY_A: A as [k][TILE_ROWS] */
    float *b_copy;        /* with COPY_B: B as [k][TILE_COLUMNS] */
    const float *b_after; /* with FETCH_B: the panel that is needed next, and its row stride */
    size_t b_after_row;
} tile_job;

/* What a tile does for those after it, hidden behind the arithmetic. */
enum { COPY_A = 1, COPY_B = 2, FETCH_B = 4 };

/* Where a tile stands in its operands. */
typedef struct {
    const float *a, *b, *b_after;
    float *a_copy, *b_copy;
} tile_place;

/* rows, vectors, row_major and extras are constants wherever the following is inlined, so that the sums live in
   registers. */

/* Adds the products of one k. */
INLINE void tile_step(const size_t rows, const size_t vectors, const bool row_major, const int extras,
                      const tile_job *t, tile_place *at, vf sums[TILE_ROWS][TILE_VECTORS]) {
    vf line[TILE_VECTORS];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++) line[j] = load(at->b + j * LANES);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
        vf factor = splat(at->a[row_major ? i * t->a_row : i]);
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++) sums[i][j] = fma_(factor, line[j], sums[i][j]);
    }
    if (extras & COPY_A) {
        __builtin_prefetch(at->a + cache_line, 0, 2);
        memcpy(at->a_copy, at->a, rows * sizeof(float));
        at->a_copy += rows;
    }
    if (extras & COPY_B) {
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++) store(at->b_copy + j * LANES, line[j]);
        at->b_copy += vectors * LANES;
    }
    if (extras & FETCH_B) {
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors * LANES; j += cache_line) __builtin_prefetch(at->b_after + j, 0, 2);
        at->b_after += t->b_after_row;
    }
    at->a += row_major ? 1 : t->a_col;
    at->b += t->b_row;
}

INLINE void tile_of(const size_t rows, const size_t vectors, const bool row_major, const int extras,
                    const tile_job *job) {
    const tile_job copy = *job, *t = &copy; /* as nothing points to it, no store can change it */
    tile_place at = {t->a, t->b, t->b_after, t->a_copy, t->b_copy};
    vf sums[TILE_ROWS][TILE_VECTORS];
    float *c = t->c;
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors * LANES; j += cache_line) __builtin_prefetch(c + i * t->c_row + j, 1);
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++) sums[i][j] = splat(0.0f);
    }
    if (row_major) {
        /* Unrolled, the loads of a row of A would be moved together and push sums out of registers: 3 % slower. */
#pragma clang loop unroll(disable)
        for (size_t k = t->k; k > 0; k--) tile_step(rows, vectors, true, extras, t, &at, sums);
    } else {
#pragma clang loop unroll_count(4)
        for (size_t k = t->k; k > 0; k--) tile_step(rows, vectors, false, extras, t, &at, sums);
    }
    if (t->add) {
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
            for (size_t j = 0; j < vectors; j++) sums[i][j] += load(c + i * t->c_row + j * LANES);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++) store(c + i * t->c_row + j * LANES, sums[i][j]);
}

typedef void (*tile_function)(const tile_job *t);

#define TILE(ROWS)                                                                                                     \
    static void tile_rows_##ROWS##_1(const tile_job *t) { tile_of(ROWS, 1, true, 0, t); }                              \
    static void tile_rows_##ROWS##_2(const tile_job *t) { tile_of(ROWS, 2, true, 0, t); }                              \
    static void tile_columns_##ROWS##_1(const tile_job *t) { tile_of(ROWS, 1, false, 0, t); }                          \
    static void tile_columns_##ROWS##_2(const tile_job *t) { tile_of(ROWS, 2, false, 0, t); }
#define TILE_ENTRY(ROWS)                                                                                               \
    {{tile_columns_##ROWS##_1, tile_columns_##ROWS##_2}, {tile_rows_##ROWS##_1, tile_rows_##ROWS##_2}},

/* By rows - 1, row-major A, vectors - 1. */
#if TILE_ROWS == 6
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
static const tile_function plain_tiles[TILE_ROWS][2][TILE_VECTORS] = {
    TILE_ENTRY(1) TILE_ENTRY(2) TILE_ENTRY(3) TILE_ENTRY(4) TILE_ENTRY(5) TILE_ENTRY(6)};
#else
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
static const tile_function plain_tiles[TILE_ROWS][2][TILE_VECTORS] = {
    TILE_ENTRY(1) TILE_ENTRY(2) TILE_ENTRY(3) TILE_ENTRY(4) TILE_ENTRY(5) TILE_ENTRY(6)
    TILE_ENTRY(7) TILE_ENTRY(8) TILE_ENTRY(9) TILE_ENTRY(10) TILE_ENTRY(11) TILE_ENTRY(12)};
#endif

/* Whole tiles alone have extras. */
#define WHOLE(NAME, ROW_MAJOR, EXTRAS)                                                                                 \
    static void NAME(const tile_job *t) { tile_of(TILE_ROWS, TILE_VECTORS, ROW_MAJOR, EXTRAS, t); }
WHOLE(tile_rows_copy_b, true, COPY_B)
WHOLE(tile_rows_fetch_b, true, FETCH_B)
WHOLE(tile_columns_fetch_b, false, FETCH_B)
WHOLE(tile_columns_copy_a, false, COPY_A)
WHOLE(tile_columns_copy_b, false, COPY_B)
WHOLE(tile_columns_copy_ab, false, COPY_A | COPY_B)

static tile_function tile_with_extras(const tile_job *t) {
    bool row_major = t->a_col == 1;
    if (t->a_copy) return t->b_copy ? tile_columns_copy_ab : tile_columns_copy_a;
    if (t->b_copy) return row_major ? tile_rows_copy_b : tile_columns_copy_b;
    return row_major ? tile_rows_fetch_b : tile_columns_fetch_b;
}

/* A tile at the right edge: whole vectors go to a buffer, the columns that exist from there to C. */
static void tile_at_edge(tile_function run, const tile_job *t, size_t rows, size_t columns) {
    float buffer[TILE_ROWS * TILE_COLUMNS];
    tile_job inner = *t;
    inner.c = buffer;
    inner.c_row = TILE_COLUMNS;
    inner.add = false;
    run(&inner);
    for (size_t i = 0; i < rows; i++) {
        float *c = t->c + i * t->c_row;
        const float *from = buffer + i * TILE_COLUMNS;
        for (size_t j = 0; j < columns; j++) c[j] = t->add ? c[j] + from[j] : from[j];
    }
}

INLINE void tile(const tile_job *t, size_t rows, size_t columns) {
    tile_function run = plain_tiles[rows - 1][t->a_col == 1][columns > LANES];
    if (t->a_copy || t->b_copy || t->b_after) run = tile_with_extras(t);
    if (columns % LANES == 0) run(t);
    else tile_at_edge(run, t, rows, columns);
}
