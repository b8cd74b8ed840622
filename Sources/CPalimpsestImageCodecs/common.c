#include "common.h"

#include <stdlib.h>

pal_status pal_check_size(const pal_limits *limits, uint64_t width, uint64_t height, uint64_t sample_bytes, uint64_t extra,
                          char message[256]) {
    if (width > limits->max_side || height > limits->max_side) {
        PAL_SAY(message, "%llu x %llu pixels; a side may have %lu", (unsigned long long)width,
                (unsigned long long)height, (unsigned long)limits->max_side);
        return PAL_TOO_LARGE;
    }
    if (width * height > limits->max_pixels) {
        PAL_SAY(message, "%llu x %llu pixels; a picture may have %llu. Scale it down or cut it into tiles", (unsigned long long)width,
                (unsigned long long)height, (unsigned long long)limits->max_pixels);
        return PAL_TOO_LARGE;
    }
    uint64_t memory = width * height * sample_bytes + extra;
    if (memory > limits->max_memory) {
        PAL_SAY(message, "%llu x %llu pixels need %llu MB to decode; the limit is %llu MB", (unsigned long long)width,
                (unsigned long long)height, (unsigned long long)(memory >> 20),
                (unsigned long long)(limits->max_memory >> 20));
        return PAL_TOO_LARGE;
    }
    return PAL_OK;
}

void pal_free(void *memory) { free(memory); }
