/* Whole-picture decoders and small compression helpers, shaped for callers that must not be jumped over.
 *
 * libjpeg and libpng report errors by longjmp, libtiff and libwebp by return values. Every function here sets its own jump target, decodes from memory, frees
 * what it took and returns a status: no longjmp ever crosses the caller's frames, nothing is written to stderr, and no
 * state is shared between calls, so any number of threads may decode at once.
 */
#ifndef PALIMPSEST_IMAGE_CODECS_H
#define PALIMPSEST_IMAGE_CODECS_H

#include <stddef.h>
#include <stdint.h>

/* Why a picture or stream could not be read. */
typedef enum {
    PAL_OK = 0,
    PAL_NOT_AN_IMAGE,
    PAL_UNSUPPORTED,
    PAL_TRUNCATED,
    PAL_CORRUPT,
    PAL_TOO_LARGE,
    PAL_OUT_OF_MEMORY
} pal_status;

/* What a decoder may spend. Checked from the header, before anything of the picture's size is allocated. */
typedef struct {
    uint32_t max_side;   /* pixels */
    uint64_t max_pixels; /* width times height */
    uint64_t max_memory; /* bytes of the picture and of the coefficients a progressive JPEG needs */
    uint32_t max_scans;  /* scans of a progressive JPEG */
} pal_limits;

/* What the bits of a sample mean. */
typedef enum { PAL_UNSIGNED = 0, PAL_SIGNED, PAL_FLOAT } pal_kind;

/* Transparency, frames behind the first. */
enum { PAL_OMITS_ALPHA = 1, PAL_OMITS_FRAMES = 2 };

/* PAL_OK, or PAL_TOO_LARGE with a message, for a picture whose samples take `sample_bytes` a pixel and whose decoding
 * takes `extra` bytes more. Sides are checked first, and sample_bytes is at most 2^10: nothing overflows. */
pal_status pal_check_size(const pal_limits *_Nonnull limits, uint64_t width, uint64_t height, uint64_t sample_bytes,
                          uint64_t extra, char message[_Nonnull 256]);

/* A decoded picture: row-major [height][width][channels], 8, 16 or 32 bits a sample in the processor's byte order. */
typedef struct {
    uint8_t *_Nullable samples; /* freed with pal_free; NULL after an error */
    size_t bytes;
    uint32_t width;
    uint32_t height;
    uint32_t channels;         /* 1 or 3; of TIFF 1 to 64 */
    uint32_t bits;             /* 8, 16 or 32: of `samples` */
    pal_kind kind;             /* of `samples`; numbers with a point have 32 bits */
    uint32_t stored_bits;      /* bits a sample of the file (1, 2, 4, 8, 16, 32, 64; of the colours of a palette 8) */
    uint32_t omitted;          /* what the file holds and `samples` do not: PAL_OMITS_… */
    uint32_t warnings;         /* faults that the library went past */
    char first_warning[256];   /* empty without warnings */
    char message[256];         /* what went wrong; empty without an error */
} pal_image;

/* Decodes a JPEG picture to gray or RGB. `scale` is 1, 2, 4 or 8: decode at that fraction, size = ceil(size / scale). */
pal_status pal_decode_jpeg(const uint8_t *_Nonnull data, size_t size, const pal_limits *_Nonnull limits, uint32_t scale,
                           pal_image *_Nonnull image);

/* Decodes a PNG picture to gray or RGB; transparency is dropped, colours stay as stored. */
pal_status pal_decode_png(const uint8_t *_Nonnull data, size_t size, const pal_limits *_Nonnull limits,
                          pal_image *_Nonnull image);

/* Decodes a PNG picture whose pixels are numbers, not colours: those of a palette, or of gray of 1 to 16 bits, as they are
 * stored, one channel of 8 or 16 bits. PAL_UNSUPPORTED where the pixels are RGB. */
pal_status pal_decode_png_indices(const uint8_t *_Nonnull data, size_t size, const pal_limits *_Nonnull limits,
                                  pal_image *_Nonnull image);

/* 1 where TIFF is read, 0 in a build without PAL_TIFF. */
int pal_reads_tiff(void);

/* Decodes one page of a TIFF picture with all its bands but alpha: unsigned and signed integers of 8, 16 and 32 bits,
 * unsigned ones of 1, 2 and 4 bits spread over 8, floats of 16, 32 and 64 bits as 32. `directory` is the place of the
 * page's directory in the file, or 0 for the first page. PAL_UNSUPPORTED in a build without PAL_TIFF. */
pal_status pal_decode_tiff(const uint8_t *_Nonnull data, size_t size, uint64_t directory,
                           const pal_limits *_Nonnull limits, pal_image *_Nonnull image);

/* Pixels of a picture: the first line and column, counted from 0, and the size. */
typedef struct {
    uint32_t left, top, width, height;
} pal_region;

/* The same of a region of the page, from a file that is open for reading and has `size` bytes: only the tiles or strips that the
 * region touches are read, and the limits hold for the region. PAL_CORRUPT where the region is not inside the page. A strip is
 * decoded from its first line on. */
pal_status pal_decode_tiff_region(int descriptor, uint64_t size, uint64_t directory, const pal_region *_Nonnull region,
                                  const pal_limits *_Nonnull limits, pal_image *_Nonnull image);

/* Decodes a WebP picture, or the first frame of an animation on its canvas, to RGB; transparency is dropped.
 * PAL_UNSUPPORTED in a build without PAL_WEBP. */
pal_status pal_decode_webp(const uint8_t *_Nonnull data, size_t size, const pal_limits *_Nonnull limits,
                           pal_image *_Nonnull image);

/* Encodes 8-bit gray (channels 1) or RGB (3) as PNG; where `marked` is not 0, a text says that a program of ours drew it, so that it
 * may be drawn anew. `*encoded` is freed with pal_free. */
pal_status pal_encode_png(const uint8_t *_Nonnull samples, uint32_t width, uint32_t height, uint32_t channels, int marked,
                          uint8_t *_Nullable *_Nonnull encoded, size_t *_Nonnull size, char message[_Nonnull 256]);

/* Encodes 8-bit RGB as JPEG with a `quality` of 1 to 100 and colours at full resolution; sides are at most 65,500 pixels.
 * `*encoded` is freed with pal_free. */
pal_status pal_encode_jpeg(const uint8_t *_Nonnull samples, uint32_t width, uint32_t height, int quality,
                           uint8_t *_Nullable *_Nonnull encoded, size_t *_Nonnull size, char message[_Nonnull 256]);

/* Frees what a function of this header gave. */
void pal_free(void *_Nullable memory);

/* A gzip stream being inflated piece by piece; several members one after another make one stream. */
typedef struct pal_gunzip pal_gunzip;

/* A new stream, or NULL without memory. */
pal_gunzip *_Nullable pal_gunzip_open(void);

/* Inflates from `in` to `out`. `*used` and `*made` are the bytes taken and given; `*ended` is 1 where the input so far
 * ends with a whole member. PAL_CORRUPT when the input is no gzip stream or a checksum is wrong. */
pal_status pal_gunzip_step(pal_gunzip *_Nonnull stream, const uint8_t *_Nonnull in, size_t in_size, size_t *_Nonnull used,
                           uint8_t *_Nonnull out, size_t out_size, size_t *_Nonnull made, int *_Nonnull ended);

/* Frees a stream. */
void pal_gunzip_close(pal_gunzip *_Nullable stream);

#endif
