#include "internal.h"
#include <stdlib.h>
#include <string.h>

static pal_isa isa_of_processor(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return PAL_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return PAL_ISA_AVX2;
#endif
    return PAL_ISA_PORTABLE;
}

const char *pal_isa_name(pal_isa isa) {
    switch (isa) {
    case PAL_ISA_AVX512: return "avx512";
    case PAL_ISA_AVX2: return "avx2";
    default: return "portable";
    }
}

pal_isa pal_isa_best(void) {
    pal_isa best = isa_of_processor();
    const char *wanted = getenv("PALIMPSEST_ISA");
    if (wanted)
        for (pal_isa isa = PAL_ISA_PORTABLE; isa < best; isa++)
            if (strcmp(wanted, pal_isa_name(isa)) == 0) return isa;
    return best;
}

const pal_kernels *pal_kernels_for(pal_isa isa) {
#if defined(__x86_64__)
    if (isa == PAL_ISA_AVX512) return &pal_kernels_avx512;
    if (isa == PAL_ISA_AVX2) return &pal_kernels_avx2;
#endif
    return &pal_kernels_portable;
}
