/* How the samples of a TIFF page lie in the file and in memory. */
#ifndef PALIMPSEST_IMAGE_CODECS_TIFF_LAYOUT_H
#define PALIMPSEST_IMAGE_CODECS_TIFF_LAYOUT_H

#include "common.h"

#include <tiffio.h>

/* Bands that a picture may have, without alpha. */
#define PAL_MOST_BANDS 64

struct pal_tiff_layout {
    uint32_t width, height; /* of the page */
    pal_region region;      /* what is read of it */
    uint32_t stored_bits;   /* a sample of the file */
    uint32_t stored;        /* samples a pixel that stand together in the file: 1 where each band has a plane */
    int is_separate;        /* each band has a plane of its own */
    uint32_t planes;        /* planes that are read */
    uint32_t kept;          /* samples of a pixel that are kept */
    uint16_t keep[PAL_MOST_BANDS];
    const uint16_t *palette[3]; /* red, green, blue, or NULL */
    uint32_t palette_shift; /* from a palette's numbers to 8 bits */
    int is_inverted;        /* 0 is white in the first band */
    int has_alpha;          /* which is not kept */
    uint32_t channels, bits; /* of the picture in memory */
    pal_kind kind;
    size_t pixel_bytes;     /* in memory */
    uint32_t tile_width, tile_height; /* 0 without tiles */
    uint32_t strip_lines;   /* lines of a strip; 0 with tiles */
    uint64_t piece_bytes;   /* of a line or tile as libtiff gives it */
    uint64_t number_bytes;  /* room for the samples of a line of the region with the bits of memory; 0 where the file has the same */
};

/* Reads and checks what a page says of itself; nothing of the picture's size is allocated before. Limits hold for the region,
 * NULL for the whole page. */
pal_status pal_tiff_read_layout(TIFF *tiff, const pal_limits *limits, const pal_region *region, struct pal_tiff_layout *layout,
                                char message[256]);

/* Puts the kept samples of `count` pixels of a line of a plane, from pixel `first` on, to their places from `to` on. `numbers` is
 * room for `number_bytes`, and `count` at most the width of the region. */
void pal_tiff_store(const struct pal_tiff_layout *layout, const uint8_t *line, uint8_t *numbers, uint32_t first, uint32_t count,
                    uint32_t plane, uint8_t *to);

/* What remains to be done when all samples are in memory: 0 becomes black. */
void pal_tiff_finish(const struct pal_tiff_layout *layout, uint8_t *samples);

#endif
