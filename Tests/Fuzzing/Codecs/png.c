/* Any bytes as a PNG picture, and as a map of numbers. */
#include "fuzz_limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int as_indices = 0; as_indices < 2; as_indices++) {
        pal_image image;
        pal_status status = as_indices ? pal_decode_png_indices(data, size, &limits, &image)
                                       : pal_decode_png(data, size, &limits, &image);
        /* A picture has as many samples as its header says, a failure has none. */
        if (status == PAL_OK && image.bytes != (size_t)image.width * image.height * image.channels * (image.bits / 8))
            __builtin_trap();
        if (status == PAL_OK && as_indices && image.channels != 1) __builtin_trap();
        if (status != PAL_OK && (image.samples || !image.message[0])) __builtin_trap();
        pal_free(image.samples);
    }
    return 0;
}
