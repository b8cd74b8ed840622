/* Operands copied into the order in which tiles read them. */

typedef float v4 __attribute__((ext_vector_type(4)));
typedef struct {
    v4 v;
} __attribute__((packed, aligned(4), may_alias)) unaligned4;

/* 4 x 4 elements: to[j * to_row + i] = from[i * from_row + j]. */
INLINE void transpose4(const float *from, size_t from_row, float *to, size_t to_row) {
    v4 r0 = ((const unaligned4 *)from)->v, r1 = ((const unaligned4 *)(from + from_row))->v;
    v4 r2 = ((const unaligned4 *)(from + 2 * from_row))->v, r3 = ((const unaligned4 *)(from + 3 * from_row))->v;
    v4 low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
    v4 low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    ((unaligned4 *)to)->v = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    ((unaligned4 *)(to + to_row))->v = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    ((unaligned4 *)(to + 2 * to_row))->v = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    ((unaligned4 *)(to + 3 * to_row))->v = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

/* to[k * TILE_COLUMNS + j] = b[k * row + j * col] for j < columns, 0 in the columns that are missing. */
static void pack_columns(size_t k, size_t columns, const float *b, size_t row, size_t col, float *to) {
    if (columns < TILE_COLUMNS)
        for (size_t i = 0; i < k * TILE_COLUMNS; i += LANES) store(to + i, splat(0.0f));
    if (col == 1) {
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < columns; j += LANES)
                store_some(to + i * TILE_COLUMNS + j, load_some(b + i * row + j, columns - j), columns - j);
        return;
    }
    size_t square_k = row == 1 ? k / 4 * 4 : 0, square_columns = columns / 4 * 4;
    for (size_t i = 0; i < square_k; i += 4)
        for (size_t j = 0; j < square_columns; j += 4)
            transpose4(b + i + j * col, col, to + i * TILE_COLUMNS + j, TILE_COLUMNS);
    for (size_t j = 0; j < columns; j++)
        for (size_t i = j < square_columns ? square_k : 0; i < k; i++)
            to[i * TILE_COLUMNS + j] = b[i * row + j * col];
}

/* to[k * rows + i] = a[i * row + k * col]. */
static void pack_rows(size_t rows, size_t k, const float *a, size_t row, size_t col, float *to) {
    for (size_t l = 0; l < k; l++)
        for (size_t i = 0; i < rows; i++) to[l * rows + i] = a[i * row + l * col];
}
