#pragma once
/* Loops whose sums have a fixed order: eight partial sums, added as a tree. The compiler may use vectors for them
   without changing a bit. */
#include <math.h>
#include <stddef.h>

enum { pal_lanes = 8 };

static inline void pal_lanes_add(size_t count, const float *x, float *sums) {
    for (size_t i = 0; i < count; i++) sums[i] += x[i];
}

static inline float pal_lanes_total(const float *sums) {
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/* Sum of `value` over 0 <= i < count; `value` is an expression in i. */
#define PAL_LANES_SUM(result, count, value)                                                                           \
    do {                                                                                                               \
        float sums_[pal_lanes] = {0};                                                                                  \
        size_t at_ = 0;                                                                                                \
        for (; at_ + pal_lanes <= (count); at_ += pal_lanes)                                                           \
            for (size_t lane_ = 0; lane_ < pal_lanes; lane_++) {                                                       \
                size_t i = at_ + lane_;                                                                                \
                sums_[lane_] += (value);                                                                               \
            }                                                                                                          \
        for (size_t i = at_; i < (count); i++) sums_[i - at_] += (value);                                              \
        (result) = pal_lanes_total(sums_);                                                                             \
    } while (0)
