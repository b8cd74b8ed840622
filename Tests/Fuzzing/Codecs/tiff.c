/* Any bytes as the first page of a TIFF: the whole of it, and a region of the file that the last bytes choose. Where both are read
 * without a warning, the region shows what the whole does. */
#define _GNU_SOURCE
#include "fuzz_limits.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(pal_status status, const pal_image *image) {
    if (status == PAL_OK && image->bytes != (size_t)image->width * image->height * image->channels * (image->bits / 8))
        __builtin_trap();
    if (status != PAL_OK && (image->samples || !image->message[0])) __builtin_trap();
}

static void compare(const pal_image *whole, const pal_image *part, const pal_region *r) {
    size_t pixel = (size_t)whole->channels * (whole->bits / 8);
    if (part->channels != whole->channels || part->bits != whole->bits) __builtin_trap();
    for (size_t y = 0; y < r->height; y++)
        if (memcmp(part->samples + y * r->width * pixel, whole->samples + ((r->top + y) * whole->width + r->left) * pixel,
                   r->width * pixel))
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pal_image whole, part;
    pal_status status = pal_decode_tiff(data, size, 0, &limits, &whole);
    check(status, &whole);
    int file = memfd_create("picture", 0);
    if (file < 0 || size < 4 || write(file, data, size) != (ssize_t)size) goto end;
    const uint8_t *last = data + size - 4;
    pal_region region = {.left = last[0], .top = last[1], .width = last[2], .height = last[3]};
    if (status == PAL_OK) { /* inside, mostly */
        region.left %= whole.width;
        region.top %= whole.height;
        region.width = 1 + region.width % (whole.width - region.left);
        region.height = 1 + region.height % (whole.height - region.top);
    }
    pal_status of_part = pal_decode_tiff_region(file, size, 0, &region, &limits, &part);
    check(of_part, &part);
    if (status == PAL_OK && of_part == PAL_OK && !whole.warnings && !part.warnings) compare(&whole, &part, &region);
    pal_free(part.samples);
end:
    if (file >= 0) close(file);
    pal_free(whole.samples);
    return 0;
}
