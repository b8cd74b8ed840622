/* Products by OpenBLAS with one thread, on blocks of rows that depend on the shape alone. */
#include <cblas.h>

/* cblas wants one of the two strides to be 1, and the other at least the length of a run. */
typedef struct {
    const float *at;
    CBLAS_TRANSPOSE transposed;
    size_t stride;
} operand;

INLINE bool fits(size_t rows, size_t columns, size_t row, size_t col) {
    return (col == 1 && row >= columns && row > 0) || (row == 1 && col >= rows && col > 0);
}

static operand as_operand(size_t rows, size_t columns, const float *x, size_t row, size_t col, float *copy) {
    if (col == 1 && row >= columns && row > 0) return (operand){x, CblasNoTrans, row};
    if (row == 1 && col >= rows && col > 0) return (operand){x, CblasTrans, col};
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) copy[i * columns + j] = x[i * row + j * col];
    return (operand){copy, CblasNoTrans, columns};
}

static size_t block_scratch(const pal_product *p, size_t rows, size_t columns, size_t depth) {
    bool direct = fits(rows, depth, p->a_row, p->a_col) && fits(depth, columns, p->b_row, p->b_col);
    return direct ? 0 : (rows + columns) * depth;
}

static void product_block(const pal_product *p, const pal_block *block, float *scratch) {
    size_t m = block->rows, n = block->columns, k = block->depth;
    const float *a = p->a + block->row * p->a_row + block->k * p->a_col;
    const float *b = p->b + block->k * p->b_row + block->column * p->b_col;
    float *c = block->c;
    if (k == 0) {
        for (size_t i = 0; i < m && !block->add; i++) memset(c + i * block->c_row, 0, n * sizeof(float));
    } else {
        operand left = as_operand(m, k, a, p->a_row, p->a_col, scratch);
        operand right = as_operand(k, n, b, p->b_row, p->b_col, scratch + m * k);
        cblas_sgemm(CblasRowMajor, left.transposed, right.transposed, (int)m, (int)n, (int)k, 1.0f, left.at,
                    (int)left.stride, right.at, (int)right.stride, block->add ? 1.0f : 0.0f, c, (int)block->c_row);
    }
    for (size_t i = 0; i < m && block->last; i++)
        finish_row(&p->epilogue, n, (block->row + i) * p->c_row + block->column, block->column,
                   c + i * block->c_row);
}

INLINE size_t head_panels(size_t width) { return 0 * width; }

/* c[m, n] = a . b for attention. */
static void head_product(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                         size_t b_row, size_t b_col, float *c, size_t c_row, float *panels) {
    (void)panels;
    operand left = as_operand(m, k, a, a_row, a_col, NULL), right = as_operand(k, n, b, b_row, b_col, NULL);
    cblas_sgemm(CblasRowMajor, left.transposed, right.transposed, (int)m, (int)n, (int)k, 1.0f, left.at,
                (int)left.stride, right.at, (int)right.stride, 0.0f, c, (int)c_row);
}

static void pack_panel(const pal_product *p, size_t panel, float *packed) { (void)p, (void)panel, (void)packed; }

#define TILE_COLUMNS 0
#define TILE_ROWS 1
