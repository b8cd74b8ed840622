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

static void product_block(const pal_product *p, const pal_block *block, float *scratch) {
    const pal_epilogue *e = &p->epilogue;
    bool finish = block->last && (e->bias || e->gelu || e->residual || e->factor);
    bool direct = p->a_col == 1;
    size_t depth = block->depth;
    const float *a = p->a + block->row * p->a_row + block->k * p->a_col;
    float *panel = scratch, *rows = scratch + TILE_COLUMNS * depth;
    if (!direct) pack_rows(block->rows, depth, a, p->a_row, p->a_col, rows);
    for (size_t done = 0; done < block->columns; done += TILE_COLUMNS) {
        size_t column = block->column + done, columns = pal_min(TILE_COLUMNS, block->columns - done);
        const float *b = panel;
        if (block->packed) b = block->packed + column * p->k + block->k * TILE_COLUMNS;
        else pack_columns(depth, columns, p->b + block->k * p->b_row + column * p->b_col, p->b_row, p->b_col, panel);
        for (size_t i = 0; i < block->rows; i += TILE_ROWS) {
            size_t height = pal_min(TILE_ROWS, block->rows - i);
            tile_job t = {.k = depth,
                          .a = direct ? a + i * p->a_row : rows + i * depth,
                          .a_row = direct ? p->a_row : 1,
                          .a_col = direct ? 1 : height,
                          .b = b,
                          .b_row = TILE_COLUMNS,
                          .c = block->c + i * block->c_row + done,
                          .c_row = block->c_row,
                          .add = block->add};
            tile(&t, height, columns);
            for (size_t r = 0; finish && r < height; r++)
                finish_row(e, columns, (block->row + i + r) * p->c_row + column, column, t.c + r * t.c_row);
        }
    }
}
