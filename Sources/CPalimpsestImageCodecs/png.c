/* PNG with libpng's low-level interface: its simplified one converts by gAMA, which would change stored colours. */
#include "common.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

/* Deflate cannot pack more than this many bytes into one. */
static const uint64_t most_inflation = 1032;

/* All state of one decode; owned by the caller of the function that holds the setjmp. */
struct decoder {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    pal_image *image;
    const uint8_t *next;
    size_t left;
    int ran_out;
    int as_indices; /* keep the numbers of a palette, and those of few bits, as they are stored */
};

static void on_error(png_structp png, png_const_charp text) {
    struct decoder *d = png_get_error_ptr(png);
    PAL_SAY(d->image->message, "%s", text);
    longjmp(d->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    struct decoder *d = png_get_error_ptr(png);
    if (d->image->warnings++ == 0) PAL_SAY(d->image->first_warning, "%s", text);
}

static void read_bytes(png_structp png, png_bytep to, size_t count) {
    struct decoder *d = png_get_io_ptr(png);
    if (count > d->left) {
        d->ran_out = 1;
        png_error(png, "the file ends before the picture does");
    }
    memcpy(to, d->next, count);
    d->next += count;
    d->left -= count;
}

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Refuses pictures beyond the limits, and files too short for what they declare, before libpng sees them. A header
 * that is not where it should be is left for libpng to complain about. */
static pal_status check_header(const uint8_t *data, size_t size, const pal_limits *limits, pal_image *image) {
    if (size < 33 || big_endian(data + 8) != 13 || memcmp(data + 12, "IHDR", 4) != 0) return PAL_OK;
    uint64_t width = big_endian(data + 16), height = big_endian(data + 20);
    uint64_t depth = data[24], colour = data[25];
    if (width == 0 || height == 0) return PAL_OK;
    uint64_t channels = colour == 0 || colour == 4 ? 1 : 3;
    pal_status status = pal_check_size(limits, width, height, channels * (depth == 16 ? 2 : 1), 0, image->message);
    if (status != PAL_OK) return status;
    uint64_t stored_channels = colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1;
    if ((width * stored_channels * depth / 8) * height / most_inflation > size) {
        PAL_SAY(image->message, "%zu bytes cannot hold the declared %llu x %llu pixels", size,
                (unsigned long long)width, (unsigned long long)height);
        return PAL_TRUNCATED;
    }
    return PAL_OK;
}

/* Chunks that say nothing about the stored samples; skipped without being parsed or inflated. */
static const png_byte ignored_chunks[] =
    "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0tRNS\0zTXt";

static pal_status run(struct decoder *d, const pal_limits *limits) {
    if (setjmp(d->jump)) {
        const char *text = d->image->message;
        if (d->ran_out || strstr(text, "Not enough image data")) return PAL_TRUNCATED;
        if (strstr(text, "critical chunk")) return PAL_UNSUPPORTED;
        if (strstr(text, "Out of memory") || strstr(text, "out of memory")) return PAL_OUT_OF_MEMORY;
        return PAL_CORRUPT;
    }
    d->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, on_error, on_warning);
    d->info = d->png ? png_create_info_struct(d->png) : NULL;
    if (!d->info) {
        PAL_SAY(d->image->message, "no memory for libpng");
        return PAL_OUT_OF_MEMORY;
    }
    png_set_read_fn(d->png, d, read_bytes);
    png_set_user_limits(d->png, limits->max_side, limits->max_side);
    png_set_chunk_malloc_max(d->png, 8 << 20);
    png_set_chunk_cache_max(d->png, 128);
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, ignored_chunks, sizeof ignored_chunks / 5);
    png_read_info(d->png, d->info);

    int depth = png_get_bit_depth(d->png, d->info);
    int colour = png_get_color_type(d->png, d->info);
    if (colour & PNG_COLOR_MASK_ALPHA) d->image->omitted |= PAL_OMITS_ALPHA;
    d->image->stored_bits = colour == PNG_COLOR_TYPE_PALETTE ? 8 : (uint32_t)depth;
    if (d->as_indices) {
        if (colour != PNG_COLOR_TYPE_PALETTE && colour & PNG_COLOR_MASK_COLOR) {
            PAL_SAY(d->image->message, "the pixels are RGB colours, which are no numbers of classes");
            return PAL_UNSUPPORTED;
        }
        png_set_packing(d->png);
    } else {
        if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(d->png);
        if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(d->png);
    }
    png_set_strip_alpha(d->png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (depth == 16) png_set_swap(d->png);
#endif
    int passes = png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);

    d->image->width = png_get_image_width(d->png, d->info);
    d->image->height = png_get_image_height(d->png, d->info);
    d->image->channels = png_get_channels(d->png, d->info);
    d->image->bits = depth == 16 ? 16 : 8;
    size_t line = png_get_rowbytes(d->png, d->info);
    if (line != (size_t)d->image->width * d->image->channels * (d->image->bits / 8)) {
        PAL_SAY(d->image->message, "unexpected row size %zu", line);
        return PAL_UNSUPPORTED;
    }
    d->image->bytes = line * d->image->height;
    d->image->samples = malloc(d->image->bytes);
    if (!d->image->samples) {
        PAL_SAY(d->image->message, "no memory for %zu bytes", d->image->bytes);
        return PAL_OUT_OF_MEMORY;
    }
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < d->image->height; y++) png_read_row(d->png, d->image->samples + line * y, NULL);
    /* No png_read_end: whatever follows the last row does not matter. */
    return PAL_OK;
}

/* What chunks in front of the pixels announce and nobody reads: transparent colours, frames behind the first. */
static uint32_t omitted_chunks(const uint8_t *data, size_t size) {
    uint32_t omitted = 0;
    size_t place = sizeof signature;
    while (size >= place + 12) {
        const uint8_t *chunk = data + place;
        uint64_t length = (uint64_t)chunk[0] << 24 | (uint64_t)chunk[1] << 16 | (uint64_t)chunk[2] << 8 | chunk[3];
        if (memcmp(chunk + 4, "IDAT", 4) == 0) break;
        if (memcmp(chunk + 4, "acTL", 4) == 0) omitted |= PAL_OMITS_FRAMES;
        if (memcmp(chunk + 4, "tRNS", 4) == 0) omitted |= PAL_OMITS_ALPHA;
        if (length > size - place - 12) break;
        place += 12 + (size_t)length;
    }
    return omitted;
}

static pal_status decode(const uint8_t *data, size_t size, const pal_limits *limits, int as_indices, pal_image *image) {
    memset(image, 0, sizeof *image);
    size_t prefix = size < sizeof signature ? size : sizeof signature;
    if (prefix == 0 || memcmp(data, signature, prefix) != 0) {
        PAL_SAY(image->message, "no PNG signature");
        return PAL_NOT_AN_IMAGE;
    }
    pal_status status = check_header(data, size, limits, image);
    if (status != PAL_OK) return status;
    image->omitted = omitted_chunks(data, size);
    struct decoder d;
    memset(&d, 0, sizeof d);
    d.image = image;
    d.next = data;
    d.left = size;
    d.as_indices = as_indices;
    status = run(&d, limits);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    if (status != PAL_OK) {
        free(image->samples);
        image->samples = NULL;
        image->bytes = 0;
    }
    return status;
}

pal_status pal_decode_png(const uint8_t *data, size_t size, const pal_limits *limits, pal_image *image) {
    return decode(data, size, limits, 0, image);
}

pal_status pal_decode_png_indices(const uint8_t *data, size_t size, const pal_limits *limits, pal_image *image) {
    return decode(data, size, limits, 1, image);
}

/* A PNG being written to memory. */
struct encoder {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    char *message;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

static void on_encoder_error(png_structp png, png_const_charp text) {
    struct encoder *e = png_get_error_ptr(png);
    PAL_SAY(e->message, "%s", text);
    longjmp(e->jump, 1);
}

static void ignore_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void write_bytes(png_structp png, png_bytep from, size_t count) {
    struct encoder *e = png_get_io_ptr(png);
    if (e->size + count > e->capacity) {
        size_t capacity = 2 * (e->size + count);
        uint8_t *larger = realloc(e->bytes, capacity);
        if (!larger) png_error(png, "out of memory");
        e->bytes = larger;
        e->capacity = capacity;
    }
    memcpy(e->bytes + e->size, from, count);
    e->size += count;
}

static void flush_nothing(png_structp png) { (void)png; }

static pal_status run_encoder(struct encoder *e, const uint8_t *samples, uint32_t width, uint32_t height,
                              uint32_t channels, int marked) {
    if (setjmp(e->jump)) return PAL_OUT_OF_MEMORY;
    e->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, e, on_encoder_error, ignore_warning);
    e->info = e->png ? png_create_info_struct(e->png) : NULL;
    if (!e->info) return PAL_OUT_OF_MEMORY;
    png_set_write_fn(e->png, e, write_bytes, flush_nothing);
    png_set_IHDR(e->png, e->info, width, height, 8, channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_text mark = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = "Software", .text = "Palimpsest", .text_length = 10};
    if (marked) png_set_text(e->png, e->info, &mark, 1);
    png_write_info(e->png, e->info);
    for (uint32_t y = 0; y < height; y++) png_write_row(e->png, samples + (size_t)y * width * channels);
    png_write_end(e->png, NULL);
    return PAL_OK;
}

pal_status pal_encode_png(const uint8_t *samples, uint32_t width, uint32_t height, uint32_t channels, int marked,
                          uint8_t **encoded, size_t *size, char message[256]) {
    struct encoder e;
    memset(&e, 0, sizeof e);
    message[0] = 0;
    e.message = message;
    pal_status status = run_encoder(&e, samples, width, height, channels, marked);
    png_destroy_write_struct(&e.png, &e.info);
    if (status != PAL_OK) free(e.bytes);
    *encoded = status == PAL_OK ? e.bytes : NULL;
    *size = status == PAL_OK ? e.size : 0;
    return status;
}
