#pragma once
#include "engine.h"

#pragma clang assume_nonnull begin

/* What happens to an element of a product before it is stored, in this order. All matrices here are [m, n] with the
   row stride of C, and must not overlap C. A zeroed struct does nothing. */
typedef struct {
    bool accumulate;                   /* C += product, nothing else; for gradients */
    const float *_Nullable bias;       /* [n], added to every row */
    bool gelu;                         /* exact GELU after the bias */
    float *_Nullable derivative;       /* with gelu: its derivative is stored here */
    const float *_Nullable residual;   /* added */
    const float *_Nullable factor;     /* multiplied */
} pal_epilogue;

/* C[m, n] = A[m, k] . B[k, n], then the epilogue. Element (i, j) of A is a[i * a_row + j * a_col]; B likewise; C is
   row-major with row stride c_row. The order of each sum depends on k alone, so the bits do not depend on the number
   of threads. m, n or k may be 0 (k = 0: the product is 0). */
void pal_gemm(pal_engine *engine, size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col,
              const float *b, size_t b_row, size_t b_col, float *c, size_t c_row, pal_epilogue epilogue);

/* The same product, batched: operand i starts at a + i * a_batch and so on. No epilogue but accumulate. */
void pal_gemm_batched(pal_engine *engine, size_t batch, size_t m, size_t n, size_t k, const float *a, size_t a_batch,
                      size_t a_row, size_t a_col, const float *b, size_t b_batch, size_t b_row, size_t b_col, float *c,
                      size_t c_batch, size_t c_row, bool accumulate);

#pragma clang assume_nonnull end
