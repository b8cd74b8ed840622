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
    bool add; /* to what C holds */
} tile_job;

/* rows, vectors and row_major are constants wherever this is inlined, so that the sums live in registers. */
INLINE void tile_of(const size_t rows, const size_t vectors, const bool row_major, const tile_job *t) {
    vf sums[TILE_ROWS][TILE_VECTORS];
    const size_t a_row = row_major ? t->a_row : 1, a_col = row_major ? 1 : t->a_col, b_row = t->b_row;
    float *c = t->c;
#pragma clang loop unroll(full)
    for (size_t i = 0; i < rows; i++) {
        __builtin_prefetch(c + i * t->c_row, 1);
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++) sums[i][j] = splat(0.0f);
    }
    const float *a = t->a, *b = t->b;
#pragma clang loop unroll_count(4)
    for (size_t k = t->k; k > 0; k--) {
        vf line[TILE_VECTORS];
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++) line[j] = load(b + j * LANES);
#pragma clang loop unroll(full)
        for (size_t i = 0; i < rows; i++) {
            vf factor = splat(a[i * a_row]);
#pragma clang loop unroll(full)
            for (size_t j = 0; j < vectors; j++) sums[i][j] = fma_(factor, line[j], sums[i][j]);
        }
        a += a_col;
        b += b_row;
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

#define TILE(ROWS)                                                                                                     \
    static void tile_rows_##ROWS##_1(const tile_job *t) { tile_of(ROWS, 1, true, t); }                                 \
    static void tile_rows_##ROWS##_2(const tile_job *t) { tile_of(ROWS, 2, true, t); }                                 \
    static void tile_columns_##ROWS##_1(const tile_job *t) { tile_of(ROWS, 1, false, t); }                             \
    static void tile_columns_##ROWS##_2(const tile_job *t) { tile_of(ROWS, 2, false, t); }
#define TILE_ENTRY(ROWS)                                                                                               \
    {{tile_columns_##ROWS##_1, tile_columns_##ROWS##_2}, {tile_rows_##ROWS##_1, tile_rows_##ROWS##_2}},

typedef void (*tile_function)(const tile_job *t);

#if TILE_ROWS == 6
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
static const tile_function tile_functions[TILE_ROWS][2][TILE_VECTORS] = {
    TILE_ENTRY(1) TILE_ENTRY(2) TILE_ENTRY(3) TILE_ENTRY(4) TILE_ENTRY(5) TILE_ENTRY(6)};
#else
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
static const tile_function tile_functions[TILE_ROWS][2][TILE_VECTORS] = {
    TILE_ENTRY(1) TILE_ENTRY(2) TILE_ENTRY(3) TILE_ENTRY(4) TILE_ENTRY(5) TILE_ENTRY(6)
    TILE_ENTRY(7) TILE_ENTRY(8) TILE_ENTRY(9) TILE_ENTRY(10) TILE_ENTRY(11) TILE_ENTRY(12)};
#endif

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
    bool row_major = t->a_col == 1;
    tile_function run = tile_functions[rows - 1][row_major][columns > LANES];
    if (columns % LANES == 0) run(t);
    else tile_at_edge(run, t, rows, columns);
}
