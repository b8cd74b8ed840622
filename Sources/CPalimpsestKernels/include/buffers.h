#pragma once
#include <stddef.h>

#pragma clang assume_nonnull begin

/* Memory for arrays of numbers: 64-byte aligned; from 1 MiB on 2 MiB-aligned and, where the system has them, in huge
   pages. Contents undefined. NULL when there is no memory. */
void *_Nullable pal_buffer_allocate(size_t bytes);
void pal_buffer_free(void *_Nullable buffer);

/* A lock between threads, the system's: the thread sanitizer sees it, other than that of Swift's own library on Linux.
   NULL without memory. */
typedef struct pal_lock pal_lock;
pal_lock *_Nullable pal_lock_create(void);
void pal_lock_destroy(pal_lock *lock);
void pal_lock_acquire(pal_lock *lock);
void pal_lock_release(pal_lock *lock);

#pragma clang assume_nonnull end
