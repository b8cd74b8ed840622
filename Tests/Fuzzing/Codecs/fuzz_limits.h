/* What a fuzzed picture may cost: small enough for many inputs a second, so that a header's lies cost no time. */
#include "image_codecs.h"

static const pal_limits limits = {
    .max_side = 65500, .max_pixels = 1u << 20, .max_memory = 32u << 20, .max_scans = 100};
