/* Any bytes as a JPEG picture, at one of the four scales. */
#include "fuzz_limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pal_image image;
    uint32_t scale = size > 0 ? 1u << (data[size - 1] % 4) : 1;
    pal_status status = pal_decode_jpeg(data, size, &limits, scale, &image);
    if (status == PAL_OK && image.bytes != (size_t)image.width * image.height * image.channels * (image.bits / 8))
        __builtin_trap();
    if (status != PAL_OK && (image.samples || !image.message[0])) __builtin_trap();
    pal_free(image.samples);
    return 0;
}
