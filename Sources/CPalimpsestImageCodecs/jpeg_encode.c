/* JPEG encoding with libjpeg(-turbo), into memory. */
#include "common.h"

#include <setjmp.h>
#include <string.h>

#include <jpeglib.h>

struct encoder {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    jmp_buf jump;
    char *message;
    unsigned char *bytes;
    unsigned long size;
};

static void on_error(j_common_ptr info) {
    struct encoder *e = (struct encoder *)info->client_data;
    char text[JMSG_LENGTH_MAX];
    (*info->err->format_message)(info, text);
    PAL_SAY(e->message, "%s", text);
    longjmp(e->jump, 1);
}

static void on_message(j_common_ptr info, int level) {
    (void)info;
    (void)level;
}

/* All state lives in `e`, so nothing here needs its value after the jump. */
static pal_status run(struct encoder *e, const uint8_t *samples, uint32_t width, uint32_t height, int quality) {
    e->info.err = jpeg_std_error(&e->errors);
    e->errors.error_exit = on_error;
    e->errors.emit_message = on_message;
    e->info.client_data = e;
    if (setjmp(e->jump)) return PAL_OUT_OF_MEMORY;
    jpeg_create_compress(&e->info);
    jpeg_mem_dest(&e->info, &e->bytes, &e->size);
    e->info.image_width = width;
    e->info.image_height = height;
    e->info.input_components = 3;
    e->info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e->info);
    jpeg_set_quality(&e->info, quality, TRUE);
    /* Small pictures stand side by side: colours at half the resolution would run from one into the next. */
    e->info.comp_info[0].h_samp_factor = 1;
    e->info.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&e->info, TRUE);
    while (e->info.next_scanline < height) {
        /* The library takes lines it does not change by a type that would let it. */
        JSAMPROW row = (JSAMPROW)(uintptr_t)(samples + (size_t)e->info.next_scanline * width * 3);
        jpeg_write_scanlines(&e->info, &row, 1);
    }
    jpeg_finish_compress(&e->info);
    return PAL_OK;
}

pal_status pal_encode_jpeg(const uint8_t *samples, uint32_t width, uint32_t height, int quality, uint8_t **encoded,
                           size_t *size, char message[256]) {
    struct encoder e;
    memset(&e, 0, sizeof e);
    message[0] = 0;
    e.message = message;
    pal_status status = run(&e, samples, width, height, quality);
    jpeg_destroy_compress(&e.info);
    /* The library tells where its buffer is at the end alone: after an error e.bytes may be one that it has freed. */
    *encoded = status == PAL_OK ? e.bytes : NULL;
    *size = status == PAL_OK ? (size_t)e.size : 0;
    return status;
}
