/* What a TIFF page says of its samples, and the way from a line of the file to the picture. */
#ifdef PAL_TIFF

#include "tiff_layout.h"

#include <string.h>

/* Pieces that a page may be cut into: each costs time whatever it holds, one of JPEG much of it. */
static const uint32_t most_pieces = 1 << 20;
static const uint32_t most_jpeg_pieces = 1 << 16;

static int is_known(uint16_t compression) {
    switch (compression) {
    case COMPRESSION_NONE:
    case COMPRESSION_CCITTRLE:
    case COMPRESSION_CCITTRLEW:
    case COMPRESSION_CCITTFAX3:
    case COMPRESSION_CCITTFAX4:
    case COMPRESSION_LZW:
    case COMPRESSION_JPEG:
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_PACKBITS:
    case COMPRESSION_ZSTD:
        return TIFFIsCODECConfigured(compression);
    default:
        return 0;
    }
}

/* The kind and bits of samples in memory; 0 where the file's are not read. */
static int read_kind(struct pal_tiff_layout *l, uint16_t format) {
    uint32_t bits = l->stored_bits;
    l->bits = bits < 8 ? 8 : bits;
    switch (format) {
    case SAMPLEFORMAT_UINT:
    case SAMPLEFORMAT_VOID:
        l->kind = PAL_UNSIGNED;
        return bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16 || bits == 32;
    case SAMPLEFORMAT_INT:
        l->kind = PAL_SIGNED;
        return bits == 8 || bits == 16 || bits == 32;
    case SAMPLEFORMAT_IEEEFP:
        l->kind = PAL_FLOAT;
        l->bits = 32;
        return bits == 16 || bits == 32 || bits == 64;
    default:
        return 0;
    }
}

/* Which samples of a pixel are kept: all but alpha. */
static pal_status read_bands(TIFF *tiff, struct pal_tiff_layout *l, uint16_t stored, char message[256]) {
    uint16_t extra = 0;
    uint16_t *types = NULL;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &types);
    if (extra > stored || !types) extra = 0;
    for (uint16_t i = 0; i < stored; i++) {
        uint16_t first = (uint16_t)(stored - extra);
        int is_alpha = i >= first && (types[i - first] == EXTRASAMPLE_ASSOCALPHA || types[i - first] == EXTRASAMPLE_UNASSALPHA);
        if (is_alpha) {
            l->has_alpha = 1;
            continue;
        }
        if (l->kept == PAL_MOST_BANDS) {
            PAL_SAY(message, "a TIFF of %u bands; at most %d are read", stored, PAL_MOST_BANDS);
            return PAL_UNSUPPORTED;
        }
        l->keep[l->kept++] = i;
    }
    if (l->kept == 0) {
        PAL_SAY(message, "a TIFF without a band besides alpha");
        return PAL_CORRUPT;
    }
    return PAL_OK;
}

static pal_status read_palette(TIFF *tiff, struct pal_tiff_layout *l, char message[256]) {
    uint16_t *red, *green, *blue;
    if (l->kept != 1 || l->stored_bits > 8 || l->kind != PAL_UNSIGNED ||
        !TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue)) {
        PAL_SAY(message, "a TIFF with a palette of %u bands of %u bits; read are palettes of one band of 1, 2, 4 or 8 bits",
                l->kept, l->stored_bits);
        return PAL_UNSUPPORTED;
    }
    l->palette[0] = red;
    l->palette[1] = green;
    l->palette[2] = blue;
    /* Colours have 16 bits by the standard, and only 8 by some old writers. */
    for (uint32_t i = 0; i < 1u << l->stored_bits; i++)
        if (red[i] > 255 || green[i] > 255 || blue[i] > 255) l->palette_shift = 8;
    l->channels = 3;
    return PAL_OK;
}

static pal_status read_meaning(TIFF *tiff, struct pal_tiff_layout *l, uint16_t compression, char message[256]) {
    uint16_t photometric = PHOTOMETRIC_MINISBLACK;
    uint16_t inks = INKSET_CMYK;
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_INKSET, &inks);
    switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
        /* Numbers with a point have no range to be turned round in. */
        l->is_inverted = l->kind != PAL_FLOAT;
        return PAL_OK;
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_RGB:
    case 34892: /* linear raw, of several bands */
        return PAL_OK;
    case PHOTOMETRIC_PALETTE:
        return read_palette(tiff, l, message);
    case PHOTOMETRIC_YCBCR:
        if (compression == COMPRESSION_JPEG && !l->is_separate && TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB))
            return PAL_OK;
        break;
    case PHOTOMETRIC_SEPARATED:
        if (inks != INKSET_CMYK) return PAL_OK;
        break;
    default:
        break;
    }
    PAL_SAY(message, "a TIFF of colours that are not read (PhotometricInterpretation %u%s); convert it to RGB or gray", photometric,
            photometric == PHOTOMETRIC_SEPARATED ? ", CMYK" : photometric == PHOTOMETRIC_YCBCR ? ", YCbCr without JPEG" : "");
    return PAL_UNSUPPORTED;
}

/* What is read of the page: all of it, or a region inside. */
static pal_status read_region(const pal_region *region, struct pal_tiff_layout *l, char message[256]) {
    pal_region whole = {.width = l->width, .height = l->height};
    l->region = region ? *region : whole;
    const pal_region *r = &l->region;
    if (r->width > 0 && r->height > 0 && r->left < l->width && r->width <= l->width - r->left && r->top < l->height &&
        r->height <= l->height - r->top)
        return PAL_OK;
    PAL_SAY(message, "%u x %u pixels at column %u, line %u are no region of a TIFF of %u x %u pixels", r->width, r->height, r->left,
            r->top, l->width, l->height);
    return PAL_CORRUPT;
}

pal_status pal_tiff_read_layout(TIFF *tiff, const pal_limits *limits, const pal_region *region, struct pal_tiff_layout *l,
                                char message[256]) {
    memset(l, 0, sizeof *l);
    uint16_t stored = 1, bits = 1, format = SAMPLEFORMAT_UINT, planar = PLANARCONFIG_CONTIG, compression = COMPRESSION_NONE;
    uint32_t depth = 1;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &l->width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &l->height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &stored);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_IMAGEDEPTH, &depth);
    if (l->width == 0 || l->height == 0 || stored == 0) {
        PAL_SAY(message, "a TIFF of %u x %u pixels and %u bands", l->width, l->height, stored);
        return PAL_CORRUPT;
    }
    pal_status status = read_region(region, l, message);
    if (status != PAL_OK) return status;
    if (depth > 1) {
        PAL_SAY(message, "a TIFF of %u layers a page; pictures have one", depth);
        return PAL_UNSUPPORTED;
    }
    if (!is_known(compression)) {
        PAL_SAY(message, "a TIFF compressed in a way that is not read here (%u); write it with LZW, Deflate, PackBits, JPEG or Zstandard",
                compression);
        return PAL_UNSUPPORTED;
    }
    l->stored_bits = bits;
    if (!read_kind(l, format)) {
        PAL_SAY(message, "a TIFF with samples of %u bits, SampleFormat %u; read are integers of 8, 16 and 32 bits, unsigned ones of 1, "
                         "2 and 4, and floats of 16, 32 and 64", bits, format);
        return PAL_UNSUPPORTED;
    }
    status = read_bands(tiff, l, stored, message);
    if (status != PAL_OK) return status;
    l->is_separate = planar == PLANARCONFIG_SEPARATE;
    l->planes = l->is_separate ? l->kept : 1;
    l->stored = l->is_separate ? 1 : stored;
    l->channels = l->kept;
    status = read_meaning(tiff, l, compression, message);
    if (status != PAL_OK) return status;
    l->pixel_bytes = (size_t)l->channels * (l->bits / 8);
    uint32_t pieces;
    uint64_t line_pixels = l->width;
    if (TIFFIsTiled(tiff)) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &l->tile_width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &l->tile_height);
        if (l->tile_width == 0 || l->tile_height == 0) {
            PAL_SAY(message, "a TIFF with tiles of %u x %u pixels", l->tile_width, l->tile_height);
            return PAL_CORRUPT;
        }
        line_pixels = l->tile_width;
        l->piece_bytes = TIFFTileSize64(tiff);
        pieces = TIFFNumberOfTiles(tiff);
    } else {
        l->piece_bytes = TIFFScanlineSize64(tiff);
        pieces = TIFFNumberOfStrips(tiff);
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &l->strip_lines);
        if (l->strip_lines == 0) {
            PAL_SAY(message, "a TIFF with strips of no line");
            return PAL_CORRUPT;
        }
    }
    /* At most 2^32 pixels of 2^16 samples of 8 bytes: no product overflows, and none of the sums below. */
    if (l->stored_bits != l->bits) l->number_bytes = (uint64_t)l->region.width * l->stored * (l->bits / 8);
    uint64_t extra = l->piece_bytes > UINT64_MAX - l->number_bytes ? UINT64_MAX : l->piece_bytes + l->number_bytes;
    status = pal_check_size(limits, l->region.width, l->region.height, l->pixel_bytes, extra, message);
    if (status != PAL_OK) return status;
    /* What `pal_tiff_store` reads of a line must be there: of JPEG, libtiff gives other sizes than the samples need. */
    uint64_t line_bytes = (line_pixels * l->stored * l->stored_bits + 7) / 8;
    uint64_t lines = l->tile_height ? l->tile_height : 1;
    uint64_t given = l->tile_height ? (uint64_t)TIFFTileRowSize64(tiff) : l->piece_bytes;
    if (pieces == 0 || line_bytes > given || line_bytes * lines > l->piece_bytes) {
        PAL_SAY(message, "a TIFF whose pieces do not fit its %u x %u pixels of %u bands", l->width, l->height, stored);
        return PAL_CORRUPT;
    }
    if (pieces > (compression == COMPRESSION_JPEG ? most_jpeg_pieces : most_pieces)) {
        PAL_SAY(message, "a TIFF of %u strips or tiles; at most %u are read, %u of JPEG. Write it with larger ones", pieces,
                most_pieces, most_jpeg_pieces);
        return PAL_TOO_LARGE;
    }
    return PAL_OK;
}

/* The number in half precision with the bits of a float. */
static uint32_t widened(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31) return sign | 0x7F800000 | fraction << 13;
    if (exponent > 0) return sign | (exponent + 112) << 23 | fraction << 13;
    if (fraction == 0) return sign;
    for (exponent = 113; !(fraction & 1024); exponent--) fraction <<= 1;
    return sign | exponent << 23 | (fraction & 1023) << 13;
}

/* `count` samples of a line from `first` on with the bits that they have in memory; a place in the line itself where these are the
 * same. */
static const uint8_t *in_memory(const struct pal_tiff_layout *l, const uint8_t *line, uint8_t *numbers, size_t first, size_t count) {
    if (l->stored_bits == l->bits) return line + first * (l->bits / 8);
    if (l->kind == PAL_FLOAT) {
        line += first * (l->stored_bits / 8);
        for (size_t i = 0; i < count; i++) {
            uint32_t bits;
            if (l->stored_bits == 16) {
                uint16_t half;
                memcpy(&half, line + 2 * i, 2);
                bits = widened(half);
            } else {
                double wide;
                memcpy(&wide, line + 8 * i, 8);
                float narrow = (float)wide;
                memcpy(&bits, &narrow, 4);
            }
            memcpy(numbers + 4 * i, &bits, 4);
        }
        return numbers;
    }
    uint32_t largest = (1u << l->stored_bits) - 1;
    uint32_t scale = l->palette[0] ? 1 : 255 / largest;
    for (size_t i = 0; i < count; i++) {
        size_t bit = (first + i) * l->stored_bits;
        numbers[i] = (uint8_t)((line[bit / 8] >> (8 - l->stored_bits - bit % 8) & largest) * scale);
    }
    return numbers;
}

/* Copies `count` samples of `size` bytes from and to places some bytes apart. */
static void scatter(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step, size_t count, size_t size) {
    switch (size) {
    case 1:
        for (size_t i = 0; i < count; i++) to[i * to_step] = from[i * from_step];
        break;
    case 2:
        for (size_t i = 0; i < count; i++) memcpy(to + i * to_step, from + i * from_step, 2);
        break;
    default:
        for (size_t i = 0; i < count; i++) memcpy(to + i * to_step, from + i * from_step, 4);
    }
}

void pal_tiff_store(const struct pal_tiff_layout *l, const uint8_t *line, uint8_t *numbers, uint32_t first, uint32_t count,
                    uint32_t plane, uint8_t *to) {
    const uint8_t *from = in_memory(l, line, numbers, (size_t)first * l->stored, (size_t)count * l->stored);
    size_t size = l->bits / 8;
    if (l->palette[0]) {
        for (size_t i = 0; i < count; i++)
            for (size_t colour = 0; colour < 3; colour++)
                to[3 * i + colour] = (uint8_t)(l->palette[colour][from[(i * l->stored + l->keep[0] % l->stored)]] >> l->palette_shift);
    } else if (l->stored == 1) {
        scatter(to + plane * size, l->pixel_bytes, from, size, count, size);
    } else if (l->kept == l->stored) {
        memcpy(to, from, count * l->pixel_bytes);
    } else {
        for (uint32_t band = 0; band < l->kept; band++)
            scatter(to + band * size, l->pixel_bytes, from + l->keep[band] * size, l->stored * size, count, size);
    }
}

void pal_tiff_finish(const struct pal_tiff_layout *l, uint8_t *samples) {
    if (!l->is_inverted) return;
    size_t pixels = (size_t)l->region.width * l->region.height;
    /* The largest number minus v, and for signed ones the sum of both ends minus v, is v with all bits turned. */
    for (size_t i = 0; i < pixels; i++)
        for (size_t byte = 0; byte < l->bits / 8; byte++) samples[i * l->pixel_bytes + byte] ^= 0xFF;
}

#else

/* A file of C may not be empty. */
typedef int pal_tiff_is_absent;

#endif
