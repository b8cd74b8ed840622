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

INLINE size_t small_scratch(size_t m, size_t n, size_t k) { return (m + n) * k; }

static void small_product(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                          size_t b_row, size_t b_col, float *c, size_t c_row, bool accumulate, float *scratch) {
    if (k == 0) {
        for (size_t i = 0; i < m && !accumulate; i++) memset(c + i * c_row, 0, n * sizeof(float));
        return;
    }
    operand left = as_operand(m, k, a, a_row, a_col, scratch);
    operand right = as_operand(k, n, b, b_row, b_col, scratch + m * k);
    cblas_sgemm(CblasRowMajor, left.transposed, right.transposed, (int)m, (int)n, (int)k, 1.0f, left.at,
                (int)left.stride, right.at, (int)right.stride, accumulate ? 1.0f : 0.0f, c, (int)c_row);
}

static size_t product_scratch(const pal_product *p, size_t rows) {
    bool direct = fits(rows, p->k, p->a_row, p->a_col) && fits(p->k, p->n, p->b_row, p->b_col);
    return direct ? 0 : small_scratch(rows, p->n, p->k);
}

static void product_rows(const pal_product *p, size_t first, size_t rows, float *scratch) {
    float *c = p->c + first * p->c_row;
    small_product(rows, p->n, p->k, p->a + first * p->a_row, p->a_row, p->a_col, p->b, p->b_row, p->b_col, c, p->c_row,
                  p->epilogue.accumulate, scratch);
    if (!p->epilogue.accumulate)
        for (size_t i = 0; i < rows; i++) finish_row(&p->epilogue, p->n, (first + i) * p->c_row, 0, c + i * p->c_row);
}
