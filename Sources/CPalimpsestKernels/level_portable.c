/* The level of every processor: 4 lanes (SSE2, NEON), products by OpenBLAS. */
#define LEVEL pal_kernels_portable
#define LANES 4
#if defined(__ARM_FEATURE_FMA)
#define HAS_FMA
#endif
#include "levels/vector.h"
#include "levels/functions.h"
#include "levels/epilogue.h"
#include "levels/product_blas.h"
#include "levels/norm_kernels.h"
#include "levels/softmax_kernels.h"
#include "levels/pointwise_kernels.h"
#include "levels/attention_kernels.h"
#include "levels/optimizer_kernels.h"
#include "levels/peak_kernels.h"
#include "levels/table.h"
