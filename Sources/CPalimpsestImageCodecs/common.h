/* What the decoders share. */
#ifndef PALIMPSEST_IMAGE_CODECS_COMMON_H
#define PALIMPSEST_IMAGE_CODECS_COMMON_H

#include "image_codecs.h"

#include <stdio.h>

/* Writes a message that fits its 256 bytes. */
#define PAL_SAY(target, ...) ((void)snprintf((target), 256, __VA_ARGS__))

/* The end of every message about a limit: how to raise it. */
#define PAL_RAISE "data.max_pixels (--max-pixels of the data commands) raises it"

#endif
