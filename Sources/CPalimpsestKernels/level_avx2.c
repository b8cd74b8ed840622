#if defined(__x86_64__)
#define LEVEL pal_kernels_avx2
#define LANES 8
#define HAS_FMA
#define TILE_ROWS 6
#include "internal.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "levels/vector.h"
#include "levels/functions.h"
#include "levels/epilogue.h"
#include "levels/tile.h"
#include "levels/packing.h"
#include "levels/product_tiles.h"
#include "levels/norm_kernels.h"
#include "levels/softmax_kernels.h"
#include "levels/pointwise_kernels.h"
#include "levels/attention_kernels.h"
#include "levels/optimizer_kernels.h"
#include "levels/peak_kernels.h"
#pragma clang attribute pop
#include "levels/table.h"
#endif
