/* What the decoders share. */
#ifndef PALIMPSEST_IMAGE_CODECS_COMMON_H
#define PALIMPSEST_IMAGE_CODECS_COMMON_H

#include "image_codecs.h"

#include <stdio.h>

/* Writes a message that fits its 256 bytes. */
#define PAL_SAY(target, ...) ((void)snprintf((target), 256, __VA_ARGS__))

/* PAL_OK, or PAL_TOO_LARGE with a message, for a picture whose samples take `sample_bytes` a pixel and whose decoding
 * takes `extra` bytes more. Sizes are at most 2^32 and sample_bytes at most 6, so nothing overflows. */
pal_status pal_check_size(const pal_limits *limits, uint64_t width, uint64_t height, uint64_t sample_bytes, uint64_t extra,
                          char message[256]);

#endif
