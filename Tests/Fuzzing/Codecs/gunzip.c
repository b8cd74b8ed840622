/* Any bytes as a gzip stream, in pieces whose sizes the first bytes choose; a megabyte of output is enough. */
#include "image_codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t out[1 << 12];
    if (size < 2) return 0;
    size_t piece = 1 + data[0];
    size_t room = 1 + (data[1] & 15) * 256;
    data += 2;
    size -= 2;
    pal_gunzip *stream = pal_gunzip_open();
    if (!stream) return 0;
    size_t total = 0;
    while (total < 1 << 20) {
        size_t used = 0, made = 0;
        int ended = 0;
        size_t given = size < piece ? size : piece;
        pal_status status = pal_gunzip_step(stream, data, given, &used, out, room, &made, &ended);
        if (used > given || made > room) __builtin_trap();
        if (status != PAL_OK || (used == 0 && made == 0)) break;
        data += used;
        size -= used;
        total += made;
    }
    pal_gunzip_close(stream);
    return 0;
}
