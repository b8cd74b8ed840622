#pragma once
#include <stdbool.h>

/* What process groups need of MPI, without MPI's own types: its constants are casts behind macros, and differ between libraries.
   All functions but the first two and the last two return 0, or the library's error number; they are called by one thread. */

#pragma clang assume_nonnull begin

/* Whether this build has MPI in it; without it, nothing else is called. */
bool pal_mpi_is_built_in(void);
/* A sentence of the library on an error number, until the next call. */
const char *pal_mpi_error_text(int error);

/* Joins the processes that were launched together; `neighbours` are those on the same machine. */
int pal_mpi_join(int *rank, int *count, int *neighbours);

/* Hands the number of every process to all. */
int pal_mpi_gather_number(int number, int *all);
/* Hands the bytes of every process to all, with the lengths and the places that all know. */
int pal_mpi_gather_bytes(const void *own, int count, void *all, const int *counts, const int *starts);
/* Hands the slice that each process has of `whole` to all, in place. */
int pal_mpi_gather_slices(float *whole, const int *counts, const int *starts);
/* Hands the slice of each process to the first one, which alone has a `whole`. */
int pal_mpi_collect_slices(const float *own, int count, float *_Nullable whole, const int *counts, const int *starts);

/* Begins to send to every process its slice of `send`, and to receive `count` numbers from each, one after another. One exchange at
   a time is under way, and both stretches stay as they are until its end. */
int pal_mpi_begin_exchange(const float *send, const int *counts, const int *starts, float *received,
                           const int *received_counts, const int *received_starts);
/* Waits for its end. */
int pal_mpi_end_exchange(void);

/* Leaves, once all do. */
void pal_mpi_leave(void);
/* Ends all processes. */
void pal_mpi_abort(int code);

#pragma clang assume_nonnull end
