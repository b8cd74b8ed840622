/* A block of a product: panels of B outermost, so that one panel stays in the first-level cache while the rows of A
   pass by. */

static void pack_panel(const pal_product *p, size_t panel, float *packed) {
    size_t column = panel * TILE_COLUMNS;
    pack_columns(p->k, pal_min(TILE_COLUMNS, p->n - column), p->b + column * p->b_col, p->b_row, p->b_col,
                 packed + column * p->k);
}

/* Scratch of a block: one panel of B and the rows of A. */
static size_t block_scratch(const pal_product *p, size_t rows, size_t columns, size_t depth) {
    (void)columns;
    return (TILE_COLUMNS + (p->a_col == 1 ? 0 : rows)) * depth;
}

/* Where a tile finds its rows of A, once packed: each tile is [k][its rows]. */
INLINE void take_rows(tile_job *t, const pal_product *p, const float *a, float *packed, size_t height, bool first,
                      bool whole) {
    t->a = packed;
    t->a_row = 1;
    t->a_col = height;
    if (!first) return;
    if (whole && p->a_row == 1) {
        t->a = a;
        t->a_col = p->a_col;
        t->a_copy = packed;
    } else {
        pack_rows(height, t->k, a, p->a_row, p->a_col, packed);
    }
}

/* The same for a panel of B that is not packed beforehand. */
INLINE void take_panel(tile_job *t, const pal_product *p, const float *b, float *packed, size_t columns, bool first,
                       bool whole) {
    t->b = packed;
    t->b_row = TILE_COLUMNS;
    if (!first) return;
    if (whole && p->b_col == 1) {
        t->b = b;
        t->b_row = p->b_row;
        t->b_copy = packed;
    } else {
        pack_columns(t->k, columns, b, p->b_row, p->b_col, packed);
    }
}

static void product_block(const pal_product *p, const pal_block *block, float *scratch) {
    const pal_epilogue *e = &p->epilogue;
    bool finished = block->last && has_epilogue(e);
    size_t depth = block->depth;
    float *panel = scratch, *rows = scratch + TILE_COLUMNS * depth;
    for (size_t j = 0; j < block->columns; j += TILE_COLUMNS) {
        size_t column = block->column + j, columns = pal_min(TILE_COLUMNS, block->columns - j);
        for (size_t i = 0; i < block->rows; i += TILE_ROWS) {
            size_t height = pal_min(TILE_ROWS, block->rows - i);
            bool whole = height == TILE_ROWS && columns == TILE_COLUMNS;
            const float *a = p->a + (block->row + i) * p->a_row + block->k * p->a_col;
            const float *b = p->b + block->k * p->b_row + column * p->b_col;
            tile_job t = {.k = depth, .c = block->c + i * block->c_row + j, .c_row = block->c_row, .add = block->add};
            if (p->a_col == 1) {
                t.a = a;
                t.a_row = p->a_row;
                t.a_col = 1;
            } else {
                take_rows(&t, p, a, rows + i * depth, height, j == 0, whole);
            }
            if (block->packed) {
                t.b = block->packed + column * p->k + block->k * TILE_COLUMNS;
                t.b_row = TILE_COLUMNS;
            } else {
                take_panel(&t, p, b, panel, columns, i == 0, whole);
            }
            bool last_of_panel = i + 2 * TILE_ROWS > block->rows, another = j + TILE_COLUMNS < block->columns;
            if (whole && last_of_panel && another && (block->packed || p->b_col == 1)) {
                t.b_after = block->packed ? t.b + TILE_COLUMNS * p->k : b + TILE_COLUMNS;
                t.b_after_row = block->packed ? TILE_COLUMNS : p->b_row;
            }
            size_t offset = (block->row + i) * p->c_row + column;
            if (finished) fetch_tile(e, height, offset, p->c_row);
            tile(&t, height, columns);
            if (finished && whole) finish_tile(e, TILE_ROWS, offset, column, t.c, t.c_row);
            else
                for (size_t r = 0; finished && r < height; r++)
                    finish_row(e, columns, offset + r * p->c_row, column, t.c + r * t.c_row);
        }
    }
}

INLINE size_t head_panels(size_t width) { return TILE_COLUMNS * width; }

/* c[m, n] = a . b for attention: rows of C have whole vectors, and so have those of B unless it is transposed. */
static void head_product(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                         size_t b_row, size_t b_col, float *c, size_t c_row, float *panels) {
    for (size_t j = 0; j < n; j += TILE_COLUMNS) {
        size_t columns = pal_min(TILE_COLUMNS, n - j);
        tile_job t = {.k = k, .a_row = a_row, .a_col = a_col, .b = b + j, .b_row = b_row, .c_row = c_row};
        if (b_col != 1) {
            pack_columns(k, columns, b + j * b_col, b_row, b_col, panels);
            t.b = panels;
            t.b_row = TILE_COLUMNS;
        }
        for (size_t i = 0; i < m; i += TILE_ROWS) {
            t.a = a + i * a_row;
            t.c = c + i * c_row + j;
            plain_tiles[pal_min(TILE_ROWS, m - i) - 1][a_col == 1][columns > LANES](&t);
        }
    }
}
