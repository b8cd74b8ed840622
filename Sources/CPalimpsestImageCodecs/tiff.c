/* TIFF with libtiff, from memory or an open file: one page or a region of it, all bands but alpha, numbers as they are stored. */
#define _POSIX_C_SOURCE 200809L /* pread */
#include "common.h"

#include <string.h>

#ifndef PAL_TIFF

int pal_reads_tiff(void) { return 0; }

static pal_status refuse(pal_image *image) {
    memset(image, 0, sizeof *image);
    PAL_SAY(image->message, "a TIFF file, and this program was built without libtiff. Install libtiff (Debian: apt-get install "
                            "libtiff-dev) and build with the trait TIFF: swift build --traits Commands,TIFF,WebP");
    return PAL_UNSUPPORTED;
}

pal_status pal_decode_tiff(const uint8_t *data, size_t size, uint64_t directory, const pal_limits *limits,
                           pal_image *image) {
    (void)data, (void)size, (void)directory, (void)limits;
    return refuse(image);
}

pal_status pal_decode_tiff_region(int descriptor, uint64_t size, uint64_t directory, const pal_region *region,
                                  const pal_limits *limits, pal_image *image) {
    (void)descriptor, (void)size, (void)directory, (void)region, (void)limits;
    return refuse(image);
}

#else

#include "tiff_layout.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int pal_reads_tiff(void) { return 1; }

/* The file, and who is told of faults. */
struct file {
    const uint8_t *data; /* all bytes, or NULL for those of `descriptor` */
    int descriptor;
    uint64_t size;
    uint64_t place;
    pal_image *image;
    int is_decoding; /* warnings before that are about tags that do not matter here, such as those of maps */
};

/* Fewer bytes where the file has become shorter or the system refuses: libtiff then says that its read failed. */
static uint64_t read_file(const struct file *f, uint8_t *to, uint64_t count) {
    uint64_t done = 0;
    while (done < count) {
        ssize_t got = pread(f->descriptor, to + done, (size_t)(count - done), (off_t)(f->place + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += (uint64_t)got;
    }
    return done;
}

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count) {
    struct file *f = handle;
    uint64_t left = f->place < f->size ? f->size - f->place : 0;
    uint64_t given = (uint64_t)count < left ? (uint64_t)count : left;
    if (f->data)
        memcpy(to, f->data + (f->size - left), given);
    else
        given = read_file(f, to, given);
    f->place += given;
    return (tmsize_t)given;
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t count) {
    (void)handle, (void)from, (void)count;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    struct file *f = handle;
    f->place = whence == SEEK_CUR ? f->place + offset : whence == SEEK_END ? f->size + offset : offset;
    return f->place;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) { return ((struct file *)handle)->size; }

/* libtiff reads from the mapping where it can, and never writes into it. */
static int map(thandle_t handle, void **base, toff_t *size) {
    struct file *f = handle;
    if (!f->data) return 0;
    *base = (void *)(uintptr_t)f->data;
    *size = f->size;
    return 1;
}

static void unmap(thandle_t handle, void *base, toff_t size) { (void)handle, (void)base, (void)size; }

/* Texts may quote the file: nothing in them may move a cursor. */
static void say(char target[256], const char *format, va_list values) {
    (void)vsnprintf(target, 256, format, values);
    for (char *c = target; *c; c++)
        if (*c < 32 || *c > 126) *c = '?';
}

static void on_error(struct file *f, const char *format, va_list values) {
    if (!f->image->message[0]) say(f->image->message, format, values);
}

static void on_warning(struct file *f, const char *format, va_list values) {
    if (f->is_decoding && f->image->warnings++ == 0) say(f->image->first_warning, format, values);
}

/* Of a file that is not in memory, only the places of those pieces are read that are asked for. */
static const char *mode(const struct file *f) { return f->data ? "r" : "rO"; }

#if TIFFLIB_VERSION >= 20221213 && !defined(PAL_OLD_TIFF)

/* libtiff 4.5: handlers and limits belong to one file. */
static int error_of(TIFF *tiff, void *user, const char *module, const char *format, va_list values) {
    (void)tiff, (void)module;
    on_error(user, format, values);
    return 1;
}

static int warning_of(TIFF *tiff, void *user, const char *module, const char *format, va_list values) {
    (void)tiff, (void)module;
    on_warning(user, format, values);
    return 1;
}

static TIFF *open_file(struct file *f, const pal_limits *limits) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, error_of, f);
    TIFFOpenOptionsSetWarningHandlerExtR(options, warning_of, f);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)limits->max_memory);
    TIFF *tiff = TIFFClientOpenExt("picture", mode(f), f, read_bytes, write_nothing, seek, close_nothing, size_of, map, unmap,
                                   options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

#else

#include <pthread.h>

/* Before 4.5 handlers belong to the process; which file they are told of comes with the call. */
static void error_of(thandle_t handle, const char *module, const char *format, va_list values) {
    (void)module;
    if (handle) on_error(handle, format, values);
}

static void warning_of(thandle_t handle, const char *module, const char *format, va_list values) {
    (void)module;
    if (handle) on_warning(handle, format, values);
}

static void set_handlers(void) {
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFFSetErrorHandlerExt(error_of);
    TIFFSetWarningHandlerExt(warning_of);
}

static TIFF *open_file(struct file *f, const pal_limits *limits) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)limits;
    pthread_once(&once, set_handlers);
    return TIFFClientOpen("picture", mode(f), f, read_bytes, write_nothing, seek, close_nothing, size_of, map, unmap);
}

#endif

/* Decodes line by line: libtiff then needs no room for a strip. A strip is read from its beginning, since most compressions know no
 * other place in it. */
static int read_strips(TIFF *tiff, const struct pal_tiff_layout *l, uint8_t *line, uint8_t *numbers, uint8_t *samples) {
    const pal_region *r = &l->region;
    for (uint32_t plane = 0; plane < l->planes; plane++)
        for (uint32_t y = r->top - r->top % l->strip_lines; y < r->top + r->height; y++) {
            if (TIFFReadScanline(tiff, line, y, (uint16_t)(l->is_separate ? l->keep[plane] : 0)) < 0) return 0;
            if (y >= r->top)
                pal_tiff_store(l, line, numbers, r->left, r->width, plane,
                               samples + (size_t)(y - r->top) * r->width * l->pixel_bytes);
        }
    return 1;
}

/* Decodes the tiles that the region touches. */
static int read_tiles(TIFF *tiff, const struct pal_tiff_layout *l, uint8_t *tile, uint8_t *numbers, uint8_t *samples) {
    const pal_region *r = &l->region;
    uint64_t bottom = (uint64_t)r->top + r->height, right = (uint64_t)r->left + r->width;
    tmsize_t row = TIFFTileRowSize(tiff);
    for (uint32_t plane = 0; plane < l->planes; plane++)
        for (uint64_t top = r->top - r->top % l->tile_height; top < bottom; top += l->tile_height)
            for (uint64_t left = r->left - r->left % l->tile_width; left < right; left += l->tile_width) {
                uint16_t sample = (uint16_t)(l->is_separate ? l->keep[plane] : 0);
                if (TIFFReadTile(tiff, tile, (uint32_t)left, (uint32_t)top, 0, sample) < 0) return 0;
                /* The part of the tile that is in the region, in lines and columns of the page. */
                uint64_t first = top > r->top ? top : r->top, start = left > r->left ? left : r->left;
                uint64_t last = bottom - top < l->tile_height ? bottom : top + l->tile_height;
                uint64_t end = right - left < l->tile_width ? right : left + l->tile_width;
                for (uint64_t y = first; y < last; y++)
                    pal_tiff_store(l, tile + (size_t)(y - top) * (size_t)row, numbers, (uint32_t)(start - left),
                                   (uint32_t)(end - start), plane,
                                   samples + ((size_t)(y - r->top) * r->width + (start - r->left)) * l->pixel_bytes);
            }
    return 1;
}

/* PAL_TRUNCATED where a piece of the picture lies beyond the end of the file. */
static pal_status fault(TIFF *tiff, const struct file *f) {
    uint32_t pieces = TIFFIsTiled(tiff) ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    for (uint32_t i = 0; i < pieces; i++) {
        uint64_t offset = TIFFGetStrileOffset(tiff, i), count = TIFFGetStrileByteCount(tiff, i);
        if (offset > f->size || count > f->size - offset) return PAL_TRUNCATED;
    }
    return PAL_CORRUPT;
}

static pal_status decode(TIFF *tiff, struct file *f, const pal_region *region, const pal_limits *limits) {
    pal_image *image = f->image;
    struct pal_tiff_layout l;
    pal_status status = pal_tiff_read_layout(tiff, limits, region, &l, image->message);
    if (status != PAL_OK) return status;
    image->width = l.region.width;
    image->height = l.region.height;
    image->channels = l.channels;
    if (l.has_alpha) image->omitted |= PAL_OMITS_ALPHA;
    image->bits = l.bits;
    image->kind = l.kind;
    image->stored_bits = l.palette[0] ? 8 : l.stored_bits;
    image->bytes = (size_t)l.region.width * l.region.height * l.pixel_bytes;
    image->samples = malloc(image->bytes);
    uint8_t *piece = malloc((size_t)l.piece_bytes);
    uint8_t *numbers = malloc((size_t)l.number_bytes + 1);
    if (!image->samples || !piece || !numbers) {
        PAL_SAY(image->message, "no memory for %zu bytes", image->bytes);
        status = PAL_OUT_OF_MEMORY;
    } else {
        f->is_decoding = 1;
        if (TIFFIsTiled(tiff) ? read_tiles(tiff, &l, piece, numbers, image->samples)
                              : read_strips(tiff, &l, piece, numbers, image->samples))
            pal_tiff_finish(&l, image->samples);
        else
            status = fault(tiff, f);
    }
    free(piece);
    free(numbers);
    return status;
}

static pal_status decode_file(struct file *f, uint64_t directory, const pal_region *region, const pal_limits *limits) {
    pal_image *image = f->image;
    memset(image, 0, sizeof *image);
    pal_status status = PAL_CORRUPT;
    TIFF *tiff = open_file(f, limits);
    if (tiff && (directory == 0 || TIFFSetSubDirectory(tiff, directory)))
        status = decode(tiff, f, region, limits);
    else if (strstr(image->message, "Cannot handle"))
        status = PAL_UNSUPPORTED;
    else if (strstr(image->message, "Not a TIFF"))
        status = PAL_NOT_AN_IMAGE;
    if (tiff) TIFFClose(tiff);
    if (status == PAL_OK) {
        image->message[0] = 0; /* of a fault in a tag that does not matter */
    } else {
        if (!image->message[0]) PAL_SAY(image->message, "libtiff cannot read the file and does not say why");
        free(image->samples);
        image->samples = NULL;
        image->bytes = 0;
    }
    return status;
}

pal_status pal_decode_tiff(const uint8_t *data, size_t size, uint64_t directory, const pal_limits *limits,
                           pal_image *image) {
    struct file f = {.data = data, .size = size, .image = image};
    return decode_file(&f, directory, NULL, limits);
}

pal_status pal_decode_tiff_region(int descriptor, uint64_t size, uint64_t directory, const pal_region *region,
                                  const pal_limits *limits, pal_image *image) {
    struct file f = {.descriptor = descriptor, .size = size, .image = image};
    return decode_file(&f, directory, region, limits);
}

#endif
