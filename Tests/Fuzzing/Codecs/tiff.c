/* Any bytes as the first page of a TIFF. */
#include "fuzz_limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pal_image image;
    pal_status status = pal_decode_tiff(data, size, 0, &limits, &image);
    if (status == PAL_OK && image.bytes != (size_t)image.width * image.height * image.channels * (image.bits / 8))
        __builtin_trap();
    if (status != PAL_OK && (image.samples || !image.message[0])) __builtin_trap();
    pal_free(image.samples);
    return 0;
}
