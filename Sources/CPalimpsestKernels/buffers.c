#define _DEFAULT_SOURCE
#include "buffers.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { SMALL_ALIGNMENT = 64, LARGE = 1 << 20, LARGE_ALIGNMENT = 2 << 20 };

void *pal_buffer_allocate(size_t bytes) {
    void *buffer = NULL;
    size_t alignment = bytes >= LARGE ? LARGE_ALIGNMENT : SMALL_ALIGNMENT;
    if (posix_memalign(&buffer, alignment, bytes > 0 ? bytes : SMALL_ALIGNMENT) != 0) return NULL;
#ifdef MADV_HUGEPAGE
    /* Only a hint: where it fails, the pages are small and the buffer works all the same. */
    if (bytes >= LARGE) (void)madvise(buffer, bytes, MADV_HUGEPAGE);
#endif
    return buffer;
}

void pal_buffer_free(void *buffer) { free(buffer); }
