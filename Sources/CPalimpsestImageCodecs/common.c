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
        PAL_SAY(message, "%llu x %llu = %llu pixels; the limit is %llu. " PAL_RAISE ", or cut the picture into tiles, as data.tiles does with TIFF",
                (unsigned long long)width, (unsigned long long)height, (unsigned long long)(width * height),
                (unsigned long long)limits->max_pixels);
        return PAL_TOO_LARGE;
    }
    /* `extra` comes from a header: the sum must not wrap. */
    uint64_t picture = width * height * sample_bytes;
    if (picture > limits->max_memory || extra > limits->max_memory - picture) {
        uint64_t memory = picture > UINT64_MAX - extra ? UINT64_MAX : picture + extra;
        PAL_SAY(message,
                "%llu x %llu pixels need %llu MB to decode; the limit is %llu MB, 4 bytes for each that are allowed. " PAL_RAISE,
                (unsigned long long)width, (unsigned long long)height, (unsigned long long)(memory >> 20),
                (unsigned long long)(limits->max_memory >> 20));
        return PAL_TOO_LARGE;
    }
    return PAL_OK;
}

void pal_free(void *memory) { free(memory); }
