/* Vectors of LANES floats. Everything else in this folder is written in them, once, and compiled for each level: the
   including file defines LANES and turns the instruction set on. Sums over lanes have one fixed order a level. */
#include "../internal.h"
#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { cache_line = 16 }; /* floats */

typedef float vf __attribute__((ext_vector_type(LANES)));
typedef int32_t vi __attribute__((ext_vector_type(LANES)));
typedef double vd __attribute__((ext_vector_type(LANES)));
typedef struct {
    vf v;
} __attribute__((packed, aligned(4), may_alias)) unaligned;

INLINE vf load(const float *p) { return ((const unaligned *)p)->v; }
INLINE void store(float *p, vf x) { ((unaligned *)p)->v = x; }
INLINE vf splat(float x) { return (vf)x; }

/* All bits set in the lanes below n. */
INLINE vi first_lanes(size_t n) {
    vi lanes;
#pragma clang loop unroll(full)
    for (int i = 0; i < LANES; i++) lanes[i] = i;
    return lanes < (vi)(int)n;
}
INLINE vf keep_first(vf x, size_t n, float others) { return first_lanes(n) ? x : splat(others); }

/* The first n < LANES elements; the others read as 0 and are not touched in memory. */
INLINE vf load_part(const float *p, size_t n) {
#if LANES == 16
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif LANES == 8
    return (vf)_mm256_maskload_ps(p, (__m256i)first_lanes(n));
#else
    vf x = splat(0.0f);
    for (size_t i = 0; i < n; i++) x[i] = p[i];
    return x;
#endif
}
INLINE void store_part(float *p, vf x, size_t n) {
#if LANES == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
#elif LANES == 8
    _mm256_maskstore_ps(p, (__m256i)first_lanes(n), (__m256)x);
#else
    for (size_t i = 0; i < n; i++) p[i] = x[i];
#endif
}
INLINE vf load_some(const float *p, size_t n) { return n >= LANES ? load(p) : load_part(p, n); }
INLINE void store_some(float *p, vf x, size_t n) {
    if (n >= LANES) store(p, x);
    else store_part(p, x, n);
}

#ifdef HAS_FMA
INLINE vf fma_(vf a, vf b, vf c) { return __builtin_elementwise_fma(a, b, c); }
#else
INLINE vf fma_(vf a, vf b, vf c) { return a * b + c; }
#endif

/* Written so that a NaN in x comes through. */
INLINE vf at_most(vf x, float limit) { return splat(limit) < x ? splat(limit) : x; }
INLINE vf at_least(vf x, float limit) { return splat(limit) > x ? splat(limit) : x; }

/* Lanes exchanged with those `distance` away. */
#if LANES == 16
#define LANE_ORDER(d)                                                                                                  \
    0 ^ d, 1 ^ d, 2 ^ d, 3 ^ d, 4 ^ d, 5 ^ d, 6 ^ d, 7 ^ d, 8 ^ d, 9 ^ d, 10 ^ d, 11 ^ d, 12 ^ d, 13 ^ d, 14 ^ d, 15 ^ d
#elif LANES == 8
#define LANE_ORDER(d) 0 ^ d, 1 ^ d, 2 ^ d, 3 ^ d, 4 ^ d, 5 ^ d, 6 ^ d, 7 ^ d
#else
#define LANE_ORDER(d) 0 ^ d, 1 ^ d, 2 ^ d, 3 ^ d
#endif
#define EXCHANGED(x, d) __builtin_shufflevector(x, x, LANE_ORDER(d))

/* The sum, or the largest, of all lanes, in every lane. */
INLINE vf sum_of_lanes(vf x) {
#if LANES > 8
    x += EXCHANGED(x, 8);
#endif
#if LANES > 4
    x += EXCHANGED(x, 4);
#endif
    x += EXCHANGED(x, 2);
    return x + EXCHANGED(x, 1);
}
INLINE vf larger(vf a, vf b) { return a > b ? a : b; }
INLINE vf largest_lane(vf x) {
#if LANES > 8
    x = larger(x, EXCHANGED(x, 8));
#endif
#if LANES > 4
    x = larger(x, EXCHANGED(x, 4));
#endif
    x = larger(x, EXCHANGED(x, 2));
    return larger(x, EXCHANGED(x, 1));
}
INLINE vf absolute(vf x) { return (vf)((vi)x & 0x7fffffff); }
