#pragma once
#include <stddef.h>

#pragma clang assume_nonnull begin

/* Memory for arrays of numbers: 64-byte aligned; from 1 MiB on 2 MiB-aligned and, where the system has them, in huge
   pages. Contents undefined. NULL when there is no memory. */
void *_Nullable pal_buffer_allocate(size_t bytes);
void pal_buffer_free(void *_Nullable buffer);

#pragma clang assume_nonnull end
