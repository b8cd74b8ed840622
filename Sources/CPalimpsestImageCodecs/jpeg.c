/* JPEG decoding with libjpeg(-turbo): accurate integer DCT, smooth chroma upsampling, as Pillow decodes. */
#include "common.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* A scan costs a pass over the whole picture even when it holds three bytes, so large pictures may have fewer. */
static const uint64_t scan_pixels = 1000000000;
static const uint64_t usual_scans = 16;

/* All state of one decode. It belongs to the caller of the function that holds the setjmp, so that its members keep
 * their values across a longjmp. */
struct decoder {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    pal_status status;
    pal_image *image;
    const pal_limits *limits;
    uint32_t scale;
    uint64_t allowed_scans;
    size_t size;
    int end_is_error;   /* running out of bytes is an error here: in headers, and where scans refine each other */
    int end_was_made_up; /* the bytes ran out inside the only scan and an end marker was made up */
    uint8_t *row;       /* four-component samples of a line */
};

static struct decoder *decoder_of(j_common_ptr info) { return (struct decoder *)info->client_data; }

static void fail(struct decoder *d, pal_status status) {
    d->status = status;
    longjmp(d->jump, 1);
}

static void fail_truncated(struct decoder *d) {
    PAL_SAY(d->image->message, "the file ends before the picture does (after %zu bytes)", d->size);
    fail(d, PAL_TRUNCATED);
}

/* The class of a library error. */
static pal_status classify(struct decoder *d) {
    switch (d->errors.msg_code) {
    case JERR_NO_SOI:
        return PAL_NOT_AN_IMAGE;
    case JERR_EMPTY_IMAGE:
        /* Height 0 announces a DNL marker, which no common decoder reads; width 0 means nothing. */
        return d->info.image_height == 0 && d->info.image_width > 0 ? PAL_UNSUPPORTED : PAL_CORRUPT;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
        return PAL_UNSUPPORTED;
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        return PAL_TOO_LARGE;
    case JERR_OUT_OF_MEMORY:
        return PAL_OUT_OF_MEMORY;
    default:
        return PAL_CORRUPT;
    }
}

static void on_error(j_common_ptr info) {
    struct decoder *d = decoder_of(info);
    char text[JMSG_LENGTH_MAX];
    (*info->err->format_message)(info, text);
    PAL_SAY(d->image->message, "%s", text);
    fail(d, classify(d));
}

static void on_message(j_common_ptr info, int level) {
    struct decoder *d = decoder_of(info);
    if (level >= 0) return; /* traces */
    /* Coefficients were wanted beyond the made-up end: the picture is not whole. */
    if (d->end_was_made_up && info->err->msg_code == JWRN_HIT_MARKER) fail_truncated(d);
    if (d->image->warnings++ == 0) {
        char text[JMSG_LENGTH_MAX];
        (*info->err->format_message)(info, text);
        PAL_SAY(d->image->first_warning, "%s", text);
    }
}

static void print_nothing(j_common_ptr info) { (void)info; }

static void init_source(j_decompress_ptr info) { (void)info; }
static void term_source(j_decompress_ptr info) { (void)info; }

/* The whole file is in the buffer from the start, so a call means that it is over. */
static boolean out_of_bytes(j_decompress_ptr info) {
    static const JOCTET end[2] = {0xFF, JPEG_EOI};
    struct decoder *d = decoder_of((j_common_ptr)info);
    if (d->end_is_error) fail_truncated(d);
    d->end_was_made_up = 1;
    info->src->next_input_byte = end;
    info->src->bytes_in_buffer = 2;
    return TRUE;
}

static void skip_bytes(j_decompress_ptr info, long count) {
    if (count <= 0) return;
    if ((size_t)count > info->src->bytes_in_buffer) fail_truncated(decoder_of((j_common_ptr)info));
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= (size_t)count;
}

static void on_progress(j_common_ptr info) {
    struct decoder *d = decoder_of(info);
    if ((uint64_t)d->info.input_scan_number > d->allowed_scans) {
        PAL_SAY(d->image->message, "more than %llu scans", (unsigned long long)d->allowed_scans);
        fail(d, PAL_TOO_LARGE);
    }
}

/* Refuses, from the header alone, pictures beyond the limits and files too short for what they declare. */
static void check_header(struct decoder *d) {
    struct jpeg_decompress_struct *info = &d->info;
    int components = info->num_components;
    if (components != 1 && components != 3 && components != 4) {
        PAL_SAY(d->image->message, "%d components; 1, 3 and 4 can be read", components);
        fail(d, PAL_UNSUPPORTED);
    }
    int multiple_scans = jpeg_has_multiple_scans(info);
    uint64_t blocks = 0;
    for (int i = 0; i < components; i++)
        blocks += (uint64_t)info->comp_info[i].width_in_blocks * info->comp_info[i].height_in_blocks;
    uint64_t coefficients = multiple_scans ? blocks * sizeof(JBLOCK) : 0;
    pal_status status = pal_check_size(d->limits, info->image_width, info->image_height, components == 1 ? 1 : 3,
                                       coefficients, d->image->message);
    if (status != PAL_OK) fail(d, status);
    /* Every block takes a bit at least, except with arithmetic coding. */
    if (!info->arith_code && blocks / 8 > d->size) {
        PAL_SAY(d->image->message, "%zu bytes cannot hold the declared %u x %u pixels", d->size, info->image_width,
                info->image_height);
        fail(d, PAL_TRUNCATED);
    }
    uint64_t pixels = (uint64_t)info->image_width * info->image_height;
    d->allowed_scans = scan_pixels / pixels < usual_scans ? usual_scans : scan_pixels / pixels;
    if (d->allowed_scans > d->limits->max_scans) d->allowed_scans = d->limits->max_scans;
    d->end_is_error = multiple_scans || info->arith_code;
}

/* Adobe stores ink inverted (255 = none) and so does nearly every four-component file; all are read that way. */
static void cmyk_line(const uint8_t *from, uint8_t *to, uint32_t width) {
    for (uint32_t x = 0; x < width; x++) {
        uint32_t black = from[4 * x + 3];
        for (uint32_t c = 0; c < 3; c++) to[3 * x + c] = (uint8_t)((from[4 * x + c] * black + 127) / 255);
    }
}

static pal_status run(struct decoder *d, const uint8_t *data) {
    if (setjmp(d->jump)) return d->status;
    struct jpeg_decompress_struct *info = &d->info;
    info->err = jpeg_std_error(&d->errors);
    d->errors.error_exit = on_error;
    d->errors.emit_message = on_message;
    d->errors.output_message = print_nothing;
    info->client_data = d;
    jpeg_create_decompress(info); /* keeps err and client_data */
    d->progress.progress_monitor = on_progress;
    info->progress = &d->progress;
    d->source.init_source = init_source;
    d->source.fill_input_buffer = out_of_bytes;
    d->source.skip_input_data = skip_bytes;
    d->source.resync_to_restart = jpeg_resync_to_restart;
    d->source.term_source = term_source;
    d->source.next_input_byte = data;
    d->source.bytes_in_buffer = d->size;
    info->src = &d->source;

    d->end_is_error = 1;
    jpeg_read_header(info, TRUE);
    check_header(d);

    info->out_color_space = info->num_components == 1 ? JCS_GRAYSCALE : info->num_components == 3 ? JCS_RGB : JCS_CMYK;
    info->dct_method = JDCT_ISLOW;
    info->do_fancy_upsampling = TRUE;
    info->scale_num = 1;
    info->scale_denom = d->scale;
    jpeg_start_decompress(info);
    d->image->width = info->output_width;
    d->image->height = info->output_height;
    d->image->channels = info->num_components == 1 ? 1 : 3;
    d->image->bits = d->image->stored_bits = 8;
    size_t line = (size_t)info->output_width * d->image->channels;
    d->image->bytes = line * info->output_height;
    d->image->samples = malloc(d->image->bytes);
    if (info->num_components == 4) d->row = malloc((size_t)info->output_width * 4);
    if (!d->image->samples || (info->num_components == 4 && !d->row)) {
        PAL_SAY(d->image->message, "no memory for %zu bytes", d->image->bytes);
        return PAL_OUT_OF_MEMORY;
    }
    while (info->output_scanline < info->output_height) {
        uint8_t *target = d->image->samples + line * info->output_scanline;
        JSAMPROW rows[1] = {d->row ? d->row : target};
        jpeg_read_scanlines(info, rows, 1);
        if (d->row) cmyk_line(d->row, target, info->output_width);
    }
    /* No jpeg_finish_decompress: whatever follows the last line does not matter. */
    return PAL_OK;
}

pal_status pal_decode_jpeg(const uint8_t *data, size_t size, const pal_limits *limits, uint32_t scale,
                           pal_image *image) {
    memset(image, 0, sizeof *image);
    if (size < 3) {
        static const uint8_t start[2] = {0xFF, 0xD8};
        int could_be = size > 0 && memcmp(data, start, size < 2 ? size : 2) == 0;
        PAL_SAY(image->message, "%zu bytes are no picture", size);
        return could_be ? PAL_TRUNCATED : PAL_NOT_AN_IMAGE;
    }
    struct decoder d;
    memset(&d, 0, sizeof d);
    d.image = image;
    d.limits = limits;
    d.scale = scale;
    d.size = size;
    pal_status status = run(&d, data);
    jpeg_destroy_decompress(&d.info);
    free(d.row);
    if (status != PAL_OK) {
        free(image->samples);
        image->samples = NULL;
        image->bytes = 0;
    }
    return status;
}
