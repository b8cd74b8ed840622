#pragma once
#include <cblas.h>
#include <stddef.h>

/* LAPACK's eigenvalues, rising, and eigenvectors of a symmetric matrix, which OpenBLAS holds; no header of OpenBLAS declares it
 * without complex numbers. The last two are the lengths of the first two texts, as Fortran passes them. */
void dsyevd_(const char *job, const char *triangle, const blasint *n, double *a, const blasint *lda, double *values,
             double *work, const blasint *work_size, blasint *integers, const blasint *integers_size, blasint *info,
             size_t job_length, size_t triangle_length);
