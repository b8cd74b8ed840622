/* gzip streams, inflated piece by piece so that memory is bounded by what the caller keeps. */
#include "common.h"

#include <stdlib.h>
#include <zlib.h>

struct pal_gunzip {
    z_stream stream;
    int between_members; /* a member has ended and no byte of a next one was seen */
};

pal_gunzip *pal_gunzip_open(void) {
    pal_gunzip *g = calloc(1, sizeof *g);
    if (g && inflateInit2(&g->stream, 15 + 16) != Z_OK) { /* 16: gzip only */
        free(g);
        g = NULL;
    }
    return g;
}

pal_status pal_gunzip_step(pal_gunzip *g, const uint8_t *in, size_t in_size, size_t *used, uint8_t *out,
                           size_t out_size, size_t *made, int *ended) {
    z_stream *z = &g->stream;
    const size_t most = 1u << 30; /* zlib counts in 32 bits */
    z->next_in = (Bytef *)in;
    z->avail_in = (uInt)(in_size < most ? in_size : most);
    z->next_out = out;
    z->avail_out = (uInt)(out_size < most ? out_size : most);
    pal_status status = PAL_OK;
    while (z->avail_out > 0) {
        if (g->between_members) {
            if (z->avail_in == 0) break;
            inflateReset(z);
            g->between_members = 0;
        }
        int result = inflate(z, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            g->between_members = 1;
        } else if (result == Z_BUF_ERROR) {
            break; /* wants more input or more room */
        } else if (result != Z_OK) {
            status = result == Z_MEM_ERROR ? PAL_OUT_OF_MEMORY : PAL_CORRUPT;
            break;
        }
    }
    *used = (size_t)(z->next_in - in);
    *made = (size_t)(z->next_out - out);
    *ended = g->between_members;
    return status;
}

void pal_gunzip_close(pal_gunzip *g) {
    if (!g) return;
    inflateEnd(&g->stream);
    free(g);
}
